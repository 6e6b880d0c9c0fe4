//! The words of the directives: a line is taken, or turned down with a message, as a second
//! implementation says that reads each rule literally.

#![no_main]

use std::ffi::{CStr, OsStr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use maintenance_core::allow::path::ExemptPath;
use maintenance_core::allow::{Admission, ClientRequest};
use maintenance_core::context::{DirectiveContext, Expr, Scope};
use maintenance_core::directive::{DIRECTIVES, Settings};
use maintenance_core::net::network;
use maintenance_core::refusal::Refusals;
use maintenance_core::refusal::retry_after::RetryAfter;
use maintenance_core::text::duration;

const ROOT: &str = "/server";
const MOST_SECONDS: u128 = 0x7fff_ffff;

struct Place(Result<Scope, String>);

impl DirectiveContext for Place {
    fn scope(&self) -> Result<Scope, String> {
        self.0.clone()
    }
    fn server_root(&self) -> &Path {
        Path::new(ROOT)
    }
    fn compile(&self, expr: &str) -> Result<Expr, String> {
        if expr.contains('!') { Err("syntax error".into()) } else { Ok(Expr(expr.len())) }
    }
}

// A line is a directive and a section, by a byte each, and words.
fuzz_target!(|input: &[u8]| {
    for line in input.split(|byte| *byte == b'\n') {
        if let [name, section, words @ ..] = line {
            // A line of a configuration file has no NUL.
            let words = words.split(|byte| *byte == b' ').filter(|word| !word.contains(&0));
            check_line(*name, *section, words.collect());
        }
    }
    let (word, target) = input.split_at(input.len() / 2);
    check_path(&String::from_utf8_lossy(word), target);
    check_path("/a", input);
});

fn check_line(name: u8, section: u8, words: Vec<&[u8]>) {
    let directive = &DIRECTIVES[usize::from(name) % DIRECTIVES.len()];
    let name = directive.name.to_str().unwrap();
    let opens = |word: &&[u8]| word.starts_with(b"file=") || word.starts_with(b"plugin-cfg=");
    if name == "MaintenancePage" || words.iter().any(opens) {
        return; // files
    }
    let place = Place(match section % 4 {
        0 => Ok(Scope::Server),
        1 => Ok(Scope::VirtualHost),
        2 => Ok(Scope::Location),
        _ => Err("<Directory>".into()),
    });
    let scopes = match name {
        "MaintenanceCheckInterval" | "MaintenanceShareSecret" => 1,
        "MaintenanceEngine" | "MaintenanceHealthCheck" | "MaintenanceNotice" => 2,
        _ => 3,
    };
    let is_placed = section % 4 < scopes;
    let texts: Option<Vec<&str>> = words.iter().map(|word| str::from_utf8(word).ok()).collect();
    let mut settings = Settings::default();
    let check = texts.filter(|_| is_placed && !words.is_empty()).and_then(|texts| match name {
        "MaintenanceEngine" => engine(&texts),
        "MaintenanceAllow" => allow(&texts),
        "MaintenanceStatus" => status(&texts),
        "MaintenanceRetryAfter" => retry_after(&texts),
        "MaintenanceCheckInterval" => interval(&texts),
        "MaintenanceHealthCheck" => health_check(&texts),
        "MaintenanceNotice" => notice(&texts),
        _ => None,
    });
    let check = check.or_else(|| flags(&words).filter(|_| is_placed && name.ends_with("Flag")));
    let os: Vec<_> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
    let shown = os.join(OsStr::new(" "));
    let applied = directive.apply(&mut settings, &os, &place);
    if name == "MaintenanceCors" && applied.is_ok() {
        assert!(is_placed && are_origins(&words), "{name} {shown:?} is taken");
        return;
    }
    match (applied, check) {
        (Ok(()), Some(check)) => check(&settings),
        (Ok(()), None) => panic!("{name} {shown:?} is taken"),
        (Err(error), Some(_)) => panic!("{name} {shown:?} is turned down: {error}"),
        (Err(error), None) => {
            let error = error.to_string();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
            assert!(is_placed != error.contains(": not allowed in "), "{error}");
            let (_, usage) = error.split_once("; usage: ").unwrap_or((&error, ""));
            assert!(usage.is_empty() || usage.starts_with(name), "{error}");
        }
    }
}

/// What the settings have to be like.
type Check<'a> = Box<dyn Fn(&Settings) + 'a>;

fn engine<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let [word] = words else { return None };
    let is_on = word.eq_ignore_ascii_case("on");
    (is_on || word.eq_ignore_ascii_case("off")).then_some(())?;
    Some(Box::new(move |settings| assert_eq!(settings.is_on(), is_on)))
}

