//! mod_cache as a quick handler: it answers from its cache before httpd knows which location a request
//! is in. What a rewrite with `[PT]` takes to a location that is closed then comes from the cache.

/// A directive of mod_cache's that holds for a whole server.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// As in httpd.conf.
    pub name: &'a str,
    /// What follows it.
    pub words: &'a str,
    /// The virtual host that it stands in: its file and line; None for the main server.
    pub host: Option<String>,
}

/// Does mod_cache answer ahead for this virtual host (or the main server)?
pub fn answers(lines: &[Line<'_>], host: Option<&str>) -> bool {
    // In the order of their weight: what the virtual host says counts before what the server says.
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
