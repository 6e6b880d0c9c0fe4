//! The status of a refusal.

use std::ffi::{CStr, CString};
use std::str::FromStr;

use thiserror::Error;

/// A word that is no status code of an error.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is no status code of an error")]
pub struct StatusError(String);

/// A status code from 400 to 599 (RFC 9110, 15.5 and 15.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    code: u16,
    line: CString,
}

impl Status {
    fn new(code: u16) -> Self {
        // Digits and letters: there is no NUL that could make this fail.
        let line = CString::new(format!("{code} Maintenance")).unwrap_or_default();
        Self { code, line }
    }

    /// The number.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Code and reason phrase, for the codes that httpd has no phrase for.
    pub fn line(&self) -> &CStr {
        &self.line
    }
}

/// 500: the HCL Connections desktop plug-ins answer a 403 with an endless password prompt.
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
            _ => Err(StatusError(word.into())),
        }
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
