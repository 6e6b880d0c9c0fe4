//! An answer of the module's own that is not the maintenance page: to a health check, to a browser's
//! preflight, a redirection, or the notice.

use std::borrow::Cow;
use std::ffi::CStr;
use std::sync::Arc;

use crate::flag::ActiveFlag;
use crate::negotiate::Encoding;
use crate::page::Body;

/// Caches must not store a refusal: it would outlive the maintenance.
pub(super) const CACHE_CONTROL: &CStr = c"no-store";

/// An answer, complete with all header fields that describe it.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, without Content-Type.
    pub fields: Vec<(&'static CStr, Cow<'static, CStr>)>,
    /// Content-Type and the content.
    pub content: Option<(&'static CStr, Content)>,
}

/// The content of a reply.
#[derive(Debug)]
pub enum Content {
    /// A short text.
    Text(&'static str),
    /// Bytes, and the coding that the client prefers.
    Body(Arc<Body>, Encoding),
}

impl Content {
    /// The bytes and their Content-Encoding. They are uncompressed if a filter will change the text
    /// (`is_filtered`).
    pub fn bytes(&self, is_filtered: bool) -> (&[u8], Option<&'static CStr>) {
        match self {
            Self::Text(text) => (text.as_bytes(), None),
            Self::Body(body, wanted) => {
                let wanted = if is_filtered { Encoding::Identity } else { *wanted };
                let (bytes, encoding) = body.encoded(wanted);
                (bytes, encoding.name())
            }
        }
    }
}

impl Reply {
    /// An answer without content. No cache keeps it: it would outlive the maintenance.
    pub fn new(status: u16) -> Self {
        Self::bare(status).with(c"Cache-Control", CACHE_CONTROL)
    }

    /// An answer without content and without any field.
    pub fn bare(status: u16) -> Self {
        Self { status, fields: vec![], content: None }
    }

    /// Adds a header field.
    pub fn with(mut self, name: &'static CStr, value: impl Into<Cow<'static, CStr>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The answer to a health check: the server works, and answers by itself for now.
    pub fn healthy(closing: &ActiveFlag) -> Self {
        let field = closing.state_field().to_owned();
        Self::new(200).with(c"Maintenance", field).saying("closed for maintenance\n")
    }

    /// With this text as its content.
    pub fn saying(self, text: &'static str) -> Self {
        Self { content: Some((c"text/plain; charset=utf-8", Content::Text(text))), ..self }
    }
}
