//! `SetHandler maintenance-status`: the report, in all its forms.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use maintenance_harness::client::Answer;
use maintenance_harness::{Client, Httpd};

mod closed;
mod documents;
mod flags;
mod formats;
mod input;
mod kinds;
mod machine;
mod many;
mod mapped;
mod metrics;
mod reachable;
mod section;
mod strangers;

/// The report at /status, which is also available while the server is closed.
pub const STATUS: &str = "<Location /status>\nSetHandler maintenance-status\n\
    MaintenanceAllow path=/status\n</Location>\n";

/// One child, which has seen each version of each file.
pub const ONE_CHILD: &str = "StartServers 1\nServerLimit 1\nThreadsPerChild 25\n\
    MaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n";

/// The JSON at /status, checked against the schema.
#[track_caller]
pub fn report(client: &Client) -> Value {
    report_with(client, "127.0.0.1", "")
}

/// The JSON of a page at this path, checked against the schema.
#[track_caller]
pub fn report_at(client: &Client, path: &str) -> Value {
    document(&client.get(&format!("{path}?format=json")))
}

/// The JSON for this host, with more in the query string.
#[track_caller]
pub fn report_with(client: &Client, host: &str, query: &str) -> Value {
    let request = client.request("GET", &format!("/status?format=json{query}"));
    document(&client.send(request.header("Host", host)))
}

/// A JSON answer, checked against the schema.
#[track_caller]
pub fn document(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = serde_json::from_str(&answer.body).expect("JSON");
    let errors = errors(&document);
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    document
}

/// The violations of the schema.
pub fn errors(document: &Value) -> Vec<String> {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let text = include_str!("../docs/maintenance-status.schema.json");
        let schema = serde_json::from_str(text).expect("JSON");
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        options.build(&schema).expect("a schema")
    });
    let error = |error: jsonschema::ValidationError| format!("{}: {error}", error.instance_path());
    schema.iter_errors(document).map(error).collect()
}

/// The scope of a server by its name in the report, or of a location in it.
#[track_caller]
pub fn scope<'r>(report: &'r Value, server: &str, location: Option<&str>) -> &'r Value {
    let is_it =
        |scope: &&Value| scope["server"] == server && scope["location"].as_str() == location;
    let found: Vec<_> = report["scopes"].as_array().expect("a list").iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{server} {location:?}: {report:#}");
    found[0]
}

/// FILE:LINE of the line of httpd.conf with this text.
#[track_caller]
pub fn line_of(httpd: &Httpd, words: &str) -> String {
    let path = httpd.path("conf/httpd.conf");
    let text = std::fs::read_to_string(&path).expect("httpd.conf");
    let number = text.lines().position(|line| line.contains(words)).expect(words);
    format!("{}:{}", path.display(), number + 1)
}

/// The text of a page with its character references decoded.
pub fn text_of(html: &str) -> String {
    let reference = regex::Regex::new("&(#x?[0-9a-fA-F]+|[a-z]+);").expect("a pattern");
    let read = |found: &regex::Captures<'_>| {
        let name = &found[1];
        let number = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(code), _) => u32::from_str_radix(code, 16).ok(),
            (None, Some(code)) => code.parse().ok(),
            (None, None) => None,
        };
        match (name, number.and_then(char::from_u32)) {
            ("lt", _) => "<".to_owned(),
            ("gt", _) => ">".to_owned(),
            ("amp", _) => "&".to_owned(),
            ("quot", _) => "\"".to_owned(),
            (_, Some(letter)) => letter.to_string(),
            _ => found[0].to_owned(),
        }
    };
    reference.replace_all(html, read).into_owned()
}
