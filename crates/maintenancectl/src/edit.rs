//! Changes keys of a flag's content and leaves everything else as it is.

use jiff::tz::TimeZone;
use maintenance_core::text::time::Moment;
use toml::de::DeTable;
use toml_edit::{DocumentMut, Item, Table, Value};

/// The keys whose values are times.
const TIMES: [&str; 3] = ["start", "end", "announce_from"];

/// The content of a flag that is being changed.
#[derive(Debug, Default)]
pub(crate) struct Edit(DocumentMut);

impl Edit {
    /// Begins with a content that the module can use.
    ///
    /// # Errors
    /// The content cannot be read.
    pub(crate) fn of(content: &str, zone: &TimeZone) -> Result<Self, String> {
        let text = content.strip_prefix('\u{feff}').unwrap_or(content);
        let parsed = text.parse().or_else(|_| as_toml(text, zone).parse());
        parsed.map(Self).map_err(|error: toml_edit::TomlError| error.message().to_owned())
    }

    /// Sets a key. A comment behind its value stays.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        let mut value: Value = value.into();
        let key = self.spelled(key).unwrap_or_else(|| key.to_owned());
        if let Some(old) = self.0.get(&key).and_then(Item::as_value) {
            *value.decor_mut() = old.decor().clone();
        }
        match self.0.get_mut(&key) {
            Some(item) => *item = Item::Value(value),
            None => {
                self.0.insert(&key, Item::Value(value));
            }
        }
    }

    /// Sets a key to a time.
    pub(crate) fn set_time(&mut self, key: &str, at: Moment) {
        if let Ok(time) = at.rfc3339().parse::<toml_edit::Datetime>() {
            self.set(key, time);
        }
    }

    /// Sets a text, for all languages or by language.
    pub(crate) fn set_texts(&mut self, key: &str, texts: &[(Option<String>, String)]) {
        self.remove(key);
        match texts {
            [] => {}
            [(None, text)] => self.set(key, text.as_str()),
            texts => {
                let mut table = Table::new();
                for (language, text) in texts {
                    table.insert(language.as_deref().unwrap_or("en"), text.as_str().into());
                }
                self.0.insert(key, Item::Table(table));
            }
        }
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(key) = self.spelled(key) {
            self.0.remove(&key);
        }
    }

    /// The key as it is written.
    fn spelled(&self, key: &str) -> Option<String> {
        let mut keys = self.0.iter().map(|(key, _)| key);
        keys.find(|other| other.eq_ignore_ascii_case(key)).map(str::to_owned)
    }

    /// The content.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }
}

/// The text of the value of each key outside of tables, in file order.
fn values<'t>(table: &'t DeTable<'_>) -> Vec<(&'t str, std::ops::Range<usize>)> {
    let mut values: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), value.span())).collect();
    values.sort_by_key(|(_, span)| span.start);
    values
}

/// The content with TOML's spelling of times that the module accepts in other spellings.
fn as_toml(text: &str, zone: &TimeZone) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut result = text.to_owned();
    for (key, span) in values(table.get_ref()).into_iter().rev() {
        let is_time = TIMES.iter().any(|time| time.eq_ignore_ascii_case(key));
        let written = text.get(span.clone()).unwrap_or_default();
        if is_time && let Ok(time) = Moment::parse(written, zone) {
            result.replace_range(span, &time.rfc3339());
        }
    }
    result
}

/// The content with another `end`, and every other byte as it is.
pub(crate) fn with_end(text: &str, end: Moment) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let values = values(table.get_ref());
    let end = end.rfc3339();
    let mut result = text.to_owned();
    if let Some((_, span)) = values.iter().find(|(key, _)| key.eq_ignore_ascii_case("end")) {
        result.replace_range(span.clone(), &end);
        return result;
    }
    // On a line of its own behind the last key that is not a table, or at the top.
    let is_plain = |(key, _): &&(&str, _)| table.get_ref().get(*key).is_some_and(is_plain);
    let last = values.iter().rfind(is_plain).map(|(_, span)| span.end);
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let at = match last {
        Some(last) => text.get(last..).and_then(|rest| rest.find('\n')).map(|at| last + at + 1),
        None if text.starts_with('\u{feff}') => Some('\u{feff}'.len_utf8()),
        None => Some(0),
    };
    match at {
        Some(at) => result.insert_str(at, &format!("end = {end}{eol}")),
        None => result += &format!("{eol}end = {end}{eol}"),
    }
    result
}

