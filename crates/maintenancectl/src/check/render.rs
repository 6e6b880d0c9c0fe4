//! Shows findings as compilers do, or as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use maintenance_core::text;
use serde_json::json;

use super::checked::Checked;
use super::finding::Severity;

/// The findings for people, with colours; the stream removes them if they are not wanted.
pub(crate) fn human(files: &[Checked]) -> String {
    let mut shown = String::new();
    let renderer = Renderer::styled();
    for file in files {
        let path = text::shown(&file.file).into_owned();
        for finding in &file.findings {
            let level = match finding.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let message = text::shown(&finding.message);
            let title = match finding.place {
                Some(_) => message.into_owned(),
                None => format!("{path}: {message}"),
            };
            let mut group = Group::with_title(level.primary_title(title));
            if let Some(place) = &finding.place {
                let span = AnnotationKind::Primary.span(place.span.clone());
                let snippet = Snippet::source(file.text.as_str()).path(path.as_str());
                group = group.element(snippet.annotation(span));
            }
            if let Some(help) = &finding.help {
                group = group.element(Level::HELP.message(text::shown(help).into_owned()));
            }
            shown += &renderer.render(&[group]);
            shown += "\n\n";
        }
        if let Some(summary) = &file.summary {
            shown += &format!("{path}: {summary}\n");
        }
    }
    if files.len() > 1 || files.iter().any(|file| !file.findings.is_empty()) {
        shown += &format!("{}\n", counted(files));
    }
    shown
}

fn counted(files: &[Checked]) -> String {
    let count = |severity| files.iter().map(|file| file.count(severity)).sum::<usize>();
    let number = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        other => format!("{other} {word}s"),
    };
    format!(
        "{}, {} in {}",
        number(count(Severity::Error), "error"),
        number(count(Severity::Warning), "warning"),
        number(files.len(), "file")
    )
}

/// The findings for programs.
pub(crate) fn json(files: &[Checked]) -> String {
    let count = |severity| files.iter().map(|file| file.count(severity)).sum::<usize>();
    let report = json!({
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "files": files,
    });
    format!("{report:#}\n")
}
