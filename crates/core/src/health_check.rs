//! `MaintenanceHealthCheck`: paths that the module itself answers with 200 while the scope is closed,
//! so that a load balancer keeps the server in service and people see the maintenance page although
//! the application is stopped.

use std::sync::Arc;

use thiserror::Error;

use crate::allow::ClientRequest;
use crate::allow::path::{self, AnsweredPathError};

/// Why a word of `MaintenanceHealthCheck` is not a path for health checks.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HealthCheckError {
    /// A word that names no path.
    #[error(transparent)]
    Path(#[from] AnsweredPathError),
    /// `/`, which is what people ask for.
    #[error(
        "\"/\" is the page that people open, which they would see no more; write a path of its \
         own, such as /healthz"
    )]
    Root,
}

/// The paths for health checks in a scope. Scopes with the same ones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthChecks(Option<Arc<Vec<String>>>);

impl HealthChecks {
    /// Adds a path.
    ///
    /// # Errors
    /// [`HealthCheckError`]
    pub fn add(&mut self, word: &str) -> Result<(), HealthCheckError> {
        path::check_answered(word)?;
        if word == "/" {
            return Err(HealthCheckError::Root);
        }
        Arc::make_mut(self.0.get_or_insert_default()).push(word.to_owned());
        Ok(())
    }

    /// Whether there are no paths.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These paths together with those of the scope around this one.
    pub fn within(&self, outer: &Self) -> Self {
        Self(match (&self.0, &outer.0) {
            (Some(inner), Some(outer)) => Some(Arc::new([outer.as_slice(), inner].concat())),
            (inner, outer) => inner.as_ref().or(outer.as_ref()).cloned(),
        })
    }

    /// Whether the request is a health check: GET or HEAD of exactly one of the paths, as it was
    /// sent. A query makes no difference.
    pub fn include(&self, request: &impl ClientRequest) -> bool {
        let Some(paths) = &self.0 else { return false };
        if !matches!(request.method(), b"GET" | b"HEAD") {
            return false;
        }
        let path = request.target().split(|byte| *byte == b'?').next().unwrap_or_default();
        paths.iter().any(|own| own.as_bytes() == path)
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
