//! One thing that is wrong in a file, and its place.

use std::ops::Range;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The module cannot use the file.
    Error,
    /// The module ignores a part, or the administrator may have meant something else.
    Warning,
}

/// One thing that is wrong in a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
    /// The place; None for the file as a whole.
    #[serde(flatten)]
    pub(crate) place: Option<Place>,
}

/// A place in a file. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
    /// In the text for the display.
    #[serde(skip)]
    pub(crate) span: Range<usize>,
}

/// The text without a byte order mark, as far as it is text.
pub(crate) fn display(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}

impl Place {
    /// The place of a part of the text, at least one character wide.
    pub(crate) fn of(text: &str, span: Range<usize>) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        // What spans several lines is shown by its first line.
        let part = text.get(start..end).unwrap_or_default();
        end = part.find(['\n', '\r']).map_or(end, |at| start + at);
        let position = |at: usize| {
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            (line, before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1)
        };
        let ((line, column), (end_line, end_column)) = (position(start), position(end));
        Self { line, column, end_line, end_column, span: start..end }
    }
}

impl Finding {
    /// A finding of the file as a whole. The message can end in `; ` and what to write instead.
    pub(crate) fn of_file(severity: Severity, message: &str) -> Self {
        let (message, help) = match message.split_once("; ") {
            Some((message, help)) => (message, Some(help.to_owned())),
            None => (message, None),
        };
        let verbs = ["is ", "has ", "uses ", "produces ", "cannot "];
        let subject =
            if verbs.iter().any(|verb| message.starts_with(verb)) { "the file " } else { "" };
        Self { severity, message: format!("{subject}{message}"), help, place: None }
    }

    pub(crate) fn at(self, text: &str, span: Range<usize>) -> Self {
        Self { place: Some(Place::of(text, span)), ..self }
    }

    /// A finding from a message of the module, which can begin with `line N: ` and a quoted word.
    pub(crate) fn from_message(severity: Severity, text: &str, message: &str) -> Self {
        let numbered = message.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
        let numbered = numbered.and_then(|(line, rest)| Some((line.parse().ok()?, rest)));
        let Some((line, rest)) = numbered else { return Self::of_file(severity, message) };
        let range = line_range(text, line);
        let whole = text.get(range.clone()).unwrap_or_default();
        let entry = whole.split('#').next().unwrap_or_default();
        let entry = if entry.trim().is_empty() { whole } else { entry };
        let word = rest.split('"').nth(1).filter(|word| !word.is_empty());
        let (skip, length) = word
            .and_then(|word| Some((entry.find(word)?, word.len())))
            .unwrap_or((entry.len() - entry.trim_start().len(), entry.trim().len()));
        let start = range.start + skip;
        Self::of_file(severity, rest).at(text, start..start + length)
    }
}

/// The bytes of a line, which is counted from 1, without its end.
pub(crate) fn line_range(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (number, content) in text.split('\n').enumerate() {
        if number + 1 == line {
            return start..start + content.trim_end_matches('\r').len();
        }
        start += content.len() + 1;
    }
    text.len()..text.len()
}
