//! The sections of the configuration that have the status page.

/// The name of the handler, for `SetHandler`.
const HANDLER: &str = "maintenance-status";

/// The sections with `SetHandler maintenance-status`. Tells for most paths, without a walk through
/// httpd's sections, that they are in none of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatusLocations {
    /// The paths of `<Location /path>`.
    paths: Vec<String>,
    /// Whether another kind of section has the handler, or a whole server.
    has_others: bool,
}

impl StatusLocations {
    /// Adds a section. `handler` has the words after SetHandler; `section` has the name of the
    /// innermost section around it, such as `<Location`, and the words after that.
    pub fn add(&mut self, handler: &str, section: Option<(&str, &str)>) {
        let handler = handler.trim().trim_matches('"').to_ascii_lowercase();
        if !handler.contains(HANDLER) {
            return;
        }
        let is_plain = handler == HANDLER; // and not an expression
        match section.filter(|_| is_plain).and_then(literal_path) {
            Some(path) => self.paths.push(path.to_owned()),
            None => self.has_others = true,
        }
    }

    /// Whether there are no such sections.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.has_others
    }

    /// Whether a decoded path may be in one of the sections. If false, it is in none of them.
    pub fn may_have(&self, path: &[u8]) -> bool {
        let is_below = |section: &String| path.starts_with(section.as_bytes());
        self.has_others || self.paths.iter().any(is_below) || path.starts_with(b"//")
    }

    /// The same for a path as it was sent.
    pub fn may_have_sent(&self, path: &[u8]) -> bool {
        let is_rewritten = |pair: &[u8]| [b"//", b"/."].iter().any(|other| *other == pair);
        self.may_have(path)
            || !self.is_empty() && (path.contains(&b'%') || path.windows(2).any(is_rewritten))
    }
}

/// The path of `<Location /path>`, if httpd compares it character by character.
fn literal_path<'s>((name, words): (&str, &'s str)) -> Option<&'s str> {
    let path = words.trim().strip_suffix('>')?.trim().trim_matches('"');
    let is_literal = name.eq_ignore_ascii_case("<Location")
        && path.starts_with('/')
        && !path.contains(['*', '?', '[', '\\', '%', '"'])
        && !["//", "/."].iter().any(|part| path.contains(part));
    is_literal.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(sections: &[(&str, Option<(&str, &str)>)]) -> StatusLocations {
        let mut locations = StatusLocations::default();
        sections.iter().for_each(|(handler, section)| locations.add(handler, *section));
        locations
    }

    #[test]
    fn other_handlers_do_not_count() {
        let section = Some(("<Location", "/server-status>"));
        let none = locations(&[("server-status", section), ("none", None), ("", None)]);
        assert_eq!(none, StatusLocations::default());
        assert!(none.is_empty() && !none.may_have(b"/server-status"));
        assert!(!none.may_have_sent(b"/%73tatus"));
    }

    #[test]
    fn sections() {
        for (handler, section, may_have_other) in [
            ("maintenance-status", Some(("<Location", "/status>")), false),
            ("\"Maintenance-Status\"", Some(("<location", "\"/status\" >")), false),
            ("maintenance-status", Some(("<Location", "/stat*>")), true),
            ("maintenance-status", Some(("<Location", "~ ^/status>")), true),
            ("maintenance-status", Some(("<Location", "/a/../status>")), true),
            ("maintenance-status", Some(("<LocationMatch", "^/status>")), true),
            ("maintenance-status", Some(("<If", "true>")), true),
            ("maintenance-status", None, true),
            ("%{reqenv:X}maintenance-status", Some(("<Location", "/status>")), true),
        ] {
            let locations = locations(&[(handler, section)]);
            assert!(!locations.is_empty(), "{section:?}");
            assert!(locations.may_have(b"/status/x"), "{section:?}");
            assert_eq!(locations.may_have(b"/other"), may_have_other, "{section:?}");
        }
    }

    #[test]
    fn paths_as_they_were_sent() {
        let locations = locations(&[("maintenance-status", Some(("<Location", "/status>")))]);
        for (path, expected) in [
            ("/status", true),
            ("/status/x", true),
            ("/%73tatus", true),
            ("//status", true),
            ("/x/../status", true),
            ("/x//y", true),
            ("/x", false),
            ("/", false),
        ] {
            assert_eq!(locations.may_have_sent(path.as_bytes()), expected, "{path}");
        }
    }
}