fn flags<'a>(words: &[&'a [u8]]) -> Option<Check<'a>> {
    let path = |word: &&'a [u8]| match word.first()? {
        b'/' => Some(word.to_vec()),
        _ => Some([ROOT.as_bytes(), b"/", word].concat()),
    };
    const SWITCHES: [&str; 12] = [
        "on", "true", "yes", "enable", "enabled", "off", "none", "false", "no", "disable",
        "disabled", "never",
    ];
    let is_path = |word: &&[u8]| {
        let is_switch = SWITCHES.iter().any(|other| word.eq_ignore_ascii_case(other.as_bytes()));
        !is_switch && !word.contains(&b'*') && !word.ends_with(b",")
    };
    words.iter().all(is_path).then_some(())?;
    let paths: Vec<Vec<u8>> = words.iter().map(path).collect::<Option<_>>()?;
    let fits = |path: &Vec<u8>| {
        path.len() < 4096 && path.split(|byte| *byte == b'/').all(|part| part.len() <= 255)
    };
    (!paths.is_empty() && paths.iter().all(fits)).then_some(())?;
    Some(Box::new(move |settings| {
        let own = settings.own_flags().iter().map(|path| path.as_os_str().as_bytes());
        assert!(own.eq(paths.iter().map(Vec::as_slice)));
    }))
}

fn health_check<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    words.iter().all(|word| is_whole_path(word)).then_some(())?;
    Some(Box::new(|settings| assert!(!settings.health_checks().is_empty())))
}

fn notice<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let [word] = *words else { return None };
    (is_whole_path(word) && !word.ends_with('/')).then_some(())?;
    Some(Box::new(move |settings| {
        let path = settings.notice().unwrap();
        assert_eq!(path.as_str(), word);
        assert_eq!(path.rest(word.as_bytes()), Some(&b""[..]));
    }))
}

/// Whether this is one path, which every reader reads in the same way.
fn is_whole_path(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"%;\\#?*[]{}^|<>\"".contains(&byte);
    word.len() > 1
        && word.starts_with('/')
        && word.bytes().all(is_plain)
        && !word.contains("//")
        && !word.contains(".+")
        && !word.ends_with('$')
        && word.split('/').all(|segment| segment != "." && segment != "..")
}

/// Whether these can be origins: nothing that a browser never sends is taken.
fn are_origins(words: &[&[u8]]) -> bool {
    let is_origin = |word: &&[u8]| {
        let Ok(word) = str::from_utf8(word) else { return false };
        let is_url = |(scheme, host): (&str, &str)| {
            !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', '*'])
        };
        word.eq_ignore_ascii_case("null") || word.split_once("://").is_some_and(is_url)
    };
    words == [b"*"] || words.iter().all(is_origin)
}

fn status<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let (code, condition) = match words {
        [code] => (code, None),
        [code, condition] => (code, Some(condition.strip_prefix("expr=")?)),
        _ => return None,
    };
    (condition.is_none_or(|condition| !condition.contains('!'))).then_some(())?;
    let code = plain_number(code).filter(|code| (400..600).contains(code))?;
    let codes = if condition.is_some() { vec![code, 500] } else { vec![code] };
    Some(Box::new(move |settings| {
        let refusal = settings.refusal(&Refusals::default(), |_| None);
        assert!(refusal.statuses().eq(codes.iter().copied()));
    }))
}

fn retry_after<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let plain: Option<[u128; 2]> = match words {
        [word] if word.eq_ignore_ascii_case("off") => None,
        [word] => Some([milliseconds(word)?, 0]),
        [word, spread] => {
            Some([milliseconds(word)?, milliseconds(spread.strip_prefix("spread=")?)?])
        }
        _ => return None,
    };
    let rule = RetryAfter::parse(words).unwrap();
    let again = match plain.map(|plain| plain.map(|number| number.div_ceil(1000))) {
        None => RetryAfter::parse(&["off"]),
        Some([base, spread]) => {
            RetryAfter::parse(&[&base.to_string(), &format!("spread={spread}s")])
        }
    };
    assert_eq!(rule, again.unwrap(), "{words:?}");
    Some(Box::new(|_| ()))
}

fn interval<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let [word] = words else { return None };
    let expected = milliseconds(word)?;
    let seconds = duration::seconds(word).unwrap();
    assert_eq!(u128::from(seconds), expected.div_ceil(1000));
    Some(Box::new(move |settings| assert_eq!(settings.check_interval().as_millis(), expected)))
}

