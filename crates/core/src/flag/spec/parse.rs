//! Parses a flag's content (TOML).

mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use toml::de::{DeTable, DeValue};

use super::findings::{Finding, Findings, FlagSpecError, at};
use super::flag_spec::{FlagSpec, Texts};
use super::keys;
use super::language::{instead_of, is_language};
use crate::text::encoding;
use crate::text::time::Moment;
use value::{Key, Value, Wrong, network, quoted, seconds, shown, text, words, wrong};

/// The longest gradual reopening, in seconds.
const MAX_OVER: u32 = 7 * 24 * 60 * 60;

impl FlagSpec {
    /// All that is wrong in a flag's content. [`FlagSpec::parse`] reports the first error alone.
    pub fn findings(content: &[u8], zone: &TimeZone) -> Findings {
        match read(content, zone) {
            Ok((reader, syntax)) => reader.findings(syntax),
            Err(error) => error.into(),
        }
    }

    /// Parses a flag's content. Times without an offset are local times in `zone`. A local time
    /// that occurs twice, when the clocks are put back, means its first occurrence. A local time
    /// that is skipped moves forward by the length of the gap.
    ///
    /// # Errors
    /// [`FlagSpecError`], with line and column.
    pub fn parse(content: &[u8], zone: &TimeZone) -> Result<Self, FlagSpecError> {
        spec(content, zone)
    }
}

fn spec(content: &[u8], zone: &TimeZone) -> Result<FlagSpec, FlagSpecError> {
    read(content, zone).and_then(|(reader, syntax)| reader.finish(syntax))
}

type Read<'t> = Result<(Reader<'t>, Vec<Wrong>), FlagSpecError>;

/// Reads all keys. Returns the syntax errors as well.
fn read<'t>(content: &'t [u8], zone: &'t TimeZone) -> Read<'t> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    if encoding::is_utf16(content) {
        return Err(at("", 0, "this is UTF-16; save the file as UTF-8".into()));
    }
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let text = str::from_utf8(content).map_err(|error| {
        let good = content.get(..error.valid_up_to()).unwrap_or_default();
        let good = str::from_utf8(good).unwrap_or_default();
        at(good, good.len(), "this is not UTF-8; save the file as UTF-8".into())
    })?;
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::of(text, zone);
    // Accepts unambiguous spellings of times that TOML does not know.
    let is_time = |span: &Range<usize>| {
        text.get(span.clone()).is_some_and(|text| Moment::parse(text, zone).is_ok())
    };
    let spans = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message()));
    let syntax = spans.filter(|(span, _)| !is_time(span));
    let syntax =
        syntax.map(|(span, message)| Wrong(span.clone(), syntax_fault(text, span, message)));
    let syntax: Vec<_> = syntax.collect();
    reader.read(table.get_ref(), syntax.is_empty());
    Ok((reader, syntax))
}

