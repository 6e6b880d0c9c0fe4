//! Why a directive cannot be used.

use std::ffi::CStr;

use thiserror::Error;

use crate::allow::AllowError;
use crate::allow::path::AnsweredPathError;
use crate::flag::{FlagError, SecretError};
use crate::health_check::HealthCheckError;
use crate::notice::NoticeError;
use crate::page::PageError;
use crate::refusal::cors::CorsError;
use crate::refusal::retry_after::RetryAfterError;
use crate::refusal::status::StatusError;
use crate::text::duration::DurationError;

/// Why a directive fails `httpd -t`: its name, the error, and what to write instead.
#[derive(Debug, Error)]
#[error("{name}: {cause}{usage}")]
pub struct DirectiveError {
    name: &'static str,
    cause: Cause,
    /// `; usage: ...` if the cause does not say what to write instead.
    usage: String,
}

impl DirectiveError {
    /// The error of the directive with this name and syntax.
    pub(super) fn new(name: &'static CStr, usage: &CStr, cause: Cause) -> Self {
        let usage = match cause.is_unguessed() {
            true => format!("; usage: {}", usage.to_str().unwrap_or_default()),
            false => String::new(),
        };
        Self { name: name.to_str().unwrap_or_default(), cause, usage }
    }
}

/// What is wrong with the words of a directive.
#[derive(Debug, Error)]
pub(super) enum Cause {
    #[error("not allowed in {0}; write it {1}")]
    Misplaced(String, &'static str),
    #[error("nothing follows")]
    Nothing,
    #[error("\"{0}\" is one word too many")]
    TooMany(String),
    #[error("\"{0}\" is not UTF-8")]
    Utf8(String),
    #[error("\"{0}\" is neither On nor Off")]
    Switch(String),
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error(transparent)]
    Flag(#[from] FlagError),
    #[error(transparent)]
    Allow(#[from] AllowError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    RetryAfter(#[from] RetryAfterError),
    #[error(transparent)]
    HealthCheck(#[from] HealthCheckError),
    #[error(transparent)]
    Notice(#[from] NoticeError),
    #[error(transparent)]
    Cors(#[from] CorsError),
    #[error("an empty word names no file")]
    NoFile,
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Cause {
    /// Whether the usage is the best suggestion.
    fn is_unguessed(&self) -> bool {
        match self {
            Self::Nothing | Self::TooMany(_) | Self::Switch(_) | Self::NoFile => true,
            Self::Flag(error) => *error == FlagError::Empty,
            Self::Allow(error) => error.is_unguessed(),
            Self::Page(error) => matches!(error, PageError::Empty),
            Self::Status(error) => error.is_unguessed(),
            Self::RetryAfter(error) => matches!(error, RetryAfterError::TooMany(_)),
            Self::HealthCheck(error) => *error == AnsweredPathError::Empty.into(),
            Self::Notice(error) => *error == AnsweredPathError::Empty.into(),
            Self::Misplaced(..) | Self::Utf8(_) | Self::Duration(_) | Self::Cors(_) => false,
            Self::Secret(_) => false,
        }
    }
}