fn milliseconds(word: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 7] = [
        ("", 1000),
        ("s", 1000),
        ("ms", 1),
        ("m", 60_000),
        ("mi", 60_000),
        ("min", 60_000),
        ("h", 3_600_000),
    ];
    let unit = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let number = word[..word.len() - unit.len()].trim_start_matches('0');
    (unit.len() < word.len() && number.len() < 20).then_some(())?;
    let (_, factor) = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let number: u128 = if number.is_empty() { 0 } else { number.parse().unwrap() };
    Some(number * factor).filter(|milliseconds| *milliseconds <= MOST_SECONDS * 1000)
}

struct Client(IpAddr);

impl ClientRequest for Client {
    fn header(&self, _: &CStr) -> Option<&[u8]> {
        None
    }
    fn method(&self) -> &[u8] {
        b"GET"
    }
    fn address(&self) -> Option<IpAddr> {
        Some(self.0)
    }
    fn has_env(&self, _: &CStr) -> bool {
        false
    }
    fn satisfies(&self, _: Expr) -> bool {
        false
    }
    fn target(&self) -> &[u8] {
        b"*"
    }
    fn request_time_micros(&self) -> i64 {
        0
    }
}

/// Whoever is in one of the networks is admitted, and nobody else.
fn allow<'a>(words: &[&'a str]) -> Option<Check<'a>> {
    let mut networks = vec![];
    for (position, word) in words.iter().enumerate() {
        match word.split_once('=') {
            _ if *word == "none" => (position == 0).then_some(())?,
            Some(("host", name)) => is_host(name).then_some(())?,
            Some((key, value)) if is_quoted_inside(key, value) => None?,
            Some(("env", name)) => is_variable(name).then_some(())?,
            Some(("expr", text)) => (!text.contains('!')).then_some(())?,
            Some(("path", path)) => is_plain_path(path).then_some(())?,
            _ => networks.push(network(word)?),
        }
    }
    for (word, network) in words.iter().filter_map(|word| Some((word, self::network(word)?))) {
        let parsed = network::parse(word).unwrap().to_string();
        assert_eq!(parsed, network.to_string(), "{word}");
        assert_eq!(network::parse(&parsed).unwrap().to_string(), parsed);
    }
    Some(Box::new(move |settings| {
        let allowlist = settings.allow().compile(&Default::default(), |_| None);
        for address in networks.iter().flat_map(Network::edges) {
            let admission = allowlist.admit(&Client(address), &mut |_| ());
            let is_in = networks.iter().any(|network| network.holds(address));
            assert_eq!(matches!(admission, Some(Admission::Address(_))), is_in, "{address}");
        }
    }))
}

/// `path="/my assets"`, of which httpd makes two words.
fn is_quoted_inside(key: &str, value: &str) -> bool {
    ["host", "env", "path"].contains(&key) && value.starts_with(['"', '\''])
}

/// Without what stands in expressions, lists, patterns and assignments.
fn is_variable(name: &str) -> bool {
    let odd = "!=,;%$*?{}[]()|<>\"' \t\n\r\x0c";
    !name.is_empty() && !name.chars().any(|letter| odd.contains(letter))
}

/// RFC 1123, 2.1, with underscores; the last label has something else than digits.
fn is_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels: Vec<_> = name.split('.').collect();
    let is_label = |label: &&str| {
        let inner = label.trim_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let edges = [label.chars().next(), label.chars().last()];
        (1..64).contains(&label.len())
            && !edges.contains(&Some('-'))
            && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253
        && labels.iter().all(is_label)
        && labels.last().unwrap().contains(|c: char| !c.is_ascii_digit())
}

fn is_plain_path(path: &str) -> bool {
    let has_parts = path.len() > 1 && path.starts_with('/') && !path.contains('?');
    let is_pattern =
        path.contains(|c| "*[]{}^|<>\"".contains(c)) || path.contains(".+") || path.ends_with('$');
    has_parts && !is_pattern && is_unambiguous(path.as_bytes())
}

/// A folder is neither empty nor this one nor the one above, and no byte has a second meaning.
fn is_unambiguous(path: &[u8]) -> bool {
    let mut parts: Vec<_> = path.split(|byte| *byte == b'/').skip(1).collect();
    parts.pop_if(|last| last.is_empty());
    parts.iter().all(|part| !part.is_empty() && *part != b"." && *part != b"..")
        && path.iter().all(|byte| (0x21..0x7f).contains(byte) && !b"%;\\#".contains(byte))
}

