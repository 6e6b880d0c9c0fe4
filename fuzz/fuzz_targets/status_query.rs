//! The query string of the status page: any text is a question that can be asked again, or an
//! error; and what a form sends is taken apart as it was put together.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use maintenance_core::report::{Query, QueryError};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (query, accept) = text.split_once('\n').unwrap_or((&text, ""));
    match Query::parse(query, Some(accept.as_bytes())) {
        Ok(parsed) => check_again(&parsed),
        Err(error) => check_error(&error),
    }
    let mut values = text.split('\n');
    let mut next = || values.next().unwrap_or("");
    check_form(Form { client: next(), path: next(), host: next(), refresh: next() });
});

/// The same in other words.
fn check_again(query: &Query) {
    let mut words = vec![format!("format={}", format!("{:?}", query.format).to_lowercase())];
    words.extend(query.refresh.map(|seconds| format!("refresh={seconds}")));
    words.extend(query.page.map(|page| format!("page={page}")));
    words.extend(query.filter.scope.as_ref().map(|part| format!("scope={}", encoded(part))));
    words.extend(query.filter.state.map(|state| format!("state={}", state.name())));
    if let Some(question) = &query.question {
        assert!(question.path.starts_with('/'), "{question:?}");
        assert!(question.path.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#'));
        words.push(format!("client={}", question.client));
        words.push(format!("path={}", encoded(&question.path)));
        if let Some(host) = &question.host {
            let port = host.port.map_or_else(String::new, |port| format!(":{port}"));
            words.push(format!("host={}", encoded(&format!("{}{port}", host.name))));
            assert!(!host.name.contains(|c: char| c.is_whitespace() || "/@\\".contains(c)));
            assert!(!host.canonical().contains(|c: char| c.is_ascii_uppercase()));
        }
    }
    words.reverse();
    assert_eq!(Query::parse(&words.join("&"), None).as_ref(), Ok(query), "{words:?}");
}

/// One line that is not long and that can be shown.
fn check_error(error: &QueryError) {
    let error = error.to_string();
    assert!(error.len() < 400 && !error.contains(char::is_control), "{error:?}");
}

/// What somebody puts into the fields of the form.
struct Form<'a> {
    client: &'a str,
    path: &'a str,
    host: &'a str,
    refresh: &'a str,
}

fn check_form(form: Form<'_>) {
    let Form { client, path, host, refresh } = form;
    let query = format!(
        "client={}&path={}&host={}&refresh={}",
        encoded(client),
        encoded(path),
        encoded(host),
        encoded(refresh)
    );
    let has_lost = [client, path, host, refresh].concat().contains(char::REPLACEMENT_CHARACTER);
    let address = client.strip_prefix('[').and_then(|client| client.strip_suffix(']'));
    let address: Option<IpAddr> = address.unwrap_or(client).parse().ok();
    let number = refresh.trim_start_matches('0');
    let seconds = plain_number(number).filter(|seconds| (1..=86_400).contains(seconds));
    let is_path = path.is_empty()
        || path.starts_with('/')
            && path.chars().all(|c| c.is_ascii() && !c.is_ascii_control() && !" #".contains(c));
    let has_question = !(client.is_empty() && path.is_empty() && host.is_empty());
    match Query::parse(&query, None) {
        Ok(parsed) => {
            assert_eq!(parsed.refresh, seconds, "{query}");
            assert!(!has_lost && (refresh.is_empty() || seconds.is_some()), "{query}");
            assert_eq!(parsed.question.is_some(), has_question, "{query}");
            let Some(question) = parsed.question else { return };
            assert!(is_path, "{query}");
            assert_eq!(Some(question.client), address, "{query}");
            assert_eq!(question.path, if path.is_empty() { "/" } else { path });
            let port = question.host.as_ref().and_then(|host| host.port);
            let name = question.host.map_or_else(String::new, |host| host.name);
            let end = host.strip_prefix(&name).expect("the beginning of the field");
            let number = end.strip_prefix(':').map(|end| end.parse().ok());
            assert_eq!(number.flatten(), port, "{query}");
            assert!(end.is_empty() || number.is_some(), "{query}");
        }
        Err(error) => {
            check_error(&error);
            let is_fine = !has_lost
                && (refresh.is_empty() || seconds.is_some())
                && (!has_question || address.is_some())
                && is_path
                && is_plain_host(host);
            assert!(!is_fine, "{query}: {error}");
        }
    }
}

/// One that nobody can object to.
fn is_plain_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "80"));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    host.is_empty() || is_name && plain_number(port).is_some_and(|port| port < 65_536)
}

/// As Rust writes it.
fn plain_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// As a form sends it, but with each byte as a code.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
