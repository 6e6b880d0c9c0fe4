//! Finds the report in the body of an answer.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::fault::Fault;
use super::report::Report;

/// The version of the format that this command reads.
const SCHEMA: u64 = 1;

/// What tells whether the rest can be read.
#[derive(Deserialize)]
struct Head {
    schema: u64,
    #[serde(default)]
    version: String,
}

/// The report in a body.
///
/// # Errors
/// The body is not a report of this format.
pub(super) fn parse(body: &[u8], media: Option<&str>) -> Result<Report, Fault> {
    let text = body.trim_ascii_start();
    let is_page = media.is_some_and(|media| media.contains("html")) || text.starts_with(b"<");
    if is_page {
        return Err(Fault::Html);
    }
    if text.is_empty() {
        return Err(Fault::Other("an empty body".into()));
    }
    let is_json = media.is_some_and(|media| media.contains("json")) || text.starts_with(b"{");
    if !is_json {
        return Err(Fault::Other(media.unwrap_or("text").to_owned()));
    }
    let broken = |error: serde_json::Error| match error.classify() {
        Category::Eof => Fault::Half(body.len()),
        _ => Fault::Json(error.to_string()),
    };
    let mut whole: Value = serde_json::from_slice(body).map_err(broken)?;
    clean(&mut whole);
    let head = Head::deserialize(&whole).map_err(|_| Fault::Foreign)?;
    let version = match head.version.as_str() {
        "" => "unknown".to_owned(),
        version => shown(version),
    };
    if head.schema != SCHEMA {
        return Err(Fault::Schema { schema: head.schema, version });
    }
    Report::deserialize(&whole).map_err(|error| {
        let message = error.to_string();
        let member = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        match member {
            Some((member, _)) => Fault::Old { version, member: member.to_owned() },
            None => Fault::Json(shown(&message)),
        }
    })
}

/// Reads JSON that somebody else has written, for the eyes of an administrator.
///
/// # Errors
/// It is not JSON of this kind.
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "only stores have such JSON"))]
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    json: &[u8],
) -> Result<T, serde_json::Error> {
    let mut value = serde_json::from_slice(json)?;
    clean(&mut value);
    serde_json::from_value(value)
}

/// Makes invisible characters of all texts visible, so that no server controls the terminal.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(clean) = maintenance_core::text::shown(text) {
                *text = clean;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text of a server, short and without invisible characters.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    maintenance_core::text::shown(&short).into_owned()
}
