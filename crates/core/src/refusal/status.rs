//! The status of a refusal.

use std::ffi::{CStr, CString};
use std::str::FromStr;

use thiserror::Error;

use crate::context::{DirectiveContext, Expr};

/// Why the words of a `MaintenanceStatus` are not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StatusError {
    /// A word that is not the status code of an error.
    #[error("\"{0}\" is not the status code of an error; write one from 400 to 599")]
    Code(String),
    /// A second word that is not an expression.
    #[error("\"{0}\" is not \"expr=EXPR\"")]
    NoExpr(String),
    /// An expression that httpd does not understand.
    #[error("\"{word}\" is not a valid expression: {cause}")]
    Expr {
        /// The word.
        word: String,
        /// The message of httpd's parser.
        cause: String,
    },
    /// `expr="EXPR"`, which httpd splits into several words.
    #[error(
        "\"{0}\" has quotes in its middle; write the quotes around the whole word: \"expr=...\""
    )]
    Quotes(String),
    /// More than two words.
    #[error("\"{0}\" is one word too many")]
    TooMany(String),
}

impl StatusError {
    /// Whether the usage is the best suggestion.
    pub fn is_unguessed(&self) -> bool {
        matches!(self, Self::NoExpr(_) | Self::TooMany(_))
    }
}

/// A status code from 400 to 599 (RFC 9110, sections 15.5 and 15.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Status {
    code: u16,
    line: CString,
}

impl Status {
    fn new(code: u16) -> Self {
        // Digits and letters contain no NUL, so this cannot fail.
        let line = CString::new(format!("{code} Maintenance")).unwrap_or_default();
        Self { code, line }
    }

    /// The status code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The status code and a reason phrase, needed for codes that httpd has no phrase for.
    pub fn line(&self) -> &CStr {
        &self.line
    }
}

/// The default is 500, because the HCL Connections desktop plug-ins answer a 403 with an endless
/// password prompt.
impl Default for Status {
    fn default() -> Self {
        Self::new(500)
    }
}

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(word: &str) -> Result<Self, StatusError> {
        let digits = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        match word.parse() {
            Ok(code @ 400..=599) if digits => Ok(Self::new(code)),
            _ => Err(StatusError::Code(word.into())),
        }
    }
}

/// The status of refusals: the `MaintenanceStatus` lines of one or more scopes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusRules {
    /// The first rule whose expression is true decides.
    conditional: Vec<(Expr, Status)>,
    fallback: Status,
}

/// The `MaintenanceStatus` lines of one scope.
#[derive(Clone, Debug, Default)]
pub struct StatusLines {
    conditional: Vec<(Expr, Status)>,
    /// The last line without an expression.
    fallback: Option<Status>,
}

impl StatusLines {
    /// Adds the words of a line.
    ///
    /// # Errors
    /// [`StatusError`]
    pub fn add(
        &mut self,
        words: &[&str],
        context: &dyn DirectiveContext,
    ) -> Result<(), StatusError> {
        let (code, rest) = words.split_first().unwrap_or((&"", &[]));
        let status: Status = code.parse()?;
        match rest {
            [] => {
                self.fallback = Some(status);
                Ok(())
            }
            [word] => {
                let text = word.strip_prefix("expr=");
                let text = text.ok_or_else(|| StatusError::NoExpr((*word).into()))?;
                let expr = context.compile(text).map_err(|cause| match text.starts_with('"') {
                    true => StatusError::Quotes((*word).into()),
                    false => StatusError::Expr { word: (*word).into(), cause },
                })?;
                self.conditional.push((expr, status));
                Ok(())
            }
            [word, ..] if word.starts_with("expr=\"") => Err(StatusError::Quotes((*word).into())),
            [_, word, ..] => Err(StatusError::TooMany((*word).into())),
        }
    }

    /// Merges these lines, those of an inner scope, with the lines `outer`, which apply if none of
    /// these does.
    pub fn within(&self, outer: &Self) -> Self {
        if self.fallback.is_some() {
            return self.clone();
        }
        let conditional = self.conditional.iter().chain(&outer.conditional).cloned().collect();
        Self { conditional, fallback: outer.fallback.clone() }
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.conditional.is_empty() && self.fallback.is_none()
    }

    /// The rules of these lines.
    pub fn rules(&self) -> StatusRules {
        let fallback = self.fallback.clone().unwrap_or_default();
        StatusRules { conditional: self.conditional.clone(), fallback }
    }
}

impl StatusRules {
    /// The status of a refusal. `holds` evaluates an expression for the request.
    pub fn choose(&self, holds: impl Fn(Expr) -> bool) -> &Status {
        let found = self.conditional.iter().find(|(expr, _)| holds(*expr));
        found.map_or(&self.fallback, |(_, status)| status)
    }

    /// All statuses that a refusal can have.
    pub fn codes(&self) -> impl Iterator<Item = u16> {
        let conditional = self.conditional.iter().map(|(_, status)| status);
        conditional.chain([&self.fallback]).map(Status::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (word, code) in [
            ("400", Some(400)),
            ("500", Some(500)),
            ("503", Some(503)),
            ("599", Some(599)),
            ("399", None),
            ("600", None),
            ("200", None),
            ("1000", None),
            ("+503", None),
            ("0503", None),
            ("503 ", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(word.parse::<Status>().ok().map(|status| status.code()), code, "{word}");
        }
        assert_eq!("599".parse::<Status>().expect("a code").line(), c"599 Maintenance");
        assert_eq!(Status::default().code(), 500);
    }
}
