//! Detects mod_cache running as a quick handler. It then answers from its cache before httpd knows
//! the request's location, so a rewrite with `[PT]` to a closed location is still answered from the
//! cache.

use std::collections::BTreeMap;

/// A mod_cache directive that applies to a whole server.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The name as in httpd.conf.
    pub name: &'a str,
    /// The words after the name.
    pub words: &'a str,
    /// File and line of the virtual host that contains the directive; None for the main server.
    pub host: Option<String>,
}

/// The lines of a configuration, by their virtual hosts.
pub struct CacheLines<'a>(BTreeMap<Option<String>, Vec<Line<'a>>>);

impl<'a> CacheLines<'a> {
    /// These lines, in the order of the configuration.
    pub fn new(lines: Vec<Line<'a>>) -> Self {
        let mut by_host: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in lines {
            by_host.entry(line.host.clone()).or_default().push(line);
        }
        Self(by_host)
    }

    /// Whether mod_cache runs as a quick handler for this virtual host (or the main server).
    pub fn answer(&self, host: Option<&str>) -> bool {
        let of = |host: Option<&str>| self.0.get(&host.map(str::to_owned)).into_iter().flatten();
        // Later lines override earlier ones, so the virtual host's lines are last.
        let lines = || of(None).chain(host.into_iter().flat_map(|host| of(Some(host))));
        let is = |line: &Line<'_>, name: &str| line.name.eq_ignore_ascii_case(name);
        let last = lines().rfind(|line| is(line, "CacheQuickHandler"));
        let is_quick = last.is_none_or(|line| !line.words.trim().eq_ignore_ascii_case("off"));
        is_quick && lines().any(|line| is(line, "CacheEnable"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_hosts() {
        let line = |text: &'static str| {
            let (host, line) = text.split_once(": ").expect("a host");
            let (name, words) = line.split_once(' ').expect("words");
            Line { name, words, host: (!host.is_empty()).then(|| host.to_owned()) }
        };
        for (lines, expected) in [
            (&[][..], [false, false]),
            (&[": CacheEnable disk /"], [true, true]),
            (&["a: cacheenable disk /"], [false, true]),
            (&["b: CacheEnable disk /"], [false, false]),
            (&[": CacheQuickHandler on"], [false, false]),
            (&[": CacheEnable disk /", ": CacheQuickHandler OFF "], [false, false]),
            (&[": CacheEnable disk /", "a: CacheQuickHandler off"], [true, false]),
            (
                &["a: CacheQuickHandler on", ": CacheEnable disk /", ": CacheQuickHandler off"],
                [false, true],
            ),
            (
                &[
                    ": CacheEnable disk /",
                    ": CacheQuickHandler off",
                    ": CacheQuickHandler on",
                    "b: CacheQuickHandler off",
                ],
                [true, true],
            ),
        ] {
            let all = CacheLines::new(lines.iter().map(|text| line(text)).collect());
            assert_eq!([None, Some("a")].map(|host| all.answer(host)), expected, "{lines:?}");
        }
    }
}
