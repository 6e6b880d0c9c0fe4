//! An answer of the module's own that is not the maintenance page: to a health check, to a browser's
//! preflight, or a redirection.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::flag::ActiveFlag;

/// Caches must not store a refusal: it would outlive the maintenance.
pub(super) const CACHE_CONTROL: &CStr = c"no-store";

/// An answer, complete with all header fields that describe it.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, without Content-Type.
    pub fields: Vec<(&'static CStr, Cow<'static, CStr>)>,
    /// Content-Type and the content.
    pub content: Option<(&'static CStr, &'static [u8])>,
}

impl Reply {
    /// An answer without content. No cache keeps it: it would outlive the maintenance.
    pub fn new(status: u16) -> Self {
        Self { status, fields: vec![(c"Cache-Control", CACHE_CONTROL.into())], content: None }
    }

    /// Adds a header field.
    pub fn with(mut self, name: &'static CStr, value: impl Into<Cow<'static, CStr>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The answer to a health check: the server works, and answers by itself for now.
    pub fn healthy(closing: &ActiveFlag) -> Self {
        let content = Some((c"text/plain; charset=utf-8", &b"closed for maintenance\n"[..]));
        let field = closing.state_field().to_owned();
        Self { content, ..Self::new(200).with(c"Maintenance", field) }
    }
}
