//! Detects mod_cache running as a quick handler. It then answers from its cache before httpd knows
//! the request's location, so a rewrite with `[PT]` to a closed location is still answered from the
//! cache.

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

/// Whether mod_cache runs as a quick handler for this virtual host (or the main server).
pub fn answers(lines: &[Line<'_>], host: Option<&str>) -> bool {
    // Later lines override earlier ones, so the virtual host's lines are last.
    let of_server = lines.iter().filter(|line| line.host.is_none());
    let of_host = lines.iter().filter(|line| host.is_some() && line.host.as_deref() == host);
    let lines: Vec<_> = of_server.chain(of_host).collect();
    let is = |line: &&&Line<'_>, name: &str| line.name.eq_ignore_ascii_case(name);
    let last = lines.iter().rfind(|line| is(line, "CacheQuickHandler"));
    let is_quick = last.is_none_or(|line| !line.words.trim().eq_ignore_ascii_case("off"));
    is_quick && lines.iter().any(|line| is(&line, "CacheEnable"))
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
            let lines: Vec<_> = lines.iter().map(|text| line(text)).collect();
            assert_eq!([None, Some("a")].map(|host| answers(&lines, host)), expected, "{lines:?}");
        }
    }
}
