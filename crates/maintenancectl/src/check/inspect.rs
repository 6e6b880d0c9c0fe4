//! The checks of each kind of file.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::allow::{invitations, lines, list, plugin_cfg};
use maintenance_core::flag::ActiveFlag;
use maintenance_core::flag::spec::{FlagSpec, MAX_SIZE, Phase};
use maintenance_core::page::{self, Facts, PageName, ServerName};

use super::finding::{Finding, Severity, line_range};
use super::kind::{self, Kind};
use crate::settings::{Settings, Wrong};
use crate::spoken::said;

/// How many errors of a list are shown.
const SHOWN: usize = 50;

/// What the checks depend on.
pub(crate) struct Circumstances<'c> {
    pub(crate) now: Timestamp,
    pub(crate) zone: &'c TimeZone,
    /// The flag with which pages are rendered.
    pub(crate) closing: Option<&'c ActiveFlag>,
}

type Inspected = (Option<String>, Vec<Finding>);

/// Checks a content. Returns what it says, and what is wrong.
pub(super) fn inspect(
    path: &Path,
    kind: Kind,
    content: &[u8],
    text: &str,
    circumstances: &Circumstances<'_>,
) -> Inspected {
    match kind {
        Kind::Flag => flag(content, text, circumstances),
        Kind::Page => of_page(path, content, text, circumstances),
        Kind::Allow => allow(content, text, circumstances),
        Kind::PluginCfg => plugin(content, text),
        Kind::Invitations => of_invitations(content, text, circumstances),
        Kind::Settings => of_settings(text),
    }
}

fn flag(content: &[u8], text: &str, circumstances: &Circumstances<'_>) -> Inspected {
    let Circumstances { now, zone, .. } = *circumstances;
    if content.len() as u64 > MAX_SIZE {
        let message = format!("has {} bytes; a flag has at most {MAX_SIZE}", content.len());
        return (None, vec![Finding::of_file(Severity::Error, &message)]);
    }
    let findings = FlagSpec::findings(content, zone);
    let all = [(Severity::Error, findings.errors), (Severity::Warning, findings.warnings)];
    let finding = |severity, found: maintenance_core::flag::spec::Finding| {
        let span = match found.span.is_empty() {
            true => {
                let line = line_range(text, found.error.line());
                let before = text.get(line.clone()).unwrap_or_default().chars();
                let before = before.take(found.error.column().saturating_sub(1));
                let start = line.start + before.map(char::len_utf8).sum::<usize>();
                start..start
            }
            false => found.span,
        };
        Finding::of_file(severity, found.error.cause()).at(text, span)
    };
    let findings = all
        .into_iter()
        .flat_map(|(severity, found)| found.into_iter().map(move |found| (severity, found)))
        .map(|(severity, found)| finding(severity, found))
        .collect();
    let summary =
        FlagSpec::parse(content, zone).ok().map(|spec| meaning(&spec, now, circumstances));
    (summary, findings)
}

/// What a flag does now.
fn meaning(spec: &FlagSpec, now: Timestamp, circumstances: &Circumstances<'_>) -> String {
    let said = |at: Option<maintenance_core::text::time::Moment>| {
        at.map_or_else(String::new, |at| said(at.at(), now, circumstances.zone))
    };
    let end = match spec.end() {
        Some(end) => format!(", until {}", said(Some(end))),
        None => String::new(),
    };
    match spec.phase(now) {
        Phase::Inactive => "is open: closed = false".into(),
        Phase::Announced => format!("closes at {}{end}", said(spec.start())),
        Phase::Closed => format!("closes at once{end}"),
        Phase::Overdue => format!("closes at once; the end was {}", said(spec.end())),
        Phase::Reopening => "admits a rising share of the clients".into(),
        Phase::Reopened => format!("is open again since {}", said(spec.open_from())),
    }
}