/// Whether the value is written behind its key.
fn is_plain(value: &toml::Spanned<toml::de::DeValue<'_>>) -> bool {
    !value.get_ref().is_table()
}

#[cfg(test)]
mod tests {
    use maintenance_core::flag::spec::{FlagSpec, FlagSpecError};

    use super::*;

    fn checked(text: &str, zone: &TimeZone) -> Result<FlagSpec, FlagSpecError> {
        FlagSpec::parse(text.as_bytes(), zone)
    }

    fn moment(text: &str) -> Moment {
        Moment::parse(text, &TimeZone::UTC).expect(text)
    }

    #[test]
    fn the_end_alone_changes() {
        let new = "2026-11-29T02:00:00+01:00";
        for (before, after) in [
            ("end = 2026-11-29T01:30:00+01:00", "end = NEW"),
            ("# a\nEND= '2026-11-29 01:30'  # b\n", "# a\nEND= NEW  # b\n"),
            ("end = 2026-11-29 01:30 +0100\r\nby = 'x'\r\n", "end = NEW\r\nby = 'x'\r\n"),
            ("\"end\" = 2026-11-29 01:30\n", "\"end\" = NEW\n"),
            ("", "end = NEW\n"),
            ("by = 'x'", "by = 'x'\nend = NEW\n"),
            (
                "by = 'x' # y\n\n[message]\nde = 'z'\n",
                "by = 'x' # y\nend = NEW\n\n[message]\nde = 'z'\n",
            ),
            ("[message]\r\nde = 'z'", "end = NEW\r\n[message]\r\nde = 'z'"),
            ("\u{feff}# x\n[message]\nde = 'z'", "\u{feff}end = NEW\n# x\n[message]\nde = 'z'"),
            ("message = '''\na\n'''\n", "message = '''\na\n'''\nend = NEW\n"),
            ("message = {de = 'x'}\n", "end = NEW\nmessage = {de = 'x'}\n"),
        ] {
            let changed = with_end(before, moment(new));
            assert_eq!(changed, after.replace("NEW", new), "{before:?}");
            let spec = checked(&changed, &TimeZone::UTC).expect(before);
            assert_eq!(spec.end().map(|end| end.rfc3339()).as_deref(), Some(new));
        }
    }

    #[test]
    fn keys() {
        let mut edit = Edit::of(
            "# tonight\nStart = 2026-11-28 22:00 +01 # sharp\nBY = 'Anna'\n\n[message]\nde = 'x'\n",
            &TimeZone::UTC,
        )
        .expect("content");
        edit.set("by", "bob");
        edit.set_time("end", moment("2026-11-29T01:30:00+01:00"));
        edit.set_texts("title", &[(None, "New disks".into())]);
        assert_eq!(
            edit.text(),
            "# tonight\nStart = 2026-11-28T22:00:00+01:00 # sharp\nBY = \"bob\"\nend = \
             2026-11-29T01:30:00+01:00\ntitle = \"New disks\"\n\n[message]\nde = 'x'\n"
        );
        edit.remove("START");
        edit.set_texts(
            "message",
            &[(Some("de".into()), "y".into()), (Some("en".into()), "z".into())],
        );
        assert!(edit.text().ends_with("\n[message]\nde = \"y\"\nen = \"z\"\n"), "{}", edit.text());
        assert!(!edit.text().contains("Start"));
        checked(&edit.text(), &TimeZone::UTC).expect("content");
    }
}
