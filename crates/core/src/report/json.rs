//! The report as JSON.

use serde::Serialize;

use super::data::Report;
use super::preflight::Preflight;

/// The document: the report, and the answers if a question was asked.
///
/// # Errors
/// None in practice: tests would find them.
pub fn json(report: &Report, preflight: Option<&Preflight>) -> Result<String, String> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        report: &'a Report,
        #[serde(skip_serializing_if = "Option::is_none")]
        preflight: Option<&'a Preflight>,
    }
    let document = Document { report, preflight };
    serde_json::to_string_pretty(&document)
        .map_err(|error| error.to_string())
        .map(|text| text + "\n")
}