fn of_page(
    path: &Path,
    content: &[u8],
    text: &str,
    circumstances: &Circumstances<'_>,
) -> Inspected {
    let name = match path == Path::new("-") {
        true => kind::page_name(content),
        false => match PageName::of(path) {
            Ok(name) => name,
            Err(error) => {
                let message = error.to_string();
                return (None, vec![Finding::of_file(Severity::Error, &message)]);
            }
        },
    };
    let host = ServerName::new("www.example.com");
    let facts = circumstances.closing.map(|closing| Facts {
        closing,
        status: 500,
        retry_after: Some(300),
        host: &host,
    });
    match page::check(&name, content, facts) {
        Ok(is_short) => {
            let short = is_short.then(|| {
                let message = "is so short that some browsers show an error page of their own; \
                               write more than 512 bytes";
                Finding::of_file(Severity::Warning, message)
            });
            let language = name.language.map_or_else(String::new, |tag| format!(", in {tag}"));
            let kind = if name.is_template { "a template" } else { "a page" };
            (Some(format!("{kind}{language}")), short.into_iter().collect())
        }
        Err(message) => (None, page_errors(text, &message, name.is_template)),
    }
}

fn page_errors(text: &str, message: &str, is_template: bool) -> Vec<Finding> {
    if let Some((_, names)) = message.split_once("uses unknown variables: ") {
        let names = names.split(" (").next().unwrap_or_default();
        let unknown = |name: &str| {
            let finding =
                Finding::of_file(Severity::Error, &format!("there is no variable \"{name}\""));
            let finding = Finding {
                help: Some("docs/pages.md lists the variables; own ones are in vars".into()),
                ..finding
            };
            match word(text, name) {
                Some(at) => finding.at(text, at..at + name.len()),
                None => finding,
            }
        };
        return names.split(", ").map(unknown).collect();
    }
    let place = message.rsplit_once(" at line ").and_then(|(cause, place)| {
        let (line, column) = place.split_once(" column ")?;
        let column = column.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((cause, line.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
    });
    if let Some((cause, line, column)) = place
        && !is_template
    {
        let range = line_range(text, line);
        let start = range.start + column.saturating_sub(1);
        return vec![Finding::of_file(Severity::Error, cause).at(text, start..start + 1)];
    }
    if let Some(byte) = message.strip_prefix("is not UTF-8 (byte ")
        && let Some(byte) = byte.split(')').next().and_then(|byte| byte.parse().ok())
    {
        let finding =
            Finding::of_file(Severity::Error, "this is not UTF-8; save the file as UTF-8");
        return vec![finding.at(text, byte..byte + 1)];
    }
    vec![Finding::from_message(Severity::Error, text, message)]
}

/// The first place of a word that is not a part of another one.
fn word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let places = text.match_indices(word).map(|(at, _)| at);
    let inside = text.find("{{").into_iter().chain(text.find("{%")).min().unwrap_or(0);
    places.filter(|at| *at >= inside).find(|at| {
        let before = text.get(..*at).unwrap_or_default();
        let behind = text.get(at + word.len()..).unwrap_or_default();
        !is_part(before.chars().next_back()) && !is_part(behind.chars().next())
    })
}

fn allow(content: &[u8], text: &str, circumstances: &Circumstances<'_>) -> Inspected {
    let Circumstances { now, zone, .. } = *circumstances;
    let mut findings = all_lines(content, text, |content| {
        list::parse(content, zone).err().map(|error| error.to_string())
    });
    let entries = list::parse(content, zone).unwrap_or_default();
    for entry in entries.iter().filter(|entry| entry.until.is_some_and(|until| until <= now)) {
        let until = entry.until.unwrap_or(now);
        let message =
            format!("line {}: this entry has ended, {}", entry.origin, said(until, now, zone));
        findings.push(Finding::from_message(Severity::Warning, text, &message));
    }
    findings.extend(unfinished(content, text));
    let number = entries.len();
    let one = if number == 1 { "" } else { "s" };
    (
        Some(format!("{number} address{} or network{one}", if one.is_empty() { "" } else { "es" })),
        findings,
    )
}

fn of_invitations(content: &[u8], text: &str, circumstances: &Circumstances<'_>) -> Inspected {
    let Circumstances { now, zone, .. } = *circumstances;
    let mut findings = all_lines(content, text, |content| {
        invitations::file::parse(content, zone).err().map(|error| error.to_string())
    });
    let found = invitations::file::parse(content, zone).unwrap_or_default();
    for invitation in found.iter().filter(|invitation| invitation.is_expired(now)) {
        let until = invitation.until.unwrap_or(now);
        let message = format!(
            "line {}: the invitation of \"{}\" has ended, {}",
            invitation.line,
            invitation.name,
            said(until, now, zone)
        );
        findings.push(Finding::from_message(Severity::Warning, text, &message));
    }
    findings.extend(unfinished(content, text));
    let one = if found.len() == 1 { "" } else { "s" };
    (Some(format!("{} invitation{one}", found.len())), findings)
}

fn of_settings(text: &str) -> Inspected {
    match Settings::parse(text) {
        Ok(settings) => {
            let count = settings.servers.len();
            let servers = if count == 1 { "1 server".into() } else { format!("{count} servers") };
            (Some(format!("settings of maintenancectl, {servers}")), vec![])
        }
        Err(Wrong { span, cause }) => {
            (None, vec![Finding::of_file(Severity::Error, &cause).at(text, span)])
        }
    }
}

/// The errors of all lines. The module stops at the first.
fn all_lines(content: &[u8], text: &str, parse: impl Fn(&[u8]) -> Option<String>) -> Vec<Finding> {
    let mut findings = vec![];
    let mut lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
    while findings.len() < SHOWN
        && let Some(message) = parse(&lines.join(&b'\n'))
    {
        let finding = Finding::from_message(Severity::Error, text, &message);
        let line = finding.place.as_ref().map(|place| place.line);
        findings.push(finding);
        match line.and_then(|line| lines.get_mut(line - 1)) {
            // Without this line, the next error is found.
            Some(wrong) if *wrong != b"#" => *wrong = b"#",
            _ => break,
        }
    }
    findings
}

fn unfinished(content: &[u8], text: &str) -> Option<Finding> {
    let last = || {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        text.len().max(start)
    };
    lines::is_unfinished(content).then(|| {
        let message = "the last line has no line end, so that it may be half of a line; the module \
                       waits until the file is at rest";
        Finding::of_file(Severity::Warning, message).at(text, last()..last())
    })
}

fn plugin(content: &[u8], text: &str) -> Inspected {
    match plugin_cfg::parse(content) {
        Ok(found) => {
            let odd = found.odd.iter().map(ToString::to_string);
            let warning = |message: String| {
                let message = format!("{message}; it admits nobody");
                Finding::from_message(Severity::Warning, text, &message)
            };
            let number = found.hosts.len();
            let hosts = if number == 1 { "1 host".into() } else { format!("{number} hosts") };
            (Some(hosts), odd.map(warning).collect())
        }
        Err(error) => {
            (None, vec![Finding::from_message(Severity::Error, text, &error.to_string())])
        }
    }
}

/// The text of a file of invitations without what could be a secret: of each line, the name alone
/// and the words with `=` stay.
pub(super) fn masked(text: &str) -> String {
    let line = |line: &str| {
        let (entry, comment) = line.split_at(line.find('#').unwrap_or(line.len()));
        let mut is_name = true;
        let mut result = String::with_capacity(line.len());
        for part in entry.split_inclusive(char::is_whitespace) {
            let word = part.trim_end();
            let is_limit = ["until=", "path="].iter().any(|key| word.starts_with(key));
            let is_shown = word.is_empty() || is_name && word.len() < 22 || is_limit;
            match is_shown {
                true => result += part,
                false => {
                    result.extend(std::iter::repeat_n('*', word.len()));
                    result += part.get(word.len()..).unwrap_or_default();
                }
            }
            is_name &= word.is_empty();
        }
        result + comment
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
