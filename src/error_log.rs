//! Lines in httpd's error log.

use std::path::Path;
use std::ptr;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::sys::bindings::{
    APLOG_DEBUG, APLOG_ERR, APLOG_NOTICE, APLOG_WARNING, maintenance_log, server_rec,
};
use crate::sys::process;
use maintenance_core::file::watched::{FileEvent, Instead};
use maintenance_core::flag::spec::FlagSpec;
use maintenance_core::flag::{self, FlagEvent, FlagFile, FolderProblem};
use maintenance_core::text::time::Moment;
use maintenance_core::text::{self, user, zone};

/// Writes a line to the error log of a server, or of the main server if `server` is None.
pub(crate) fn write(server: Option<&server_rec>, level: i32, message: &str) {
    let line = format!("maintenance: {}", text::shown(message));
    let server = server.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: null means the main server. The text is copied before the call returns.
    unsafe { maintenance_log(server, level, line.as_ptr().cast(), line.len()) };
}

/// Writes an error to the main server's error log.
pub(crate) fn error(message: &str) {
    write(None, APLOG_ERR, message);
}

/// Logs an event of a flag.
pub(crate) fn flag(event: &FlagEvent<'_>) {
    let (level, message) = say(event);
    write(None, level, &message);
}

/// Logs that a page was rendered; None is the built-in page.
pub(crate) fn rendered(page: Option<&Path>, media: &str) {
    let page = page.map_or_else(|| "the built-in page".into(), |page| page.display().to_string());
    write(None, APLOG_DEBUG, &format!("{page} was rendered ({media})"));
}

/// Logs an event of a file.
pub(crate) fn file(event: FileEvent<'_>) {
    match event {
        FileEvent::Read { path } => {
            write(None, APLOG_NOTICE, &format!("{} has changed and was read", path.display()));
        }
        FileEvent::AtRestart { path, cause, instead } => write(
            None,
            APLOG_ERR,
            &format!("\"{}\" {cause}; {}", path.display(), in_force(instead)),
        ),
        FileEvent::Outdated { path } => write(
            None,
            APLOG_ERR,
            &format!(
                "\"{}\" cannot be used, and this process has not seen its last good version; it \
                 admits nobody by the file until the file can be used again",
                path.display()
            ),
        ),
        FileEvent::Unresolved { path, names } => write(
            None,
            APLOG_WARNING,
            &format!(
                "names in {} do not resolve and admit nobody: {names}; while closed, they are \
                 tried again every 30 s",
                path.display()
            ),
        ),
        FileEvent::Resolved { path } => {
            write(None, APLOG_NOTICE, &format!("all names in {} resolve now", path.display()));
        }
        FileEvent::Odd { path, what } => {
            write(None, APLOG_WARNING, &format!("in {} this admits nobody: {what}", path.display()))
        }
        FileEvent::Rendered { path } => {
            write(None, APLOG_NOTICE, &format!("{} can be rendered again", path.display()));
        }
        FileEvent::Unrendered { path, cause } => write(
            None,
            APLOG_ERR,
            &format!(
                "\"{}\" {cause}, with the flag's content; the built-in page is sent instead",
                path.display()
            ),
        ),
        FileEvent::Broken { path, cause } => write(
            None,
            APLOG_ERR,
            &format!("\"{}\" {cause}; the last good version stays in force", path.display()),
        ),
    }
}

/// Describes what is in force if a file could not be used at a restart.
fn in_force(instead: Instead) -> String {
    let of = |written: Option<SystemTime>| {
        let written = written.and_then(|at| Timestamp::try_from(at).ok());
        let local = |at| Moment::local(at, &zone::of_server()).text_with_seconds();
        written.map_or_else(String::new, |at| format!(", of {},", local(at)))
    };
    match instead {
        Instead::LastGood(written) => {
            format!("the last good version{} stays in force", of(written))
        }
        Instead::Older(written) => {
            format!("the last good version is lost, and an older one{} is in force", of(written))
        }
        Instead::Nobody => "it admits nobody until it can be used".into(),
        Instead::PathAlone => {
            "the share depends on the path of the flag alone until the next restart".into()
        }
        Instead::BuiltIn => "the built-in page is sent instead until it can be used".into(),
        Instead::Outdated => {
            "it admits nobody until it can be used: its last good version is lost, and the older \
             copy may contain addresses that have been removed since"
                .into()
        }
    }
}

fn owner(file: &FlagFile) -> String {
    format!(", owner {}", user::name(file.owner))
}

/// What is unusual about the file.
fn oddity(file: &Option<FlagFile>) -> String {
    let kind = file.map(|file| file.kind).filter(|kind| !kind.is_plain());
    kind.map_or_else(String::new, |kind| format!("; it {kind}"))
}

/// Until when, by whom, under which number, and why.
fn details(spec: &FlagSpec) -> String {
    const SHOWN: usize = 200;
    let end = spec.end().map(|end| end.text());
    let parts = [
        ("until", end.as_deref()),
        ("by", spec.by()),
        ("ticket", spec.ticket()),
        ("reason:", spec.reason()),
    ];
    let part = |(name, text): (&str, Option<&str>)| {
        let text = text?;
        let start: String = text.chars().take(SHOWN).collect();
        let more = if start.len() < text.len() { "..." } else { "" };
        Some(format!(", {name} {start}{more}"))
    };
    parts.into_iter().filter_map(part).collect()
}

/// Which requests are refused, if not all.
fn mode(spec: &FlagSpec) -> String {
    let writes = if spec.is_read_only() { " for writes alone" } else { "" };
    match spec.admit_percent() {
        Some(percent) => format!("{writes} for all but {percent} per cent of the clients"),
        None => writes.to_owned(),
    }
}

