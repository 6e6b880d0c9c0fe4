//! The report as metrics, in the text format of Prometheus.
//!
//! The number of series is limited: beyond [`samples::SERIES`] scopes or flags there are only the numbers of
//! all of them together. The configuration alone decides which series there are, so that a series
//! does not end when a state changes.

mod families;
mod samples;

use super::data::Report;
use super::pieces::Pieces;
use families::FAMILIES;
use samples::Samples;

/// The value of Content-Type.
pub const CONTENT_TYPE: &std::ffi::CStr = c"text/plain; version=0.0.4; charset=utf-8";

/// The metrics. Names and units follow Prometheus's conventions.
pub fn metrics<'r>(report: &'r Report<'_>) -> Pieces<'r> {
    let samples = Samples::new(report);
    Box::new(FAMILIES.iter().filter_map(move |family| family.text(&samples).transpose()))
}
