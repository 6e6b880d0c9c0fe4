//! How those are answered who are refused: every part of the answer, chosen for the request.

use std::borrow::Cow;
use std::ffi::CStr;
use std::sync::Arc;

use crate::allow::{Expr, Visitor};
use crate::flag::Closing;
use crate::journal::Journal;
use crate::negotiate::{self, Encoding};
use crate::page::{Body, Facts, Page, PageFile, Pages};
use crate::retry_after::{RetryAfter, Spreader};
use crate::status::{Status, StatusRules};

/// How a scope refuses.
pub struct Refusal {
    statuses: StatusRules,
    pages: Pages,
    retry_after: RetryAfter,
    spreader: Spreader,
}

/// What the answer depends on, beside what the allowlist wants to know.
pub trait Asker: Visitor {
    /// The value of a field of the request's header section, all its lines joined with commas.
    fn header(&self, name: &CStr) -> Option<&[u8]>;
    /// The name of the server or virtual host, as `ServerName` gives it.
    fn host(&self) -> Cow<'_, str>;
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Code and reason phrase.
    pub status: &'a Status,
    /// Content-Type
    pub content_type: &'static CStr,
    /// Content-Language
    pub content_language: Option<&'a CStr>,
    /// Content-Encoding
    pub encoding: Encoding,
    /// Vary
    pub vary: &'static CStr,
    /// Retry-After, in seconds.
    pub retry_after: Option<u32>,
    /// The bytes, to be sent in `encoding`.
    pub body: Arc<Body>,
}

impl Refusal {
    /// For a scope with these settings.
    pub fn new(statuses: StatusRules, files: &[Arc<PageFile>], retry_after: RetryAfter) -> Self {
        let pages = Pages::new(files, statuses.count());
        Self { statuses, pages, retry_after, spreader: Spreader::default() }
    }

    /// The answer for a request while `closing` closes its scope. None if there are no pages at
    /// all, which cannot be.
    pub fn answer(
        &self,
        asker: &impl Asker,
        closing: &Closing,
        journal: &dyn Journal,
    ) -> Option<Answer<'_>> {
        let (number, status) = self.statuses.choose(|expr: Expr| asker.satisfies(expr));
        let (accept, language) = (asker.header(c"Accept"), asker.header(c"Accept-Language"));
        let (page, has_languages) = self.pages.choose(accept, language)?;
        let window = closing.content.window();
        let facts = Facts {
            closing,
            status: status.code(),
            retry_after: self.retry_after.fixed(window, closing.is_overdue),
            host: &asker.host(),
        };
        let body = self.pages.body(page, facts, number, journal);
        let (_, encoding) = body.encoded(encoding(asker, page));
        Some(Answer {
            status,
            content_type: page.content_type(),
            content_language: page.content_language(),
            encoding,
            vary: match (has_languages, body.is_negotiated()) {
                (true, true) => c"Accept, Accept-Language, Accept-Encoding",
                (true, false) => c"Accept, Accept-Language",
                (false, true) => c"Accept, Accept-Encoding",
                (false, false) => c"Accept",
            },
            retry_after: self.retry_after.draw(window, closing.at, &self.spreader),
            body,
        })
    }

    /// The status for a request, and no more of the answer.
    pub fn status(&self, visitor: &impl Visitor) -> u16 {
        self.statuses.choose(|expr: Expr| visitor.satisfies(expr)).1.code()
    }

    /// All statuses that it may have.
    pub fn statuses(&self) -> impl Iterator<Item = u16> {
        self.statuses.codes()
    }

    /// The pages.
    pub fn pages(&self) -> &Pages {
        &self.pages
    }
}

/// The coding that the client prefers. mod_deflate's and mod_brotli's environment variables mark
/// clients that only think that they can decode.
fn encoding(asker: &impl Asker, page: &Page) -> Encoding {
    let preferred = negotiate::encoding(asker.header(c"Accept-Encoding"));
    let is_exempt = || {
        asker.has_env(c"no-gzip")
            || asker.has_env(c"no-brotli")
            || (asker.has_env(c"gzip-only-text/html") && !page.is_html())
    };
    match preferred {
        Encoding::Gzip | Encoding::Brotli if is_exempt() => Encoding::Identity,
        other => other,
    }
}