/// Describes a TOML syntax error.
fn syntax_fault(text: &str, span: Range<usize>, message: &str) -> String {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim();
    let is_yaml = |(key, rest): (&str, &str)| {
        let key = key.trim_matches(['"', '\'', ' ', '-']);
        let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !key.is_empty()
            && key.chars().all(is_key)
            && (rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let value = text.get(span).unwrap_or_default();
    if text.trim_start().starts_with('{') {
        "this is JSON; write TOML: start = 2026-11-22T22:00:00+01:00".into()
    } else if line == "---" || line.split_once(':').is_some_and(is_yaml) {
        "this is YAML; write TOML: start = 2026-11-22T22:00:00+01:00".into()
    } else if value.starts_with(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{ab}']) {
        "these are typographic quotes; write straight ones (\")".into()
    } else if message.starts_with("string values must be quoted") {
        "this text is not in quotes; write \"...\"".into()
    } else if message.starts_with("key with no value") {
        "there is no = behind the key; write KEY = VALUE, with a text in quotes".into()
    } else {
        message.lines().collect::<Vec<_>>().join(", ")
    }
}

/// Reads a table and collects its mistakes.
struct Reader<'t> {
    text: &'t str,
    zone: &'t TimeZone,
    spec: FlagSpec,
    /// The keys found so far.
    seen: Vec<&'static str>,
    /// Why the content cannot be used.
    faults: Vec<Wrong>,
    /// Ignored parts.
    odd: Vec<Wrong>,
    /// Misspelled and misplaced keys, which are ignored as well. They become faults if the key that
    /// was meant is missing and decides when the scope is closed.
    slips: Vec<(&'static str, Wrong)>,
}

impl<'t> Reader<'t> {
    fn of(text: &'t str, zone: &'t TimeZone) -> Self {
        Self {
            text,
            zone,
            spec: FlagSpec::default(),
            seen: vec![],
            faults: vec![],
            odd: vec![],
            slips: vec![],
        }
    }

    fn read(&mut self, table: &DeTable<'_>, is_whole: bool) {
        let has_start = table.iter().any(|(key, _)| keys::known(key.get_ref()) == Some("start"));
        for (key, value) in in_order(table) {
            match keys::known(key.get_ref()) {
                Some(known) if self.seen.contains(&known) => {
                    let cause = format!("this is a second {known}; remove one of them");
                    self.faults.push(Wrong(key.span(), cause));
                }
                Some(known) => {
                    self.seen.push(known);
                    if let Err(fault) = self.read_value(known, value) {
                        self.faults.push(fault);
                    }
                }
                None => self.read_unknown(key, value, has_start),
            }
        }
        self.check(table, is_whole);
    }

    fn read_value(&mut self, key: &str, value: &Value<'_>) -> Result<(), Wrong> {
        match key {
            "message" => self.spec.message = self.texts("message", value)?,
            "title" => self.spec.title = self.texts("title", value)?,
            "by" => self.spec.by = words(value, "Anna")?,
            "reason" => self.spec.reason = words(value, "move to version 8")?,
            "ticket" => self.spec.ticket = words(value, "CHG-4711")?,
            "announce_from" => self.spec.announce_from = Some(self.moment(value)?),
            "refuse" => {
                self.spec.is_read_only = match value.get_ref().as_str() {
                    Some("all") => false,
                    Some("writes") => true,
                    _ => return Err(wrong(value, "write \"all\" or \"writes\"")),
                };
            }
            "closed" => {
                let is_closed = value.get_ref().as_bool();
                let cause = "this is neither true nor false; write closed = false";
                self.spec.is_inactive = !is_closed.ok_or_else(|| wrong(value, cause))?;
            }
            "start" => self.spec.start = Some(self.moment(value)?),
            "end" => self.spec.end = Some(self.moment(value)?),
            "reopen" => match text(value)? {
                "auto" => self.spec.reopens = true,
                "gradual" => (self.spec.reopens, self.spec.is_gradual) = (true, true),
                _ => return Err(wrong(value, "write \"auto\" or \"gradual\"")),
            },
            "over" => {
                let cause = "this is not a duration from 1 second to 7 days; write \"15m\"";
                let over = seconds(value).ok().filter(|over| (1..=MAX_OVER).contains(over));
                self.spec.over = Some(over.ok_or_else(|| wrong(value, cause))?);
            }
            "admit_percent" => {
                let number = value.get_ref().as_integer();
                let number = number.filter(|number| number.radix() == 10);
                let percent = number.and_then(|number| number.as_str().parse().ok());
                let cause = "this is not a whole number from 0 to 100; write admit_percent = 10";
                let percent = percent.filter(|percent| *percent <= 100);
                self.spec.admit_percent = Some(percent.ok_or_else(|| wrong(value, cause))?);
            }
            "retry_after" => self.spec.retry_after = Some(seconds(value)?),
            "allow" => {
                let entries = value.get_ref().as_array();
                let cause = "this is not an array of texts; write [\"10.30.0.0/24\"]";
                let entries = entries.ok_or_else(|| wrong(value, cause))?;
                let networks = entries.iter().map(|entry| network(entry, self.zone));
                self.spec.allow = networks.collect::<Result<_, Wrong>>()?;
            }
            _ => self.spec.vars = self.vars(value)?,
        }
        Ok(())
    }

    fn read_unknown(&mut self, key: &Key<'_>, value: &Value<'_>, has_start: bool) {
        let shown = quoted(key.get_ref());
        let inner = value.get_ref().as_table().map(in_order).unwrap_or_default();
        let start = inner.iter().find(|(key, _)| keys::known(key.get_ref()) == Some("start"));
        if let Some((start, _)) = start {
            let cause = format!("start belongs above [{}]", shown.trim_matches('"'));
            self.slips.push(("start", Wrong(start.span(), cause)));
        }
        let is_time = match value.get_ref() {
            DeValue::String(text) => Moment::parse(text, self.zone).is_ok(),
            other => other.is_datetime(),
        };
        if let Some(meant) = keys::meant(key.get_ref()) {
            let slip = Wrong(key.span(), format!("unknown key {shown}; did you mean {meant}?"));
            // `from = "Anna"` is none.
            let is_start = is_time || key.get_ref().to_ascii_lowercase().starts_with("start");
            match meant == "start" && !is_start {
                true => self.odd.push(slip),
                false => self.slips.push((meant, slip)),
            }
            return;
        }
        let more =
            if is_time && !has_start { "; without start, the flag closes at once" } else { "" };
        self.odd.push(Wrong(key.span(), format!("unknown key {shown}{more}")));
    }

    /// Checks that involve several keys. In incomplete text one of them may be missing.
    fn check(&mut self, table: &DeTable<'_>, is_whole: bool) {
        let value = |wanted: &str| {
            let found = in_order(table)
                .into_iter()
                .find(|(key, _)| keys::known(key.get_ref()) == Some(wanted));
            found.map_or(0..0, |(_, value)| value.span())
        };
        if let (Some(start), Some(end)) = (self.spec.start, self.spec.end)
            && end.at() <= start.at()
        {
            let cause = "the end is not later than the start".into();
            self.faults.push(Wrong(value("end"), cause));
        }
        // It does not decide when the scope is closed, so the rest counts.
        if let Some(from) = self.spec.announce_from {
            let cause = match self.spec.start {
                None if self.seen.contains(&"start") => None,
                None => Some("announce_from does not count without start"),
                Some(start) if from.at() < start.at() => None,
                Some(_) => Some("announce_from is not earlier than start; write an earlier time"),
            };
            if let Some(cause) = cause {
                self.spec.announce_from = None;
                self.odd.push(Wrong(value("announce_from"), cause.into()));
            }
        }
        let reopens_never = is_whole && self.spec.reopens && !self.seen.contains(&"end");
        if reopens_never && self.slips.iter().all(|(meant, _)| *meant != "end") {
            let cause = "there is no end to reopen at; write end = 2026-11-23T01:30:00+01:00";
            self.faults.push(Wrong(value("reopen"), cause.into()));
        }
        let has_no_over = is_whole && self.spec.is_gradual && !self.seen.contains(&"over");
        if has_no_over && self.slips.iter().all(|(meant, _)| *meant != "over") {
            let cause = "\"gradual\" needs the time within which it reopens; write over = \"15m\"";
            self.faults.push(Wrong(value("reopen"), cause.into()));
        }
        if is_whole && self.spec.over.is_some() && !self.spec.is_gradual {
            let cause = "over is for a gradual reopening; write reopen = \"gradual\"";
            self.faults.push(Wrong(value("over"), cause.into()));
        }
        for (meant, slip) in std::mem::take(&mut self.slips) {
            let is_fault = !self.seen.contains(&meant)
                && match meant {
                    "start" => true,
                    "end" => reopens_never,
                    "over" => has_no_over,
                    _ => false,
                };
            if is_fault { self.faults.push(slip) } else { self.odd.push(slip) }
        }
    }

    /// The specification, or the first fault.
    fn finish(mut self, syntax: Vec<Wrong>) -> Result<FlagSpec, FlagSpecError> {
        // Of two faults at the same position, the first is more specific.
        let faults = self.faults.into_iter().chain(syntax);
        if let Some(Wrong(span, cause)) = faults.min_by_key(|Wrong(span, _)| span.start) {
            return Err(at(self.text, span.start, cause));
        }
        self.odd.sort_by_key(|Wrong(span, _)| span.start);
        self.spec.warnings = warnings(self.odd, self.text);
        Ok(self.spec)
    }

    fn findings(self, syntax: Vec<Wrong>) -> Findings {
        let sorted = |mut wrong: Vec<Wrong>| -> Vec<_> {
            wrong.sort_by_key(|Wrong(span, _)| span.start);
            // Of two faults at the same position, the first is more specific.
            wrong.dedup_by_key(|Wrong(span, _)| span.start);
            let finding = |Wrong(span, cause): Wrong| Finding {
                error: at(self.text, span.start, cause),
                span,
            };
            wrong.into_iter().map(finding).collect()
        };
        let errors: Vec<_> = self.faults.into_iter().chain(syntax).collect();
        let mut odd = self.odd;
        odd.retain(|odd| errors.iter().all(|error| error.0.start != odd.0.start));
        Findings { errors: sorted(errors), warnings: sorted(odd) }
    }

    fn moment(&self, value: &Value<'_>) -> Result<Moment, Wrong> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Datetime(_) => self.text.get(value.span()).unwrap_or_default(),
            _ => "",
        };
        Moment::parse(text, self.zone).map_err(|cause| Wrong(value.span(), cause))
    }

    /// The texts of `name`: one for all languages, or a table by language.
    fn texts(&mut self, name: &str, value: &Value<'_>) -> Result<Texts, Wrong> {
        match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => Ok(Texts::None),
            DeValue::String(text) => Ok(Texts::Same(shown(text))),
            DeValue::Table(table) => {
                let mut texts = BTreeMap::new();
                for (key, value) in in_order(table) {
                    // Locale names have an underscore.
                    let tag = key.get_ref().replace('_', "-");
                    if let Some(known) = keys::known(key.get_ref()) {
                        let cause = format!("{known} belongs above [{name}]");
                        self.slips.push((known, Wrong(key.span(), cause)));
                    } else if is_language(&tag) {
                        texts.insert(tag, shown(text(value)?));
                    } else {
                        let cause = format!(
                            "{} is not a language; {}",
                            quoted(key.get_ref()),
                            instead_of(key.get_ref())
                        );
                        self.odd.push(Wrong(key.span(), cause));
                    }
                }
                texts.retain(|_, text| !text.trim().is_empty());
                Ok(if texts.is_empty() { Texts::None } else { Texts::ByLanguage(texts) })
            }
            _ => {
                let cause = "this is not a text; put it in quotes, or write a table of texts by \
                             language";
                Err(wrong(value, cause))
            }
        }
    }

    fn vars(&mut self, value: &Value<'_>) -> Result<BTreeMap<String, String>, Wrong> {
        let table = value.get_ref().as_table();
        let cause = "this is not a table of texts; write { name = \"text\" }";
        let table = table.ok_or_else(|| wrong(value, cause))?;
        let mut texts = BTreeMap::new();
        for (key, value) in in_order(table) {
            match (keys::known(key.get_ref()), value.get_ref().as_str()) {
                (Some(known), None) => {
                    let cause = format!("{known} belongs above [vars]");
                    self.slips.push((known, Wrong(key.span(), cause)));
                }
                _ => {
                    texts.insert(key.get_ref().clone().into_owned(), shown(text(value)?));
                }
            }
        }
        Ok(texts)
    }
}

/// The first few ignored parts, each with its line.
fn warnings(odd: Vec<Wrong>, text: &str) -> Vec<String> {
    const NAMED: usize = 5;
    let more = odd.len().saturating_sub(NAMED);
    let named = odd.into_iter().take(NAMED).map(|Wrong(span, cause)| {
        let FlagSpecError { line, cause, .. } = at(text, span.start, cause);
        format!("line {line}: {cause}")
    });
    let more = (more > 0).then(|| format!("{more} more keys are ignored"));
    named.chain(more).collect()
}

/// The entries of a table in file order.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

#[cfg(test)]
mod tests;
