//! Query strings, good and bad.

use super::*;
use crate::report::state::ScopeState;

fn plain() -> Query {
    let (refresh, question, filter, page) = Default::default();
    Query { format: Format::Html, refresh, question, filter, page }
}

fn parse(query: &str) -> Result<Query, String> {
    Query::parse(query, None).map_err(|error| error.to_string())
}

#[test]
fn good_ones() {
    let plain = plain();
    for (query, expected) in [
        ("", plain.clone()),
        ("&&", plain.clone()),
        ("format=", plain.clone()),
        ("format=json", Query { format: Format::Json, ..plain.clone() }),
        ("%66ormat=prom%65theus", Query { format: Format::Prometheus, ..plain.clone() }),
        ("refresh=5&format=html", Query { refresh: Some(5), ..plain.clone() }),
        ("client=&path=&host=", plain.clone()),
        ("scope=&state=&page=", plain.clone()),
        ("page=007", Query { page: Some(7), ..plain.clone() }),
    ] {
        assert_eq!(parse(query), Ok(expected), "{query}");
    }
    for (query, client, path, host) in [
        ("client=10.0.0.1", "10.0.0.1", "/", None),
        ("client=%5B2001:db8::7%5D", "2001:db8::7", "/", None),
        ("client=::1&path=/a%2520b%3Fc%3Dd", "::1", "/a%20b?c=d", None),
        ("client=::1&host=www.example.com", "::1", "/", Some(("www.example.com", None))),
        ("client=::1&host=[::1]:8443", "::1", "/", Some(("[::1]", Some(8443)))),
    ] {
        let host = host.map(|(name, port): (&str, _)| Host { name: name.into(), port });
        let client = client.parse().expect("an address");
        let question = Some(Question { client, path: path.into(), host });
        assert_eq!(parse(query).map(|query| query.question), Ok(question), "{query}");
    }
}

#[test]
fn scopes_that_are_asked_for() {
    for (query, scope, state) in [
        ("scope=www.example.com", Some("www.example.com"), None),
        ("scope=%3CLocation+%2Fblogs%3E", Some("<Location /blogs>"), None),
        ("state=read_only", None, Some(Condition::Is(ScopeState::ReadOnly))),
        ("state=error&scope=%C3%A4", Some("ä"), Some(Condition::Error)),
    ] {
        let filter = Filter { scope: scope.map(str::to_owned), state };
        for format in ["html", "json", "prometheus"] {
            let found = parse(&format!("format={format}&{query}")).map(|query| query.filter);
            assert_eq!(found.as_ref(), Ok(&filter), "{query}");
        }
    }
    for condition in Condition::ALL {
        let query = parse(&format!("state={}", condition.name())).expect("a state");
        assert_eq!(query.filter.state, Some(condition));
    }
}

#[test]
fn accept_decides_where_the_query_does_not() {
    for (accept, query, format) in [
        ("application/json", "", Format::Json),
        ("text/html,*/*;q=0.8", "", Format::Html),
        ("*/*", "", Format::Html),
        // Prometheus 3
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,\
             */*;q=0.2",
            "",
            Format::Prometheus,
        ),
        ("application/json", "format=html", Format::Html),
    ] {
        let query = Query::parse(query, Some(accept.as_bytes()));
        assert_eq!(query.map(|query| query.format), Ok(format), "{accept}");
    }
}

#[test]
fn bad_ones() {
    for (query, message) in [
        ("%", "the query string has a % without"),
        ("format=%7", "the query string has a % without"),
        ("format=%zz", "the query string has a % without"),
        ("format=%ff", "the query string is not UTF-8"),
        ("format=xml", "format=\"xml\" is unknown; write html, json or prometheus"),
        ("format=JSON", "format=\"JSON\" is unknown"),
        ("auto", "unknown parameter \"auto\"; write format,"),
        ("=", "unknown parameter \"\""),
        ("<script>", "unknown parameter \"<script>\""),
        ("format=json&format=json", "the parameter \"format\" is given twice"),
        ("refresh=0", "refresh=\"0\" is not a number of seconds from 1 to 86400"),
        ("refresh=%2B5", "refresh=\"+5\" is not a number"),
        ("refresh=99999999999", "refresh=\"99999999999\" is not a number"),
        (
            "state=shut",
            "state=\"shut\" is unknown; write error, overdue, closed, reopening, read_only,",
        ),
        ("state=Closed", "state=\"Closed\" is unknown"),
        ("state=open&state=off", "the parameter \"state\" is given twice"),
        ("scope=a&scope=b", "the parameter \"scope\" is given twice"),
        ("page=0", "page=\"0\" is not a number from 1 on"),
        ("page=last", "page=\"last\" is not a number"),
        ("page=4294967296", "page=\"4294967296\" is not a number"),
        ("page=1&format=json", "page requires format=html"),
        ("client=node1", "client=\"node1\" is not an IPv4 or IPv6 address"),
        ("client=10.0.0.0/8", "client=\"10.0.0.0/8\" is not an IPv4 or IPv6 address"),
        ("client=::1&path=x", "path=\"x\" does not begin with /"),
        ("client=::1&path=/a+b", "path=\"/a b\" has characters"),
        ("client=::1&path=/%00", "path=\"/\\x00\" has characters"),
        ("client=::1&path=/%C3%A4", "path=\"/\\xc3\\xa4\" has characters"),
        ("client=::1&host=a/b", "host=\"a/b\" is not NAME or NAME:PORT"),
        ("client=::1&host=a:b", "host=\"a:b\" is not NAME"),
        ("client=::1&host=a:99999", "host=\"a:99999\" is not NAME"),
        ("client=::1&host=u@a", "host=\"u@a\" is not NAME"),
        ("path=/x", "path and host require client=ADDRESS"),
    ] {
        let error = parse(query).expect_err(query);
        assert!(error.starts_with(message), "{query}: {error}");
    }
    let long = format!("client={}", "1".repeat(8000));
    let error = parse(&long).expect_err("a long word");
    assert!(error.len() < 150, "{error}");
}