fn check_path(word: &str, target: &[u8]) {
    let Ok(exempt) = ExemptPath::parse(word) else {
        return assert!(!is_plain_path(word), "{word:?} is turned down");
    };
    assert!(is_plain_path(word), "{word:?} is taken");
    let below = [word.as_bytes(), b"/", target].concat();
    for target in [target, &below, word.as_bytes()] {
        let path = target.split(|byte| *byte == b'?').next().unwrap();
        let folder = [word.trim_end_matches('/').as_bytes(), b"/"].concat();
        let is_under = path == word.as_bytes() || path.starts_with(&folder);
        let expected = is_under && is_unambiguous(path);
        assert_eq!(exempt.covers(target), expected, "{word:?} {:?}", target.escape_ascii());
    }
}

/// The first bits of an address, IPv4's in the lower half.
struct Network {
    bits: u128,
    length: u32,
    width: u32,
}

impl Network {
    fn mask(&self) -> u128 {
        let host = self.width - self.length;
        u128::MAX.checked_shl(host).unwrap_or(0) & (u128::MAX >> (128 - self.width))
    }

    fn address(&self, bits: u128) -> IpAddr {
        match self.width {
            32 => Ipv4Addr::from(bits as u32).into(),
            _ => Ipv6Addr::from(bits).into(),
        }
    }

    /// Its first and its last address, and the ones beside them.
    fn edges(&self) -> Vec<IpAddr> {
        let all = u128::MAX >> (128 - self.width);
        let last = self.bits | (all & !self.mask());
        let edges = [self.bits, self.bits.wrapping_sub(1) & all, last, last.wrapping_add(1) & all];
        edges.map(|bits| self.address(bits)).into()
    }

    fn holds(&self, address: IpAddr) -> bool {
        let bits = match address.to_canonical() {
            IpAddr::V4(v4) if self.width == 32 => u128::from(v4.to_bits()),
            IpAddr::V6(v6) if self.width == 128 => v6.to_bits(),
            _ => return false,
        };
        bits & self.mask() == self.bits
    }

    fn to_string(&self) -> String {
        format!("{}/{}", self.address(self.bits), self.length)
    }
}

fn network(word: &str) -> Option<Network> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    if let Some(octets) = octets(address.strip_suffix('.').unwrap_or(address))
        && octets.len() < 4
        && length.is_none()
    {
        let bits =
            octets.iter().rev().fold(0, |bits, octet| (bits | u128::from(*octet) << 32) >> 8);
        return Some(Network { bits, length: 8 * octets.len() as u32, width: 32 });
    }
    let (bits, width) = match octets(address).filter(|octets| octets.len() == 4) {
        Some(octets) => (octets.iter().fold(0, |bits, octet| bits << 8 | u128::from(*octet)), 32),
        None => (address.parse::<Ipv6Addr>().ok()?.to_bits(), 128),
    };
    let by_mask = |mask: &str| {
        let mask = octets(mask).filter(|mask| mask.len() == 4 && width == 32)?;
        let mask: String = mask.iter().map(|octet| format!("{octet:08b}")).collect();
        (!mask.contains("01")).then_some(mask.matches('1').count() as u32)
    };
    // 255.255.0.0 and 0.0.255.255 are netmasks, and nobody's addresses.
    let ones = (bits as u32).leading_ones() + (bits as u32).trailing_zeros();
    let zeros = (bits as u32).leading_zeros() + (bits as u32).trailing_ones();
    let is_mask = ones == 32 && bits as u32 >> 24 == 255
        || zeros == 32 && bits & 255 == 255 && bits as u32 >> 24 == 0;
    (length.is_some() || width == 128 || !is_mask).then_some(())?;
    let length = match length {
        None => width,
        Some(length) => match plain_number(length) {
            Some(length) => Some(length).filter(|length| *length <= width)?,
            None => by_mask(length)?,
        },
    };
    let network = Network { bits, length, width };
    (bits & network.mask() == bits).then_some(())?;
    // RFC 4291, 2.5.5.2
    let is_mapped = width == 128 && length >= 96 && bits >> 32 == 0xffff;
    Some(match is_mapped {
        true => Network { bits: bits & 0xffff_ffff, length: length - 96, width: 32 },
        false => network,
    })
}

fn octets(text: &str) -> Option<Vec<u8>> {
    text.split('.').map(plain_number).collect()
}

/// As Rust writes it.
fn plain_number<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}
