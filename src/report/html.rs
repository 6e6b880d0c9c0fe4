//! The report as a page.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};

use super::{Preflight, Query, Report};

/// The page.
///
/// # Errors
/// None that a test would not find: the template is a part of the module.
pub fn page(
    report: &Report,
    query: &Query,
    preflight: Option<&Preflight>,
) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let source = include_str!("status.html.j2");
    let refresh = query.refresh;
    let template = environment.template_from_str(source).map_err(|error| error.to_string())?;
    let values = context! { report => Serde(report), refresh, preflight => preflight.map(Serde) };
    template.render(values).map_err(|error| error.to_string())
}
