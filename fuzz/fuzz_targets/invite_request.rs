//! What is taken out of a request: for any bytes, the parameter and the cookie are gone, and
//! everything else is as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use maintenance_core::allow::invitations::cookie::{self, InviteCookie};
use maintenance_core::allow::invitations::sent::{self, NAME, Taken};

/// What bytes of the input stand for, because it is hard to hit otherwise.
const PARTS: [&str; 16] = [
    "&",
    "?",
    "#",
    ";",
    ",",
    "=",
    " ",
    "\"",
    NAME,
    "maintenance-invite=s",
    "__Host-",
    "a=1",
    "x",
    "/",
    "%20",
    "HTTP/1.1",
];

fuzz_target!(|input: &[u8]| {
    check(input);
    let parts = input.iter().map(|byte| PARTS[usize::from(*byte) % PARTS.len()]);
    check(parts.collect::<String>().as_bytes());
});

fn check(text: &[u8]) {
    check_query(text);
    for (take, ends) in [
        (sent::from_target as fn(&[u8]) -> Option<Vec<u8>>, &b"#"[..]),
        (sent::from_request_line, b"# \t\n\x0c\r"),
    ] {
        check_target(text, take, ends);
    }
    check_location(text);
    check_cookie(text);
}

fn is_parameter(part: &[u8]) -> bool {
    part == NAME.as_bytes() || part.starts_with(format!("{NAME}=").as_bytes())
}

fn parts(query: &[u8]) -> Vec<&[u8]> {
    query.split(|byte| *byte == b'&').collect()
}

fn check_query(query: &[u8]) {
    let (own, others): (Vec<_>, Vec<_>) =
        parts(query).into_iter().partition(|part| is_parameter(part));
    let Some(Taken { rest, values }) = sent::from_query(query) else {
        assert!(own.is_empty(), "{}", query.escape_ascii());
        return;
    };
    assert_eq!(values.len(), own.len());
    for (value, part) in values.iter().zip(&own) {
        assert!(part.ends_with(value) && part.len() <= NAME.len() + 1 + value.len());
    }
    match rest {
        Some(rest) => {
            assert_eq!(parts(&rest), others);
            assert!(!parts(&rest).into_iter().any(is_parameter));
        }
        None => assert!(others.iter().all(|part| part.is_empty())),
    }
}

fn check_target(text: &[u8], take: fn(&[u8]) -> Option<Vec<u8>>, ends: &[u8]) {
    let split = |text: &[u8]| -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let Some(start) = text.iter().position(|byte| *byte == b'?') else {
            return (text.to_vec(), vec![], vec![]);
        };
        let (before, query) = (&text[..start], &text[start + 1..]);
        let end = query.iter().position(|byte| ends.contains(byte)).unwrap_or(query.len());
        (before.to_vec(), query[..end].to_vec(), query[end..].to_vec())
    };
    let (before, query, behind) = split(text);
    match take(text) {
        None => assert!(!parts(&query).into_iter().any(is_parameter)),
        Some(left) => {
            let others: Vec<_> =
                parts(&query).into_iter().filter(|part| !is_parameter(part)).collect();
            let others = others.join(&b'&');
            let query = match others.iter().all(|byte| *byte == b'&') {
                true => vec![],
                false => [b"?", &*others].concat(),
            };
            assert_eq!(left, [before, query, behind].concat());
        }
    }
}

/// It is a path of this origin, and no second header field.
fn check_location(text: &[u8]) {
    let (path, query) = text.split_at(text.len() / 2);
    let location = sent::location(path, Some(query));
    assert_eq!(location.first(), Some(&b'/'));
    assert!(!matches!(location.get(1), Some(b'/' | b'\\')));
    assert!(location.iter().all(|byte| *byte > b' ' && *byte != 0x7f));
}

fn check_cookie(text: &[u8]) {
    let names = |field: &[u8]| -> Vec<Vec<u8>> {
        let cookies = field.split(|byte| matches!(byte, b';' | b','));
        cookies
            .map(|cookie| cookie.split(|byte| *byte == b'=').next().unwrap().trim_ascii().to_vec())
            .collect()
    };
    let is_own = |name: &Vec<u8>| [NAME, cookie::SECURE_NAME].map(str::as_bytes).contains(&&**name);
    let own = names(text).iter().filter(|name| is_own(name)).count();
    let found = InviteCookie::find(text).map_or(0, |cookie| cookie.secrets().count());
    assert_eq!(found, own.min(16), "{}", text.escape_ascii());
    let rest = cookie::without(text);
    assert!(!names(&rest).iter().any(is_own), "{}", rest.escape_ascii());
    // The other cookies are there, in order and byte for byte.
    let others = |field: &[u8]| -> Vec<Vec<u8>> {
        let cookies = field.split(|byte| matches!(byte, b';' | b','));
        let cookies = cookies.map(|cookie| cookie.trim_ascii().to_vec());
        let name = |cookie: &[u8]| {
            cookie.split(|byte| *byte == b'=').next().unwrap().trim_ascii().to_vec()
        };
        cookies.filter(|cookie| !cookie.is_empty() && !is_own(&name(cookie))).collect()
    };
    assert_eq!(others(&rest), others(text), "{}", text.escape_ascii());
}