fn say(event: &FlagEvent<'_>) -> (i32, String) {
    match event {
        FlagEvent::Closed { flag, file, spec } => {
            let since = file.as_ref().and_then(|file| file.since);
            let message = format!(
                "closed by the flag {}{}, there since {}, owner {}{}{}",
                flag.display(),
                mode(spec),
                since.map_or_else(|| "an unknown time".into(), |at| at.text_with_seconds()),
                file.as_ref().map_or_else(|| "unknown".into(), |file| user::name(file.owner)),
                details(spec),
                oddity(file)
            );
            (APLOG_NOTICE, message)
        }
        FlagEvent::Announced { flag, start, file, opens, spec } => {
            let opens = if *opens { "open again, " } else { "" };
            let (flag, start, odd) = (flag.display(), start.text(), oddity(file));
            let owner = file.as_ref().map_or_else(String::new, owner);
            let more = details(spec);
            let mode = mode(spec);
            let message =
                format!("{opens}the flag {flag} closes{mode} at {start}{owner}{more}{odd}");
            (APLOG_NOTICE, message)
        }
        FlagEvent::Inactive { flag, file, opens } => {
            let opens = if *opens { "open again, " } else { "" };
            let (flag, odd) = (flag.display(), oddity(file));
            let owner = file.as_ref().map_or_else(String::new, owner);
            let message = format!("{opens}the flag {flag} does not close, it says closed = false");
            (APLOG_NOTICE, format!("{message}{owner}{odd}"))
        }
        FlagEvent::Overdue { flag, end } => (
            APLOG_WARNING,
            format!(
                "overdue: the flag {} was to end at {}; still closed until it is removed",
                flag.display(),
                end.text()
            ),
        ),
        FlagEvent::Reopening { flag, end, until } => (
            APLOG_NOTICE,
            format!(
                "reopening, the flag {} has reached its end at {}; all clients pass from {} on",
                flag.display(),
                end.text(),
                until.text()
            ),
        ),
        FlagEvent::Reopened { flag, end, at, opens } => {
            let opens = if *opens { "open again, " } else { "" };
            let later = match at == end {
                true => String::new(),
                false => format!(", and all clients pass since {}", at.text()),
            };
            let (flag, end) = (flag.display(), end.text());
            let message = format!("{opens}the flag {flag} has reached its end at {end}{later}");
            (APLOG_NOTICE, message)
        }
        FlagEvent::Deleted { flag } => (
            APLOG_NOTICE,
            format!(
                "the flag {} was deleted, but is still mounted here; it still applies",
                flag.display()
            ),
        ),
        FlagEvent::ClockSetBack { flag } => (
            APLOG_WARNING,
            format!(
                "the clock was set back: the times in the flag {} are evaluated again",
                flag.display()
            ),
        ),
        FlagEvent::Gone { flag, opens } => {
            let opens = if *opens { "open again, " } else { "" };
            (APLOG_NOTICE, format!("{opens}the flag {} is gone", flag.display()))
        }
        FlagEvent::Changed { flag, file, spec } => {
            let owner = file.as_ref().map_or_else(String::new, owner);
            let (flag, more) = (flag.display(), details(spec));
            let mode = mode(spec);
            (APLOG_NOTICE, format!("the flag {flag} has changed; still closed{mode}{owner}{more}"))
        }
        FlagEvent::Unusable { flag, cause } => (
            APLOG_ERR,
            format!(
                "the content of the flag {} cannot be used: {cause}; it closes as if it were empty",
                flag.display()
            ),
        ),
        FlagEvent::Odd { flag, what } => {
            (APLOG_WARNING, format!("in the flag {}, {what}", flag.display()))
        }
        FlagEvent::LookFailed { flag, error, closes, parent_looks } => (
            APLOG_ERR,
            format!(
                "cannot determine whether the flag {} exists: {error}; its scopes stay {} until \
                 httpd's children can see it{}",
                flag.display(),
                if *closes { "closed" } else { "open" },
                match *parent_looks && !process::is_chrooted() {
                    true =>
                        ", or until the parent process, which checks about every ten seconds, \
                         sees a change",
                    false => "",
                }
            ),
        ),
        FlagEvent::Denied { flag, error } => (
            APLOG_ERR,
            format!(
                "the flag {0} exists, but httpd's children may not access it: {error}; it closes \
                 its scopes. Under SELinux a file keeps its label when it is moved: run \
                 \"restorecon {0}\", and use \"mv -Z\" next time",
                flag.display()
            ),
        ),
        FlagEvent::LookRecovered { flag } => {
            (APLOG_NOTICE, format!("the flag {} can be seen again", flag.display()))
        }
    }
}

/// Logs at start which version this is.
pub(crate) fn name_version() {
    write(None, APLOG_NOTICE, concat!("version ", env!("CARGO_PKG_VERSION")));
}

/// Logs at start which flags close the site.
pub(crate) fn name_flags<'a>(flags: impl Iterator<Item = &'a Path>) {
    for list in flag::lists(flags) {
        write(None, APLOG_NOTICE, &format!("looking for {list}"));
    }
}

/// Warns at start about the folder of these flags.
pub(crate) fn warn_of_folder(flags: &[&Path], problem: &FolderProblem) {
    let [flag, others @ ..] = flags else { return };
    let folder = flag.parent().unwrap_or(flag).display();
    let more = match others.len() {
        0 => String::new(),
        1 => " and of 1 more flag".into(),
        more => format!(" and of {more} more flags"),
    };
    let message = format!("the folder {folder} of the flag {}{more} {problem}", flag.display());
    write(None, APLOG_WARNING, &message);
}

/// Warns at start that the folders of further flags have a problem.
pub(crate) fn warn_of_more_folders(count: usize) {
    write(None, APLOG_WARNING, &format!("{count} more folders of flags have such problems"));
}
