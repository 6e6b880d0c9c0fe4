//! A checked file: what it says, and what is wrong with it.

use std::path::Path;

use serde::Serialize;

use super::finding::{self, Finding, Severity};
use super::inspect::{self, Circumstances};
use super::kind::Kind;

/// A checked file.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// As the administrator has named it.
    pub(crate) file: String,
    pub(crate) kind: Option<Kind>,
    /// What the file says, if it can be used.
    pub(crate) summary: Option<String>,
    pub(crate) findings: Vec<Finding>,
    /// The content for the display.
    #[serde(skip)]
    pub(crate) text: String,
}

impl Checked {
    /// A file of which nothing is known but that something is wrong with it.
    pub(crate) fn failed(file: String, finding: Finding) -> Self {
        Self { file, kind: None, summary: None, findings: vec![finding], text: String::new() }
    }

    /// Checks the content of a file.
    pub(crate) fn of(
        file: String,
        path: &Path,
        kind: Kind,
        content: &[u8],
        circumstances: &Circumstances<'_>,
    ) -> Self {
        let text = finding::display(content);
        let (summary, mut findings) = inspect::inspect(path, kind, content, &text, circumstances);
        findings.sort_by_key(|finding| finding.place.as_ref().map(|place| place.span.start));
        let is_usable = findings.iter().all(|finding| finding.severity != Severity::Error);
        let text = if kind == Kind::Invitations { inspect::masked(&text) } else { text };
        Self { file, kind: Some(kind), summary: summary.filter(|_| is_usable), findings, text }
    }

    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
