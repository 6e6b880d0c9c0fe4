//! Links to the page, which repeat what was asked, with a difference.

use form_urlencoded::Serializer;
use minijinja::value::{Kwargs, Value};

use crate::report::preflight::Preflight;
use crate::report::query::Query;

/// The parameters of the query string, in their order.
const NAMES: [&str; 8] = ["client", "path", "host", "scope", "state", "page", "refresh", "format"];

/// The parameters that a change of the key leaves out: other scopes have other pages, and other
/// formats have none.
const LEFT_OUT: [(&str, &[&str]); 3] =
    [("scope", &["page"]), ("state", &["page"]), ("format", &["page", "refresh"])];

/// What was asked.
#[derive(Clone)]
pub(super) struct Links {
    values: Vec<(&'static str, String)>,
}

impl Links {
    pub(super) fn new(query: &Query, preflight: Option<&Preflight>) -> Self {
        let of = |name| match name {
            "client" => preflight.map(|asked| asked.client.clone()),
            "path" => preflight.map(|asked| asked.path.clone()),
            "host" => preflight.and_then(|asked| asked.host.clone()),
            "scope" => query.filter.scope.clone(),
            "state" => query.filter.state.map(|state| state.name().to_owned()),
            "page" => query.page.filter(|page| *page > 1).map(|page| page.to_string()),
            "refresh" => query.refresh.map(|seconds| seconds.to_string()),
            _ => None,
        };
        Self { values: NAMES.into_iter().filter_map(|name| Some((name, of(name)?))).collect() }
    }

    /// The query string with these parameters instead of those that were asked; none removes one.
    pub(super) fn with(&self, changes: &Kwargs) -> Result<String, minijinja::Error> {
        let left_out = LEFT_OUT.into_iter().filter(|(name, _)| changes.has(name));
        let left_out: Vec<_> = left_out.flat_map(|(_, names)| names).copied().collect();
        let mut query = Serializer::new(String::new());
        for name in NAMES {
            let value = match changes.has(name) {
                true => {
                    let value = changes.get::<Value>(name)?;
                    (!value.is_none()).then(|| value.to_string())
                }
                false => {
                    let asked = self.values.iter().find(|(asked, _)| *asked == name);
                    asked.filter(|_| !left_out.contains(&name)).map(|(_, value)| value.clone())
                }
            };
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        changes.assert_all_used()?;
        Ok(format!("?{}", query.finish()))
    }

    /// The fields with which a form repeats what was asked, except for its own.
    pub(super) fn hidden(&self, own: &[String]) -> Vec<(&'static str, String)> {
        let is_kept = |name: &str| name != "page" && !own.iter().any(|own| own == name);
        self.values.iter().filter(|(name, _)| is_kept(name)).cloned().collect()
    }
}
