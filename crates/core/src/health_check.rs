//! `MaintenanceHealthCheck`: paths that the module itself answers with 200 while the scope is closed,
//! so that a load balancer keeps the server in service and people see the maintenance page although
//! the application is stopped.

use thiserror::Error;

use crate::allow::{ClientRequest, path};

/// Why a word of `MaintenanceHealthCheck` is not a path for health checks.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HealthCheckError {
    /// `MaintenanceHealthCheck ""`
    #[error("an empty word is not a path")]
    Empty,
    /// `healthz`, with the path to write instead.
    #[error("\"{0}\" does not begin with /; write {1}")]
    NotAbsolute(String, String),
    /// `/`, which is what people ask for.
    #[error(
        "\"/\" is the page that people open, which they would see no more; write a path of its \
         own, such as /healthz"
    )]
    Root,
    /// `/a//b`, `/a%20b`, `/healthz?full`
    #[error("\"{word}\" contains {what}, and a request target with it is never answered")]
    Ambiguous {
        /// The word.
        word: String,
        /// What is in it.
        what: &'static str,
    },
    /// `/health*`
    #[error("\"{word}\" contains {what}; write the whole path, as patterns are not possible")]
    Pattern {
        /// The word.
        word: String,
        /// What is in it.
        what: &'static str,
    },
}

/// The paths for health checks in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthChecks(Vec<String>);

impl HealthChecks {
    /// Adds a path.
    ///
    /// # Errors
    /// [`HealthCheckError`]
    pub fn add(&mut self, word: &str) -> Result<(), HealthCheckError> {
        let own = || word.to_owned();
        if word.is_empty() {
            return Err(HealthCheckError::Empty);
        }
        if !word.starts_with('/') {
            return Err(HealthCheckError::NotAbsolute(own(), path::absolute(word)));
        }
        if word == "/" {
            return Err(HealthCheckError::Root);
        }
        let query = word.contains('?').then_some("?");
        if let Some(what) = path::ambiguity(word.as_bytes()).or(query) {
            return Err(HealthCheckError::Ambiguous { word: own(), what });
        }
        if let Some(what) = path::pattern_sign(word) {
            return Err(HealthCheckError::Pattern { word: own(), what });
        }
        self.0.push(own());
        Ok(())
    }

    /// Whether there are no paths.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These paths together with those of the scope around this one.
    pub fn within(&self, outer: &Self) -> Self {
        Self(outer.0.iter().chain(&self.0).cloned().collect())
    }

    /// Whether the request is a health check: GET or HEAD of exactly one of the paths, as it was
    /// sent. A query makes no difference.
    pub fn include(&self, request: &impl ClientRequest) -> bool {
        if self.is_empty() || !matches!(request.method(), b"GET" | b"HEAD") {
            return false;
        }
        let path = request.target().split(|byte| *byte == b'?').next().unwrap_or_default();
        self.0.iter().any(|own| own.as_bytes() == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, message) in [
            ("", "an empty word is not a path"),
            ("healthz", "\"healthz\" does not begin with /; write /healthz"),
            ("http://x/healthz", "\"http://x/healthz\" does not begin with /; write /healthz"),
            (
                "/",
                "\"/\" is the page that people open, which they would see no more; write a path of \
                 its own, such as /healthz",
            ),
            ("/a//b", "\"/a//b\" contains //, and a request target with it is never answered"),
            (
                "/a/../b",
                "\"/a/../b\" contains /../, and a request target with it is never answered",
            ),
            ("/a%20b", "\"/a%20b\" contains %, and a request target with it is never answered"),
            ("/z?full", "\"/z?full\" contains ?, and a request target with it is never answered"),
            ("/h*", "\"/h*\" contains *; write the whole path, as patterns are not possible"),
            ("/h$", "\"/h$\" contains $; write the whole path, as patterns are not possible"),
        ] {
            let error = HealthChecks::default().add(word).expect_err(word);
            assert_eq!(error.to_string(), message, "{word}");
        }
        for word in ["/healthz", "/healthz/", "/.well-known/health", "/a/b.txt"] {
            assert_eq!(HealthChecks::default().add(word), Ok(()), "{word}");
        }
    }
}
