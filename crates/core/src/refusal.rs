//! The answer to a refused request: its status, all its header fields, and the page.

pub mod cors;
pub mod reply;
mod request_headers;
pub mod retry_after;
pub mod status;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use self::cors::{CorsFields, Origins};
use self::reply::{CACHE_CONTROL, Reply};
pub use self::request_headers::RequestHeaders;
use self::retry_after::{RetryAfter, Spreader};
use self::status::{Status, StatusRules};
use crate::allow::ClientRequest;
use crate::context::Expr;
use crate::events::EventSink;
use crate::flag::{ActiveFlag, Content, SiteState};
use crate::negotiate::{self, Encoding};
use crate::page::{Body, Cache, Choice, Facts, PageFile, Pages, Values};

/// How a scope refuses requests.
pub struct Refusal {
    statuses: StatusRules,
    pages: Pages,
    retry_after: RetryAfter,
    origins: Origins,
    spreader: Arc<Spreader>,
}

/// The refusals of a server's scopes. Scopes with the same settings share a [`Refusal`], and all
/// scopes share the rendered pages.
#[derive(Default)]
pub struct Refusals {
    made: Mutex<Made>,
    cache: Arc<Cache>,
    spreader: Arc<Spreader>,
}

#[derive(Default)]
struct Made {
    refusals: BTreeMap<Shape, Weak<Refusal>>,
    /// The files by path, shared by all scopes, so that each file is read once.
    files: BTreeMap<PathBuf, Arc<PageFile>>,
    /// When this number of refusals is reached, unused ones are removed.
    limit: usize,
}

/// The settings that determine a [`Refusal`].
type Shape = (StatusRules, Vec<PathBuf>, RetryAfter, Origins);

impl Refusals {
    /// The refusal for a scope with these settings.
    pub fn of(
        &self,
        statuses: StatusRules,
        files: &[Arc<PageFile>],
        retry_after: RetryAfter,
        origins: Origins,
    ) -> Arc<Refusal> {
        let paths = files.iter().map(|file| file.path().to_owned()).collect();
        let shape = (statuses, paths, retry_after, origins);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = made.refusals.get(&shape).and_then(Weak::upgrade) {
            return refusal;
        }
        let file = |file: &Arc<PageFile>| {
            let known = made.files.entry(file.path().to_owned());
            Arc::clone(known.or_insert_with(|| Arc::clone(file)))
        };
        let files: Vec<_> = files.iter().map(file).collect();
        let refusal = Arc::new(Refusal {
            statuses: shape.0.clone(),
            pages: Pages::new(&files, &self.cache),
            retry_after,
            origins: shape.3.clone(),
            spreader: Arc::clone(&self.spreader),
        });
        if made.refusals.len() >= made.limit {
            made.refusals.retain(|_, refusal| refusal.strong_count() > 0);
            made.limit = 2 * made.refusals.len() + 16;
        }
        made.refusals.insert(shape, Arc::downgrade(&refusal));
        refusal
    }
}

/// A complete answer, with all header fields that describe it.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status code and reason phrase.
    pub status: &'a Status,
    content: Arc<Content>,
    state: SiteState,
    cors: Option<CorsFields<'a>>,
    /// Retry-After, in seconds.
    pub retry_after: Option<u32>,
    vary: &'static CStr,
    /// Whether the answer depends on the client's ticket.
    is_by_client: bool,
    set_cookie: Option<CString>,
    /// Content-Type
    pub content_type: &'static CStr,
    /// Content-Language
    pub content_language: Option<&'a CStr>,
    encoding: Encoding,
    body: Arc<Body>,
}

impl Answer<'_> {
    /// Passes on the header fields that replace those of their name.
    #[inline(always)]
    pub fn each_field<'a>(&'a self, mut set: impl FnMut(&'static CStr, &'a CStr)) {
        set(c"Cache-Control", CACHE_CONTROL);
        set(c"Maintenance", self.content.state_field(self.state));
        if let Some(cookie) = &self.set_cookie {
            set(c"Set-Cookie", cookie);
        }
        if let Some(cors) = self.cors {
            cors.iter().for_each(|(name, value)| set(name, value));
        }
    }

    /// The fields for Vary. If the status depends on further ones, httpd adds them.
    pub fn vary(&self) -> impl Iterator<Item = &'static CStr> {
        let client = self.is_by_client.then_some(c"Cookie");
        let origin = self.cors.and_then(CorsFields::vary);
        [Some(self.vary), client, origin].into_iter().flatten()
    }

    /// The bytes and their Content-Encoding. They are uncompressed if a filter will change the text
    /// (`is_filtered`), because the filter could not read compressed bytes.
    pub fn content(&self, is_filtered: bool) -> (&[u8], Option<&'static CStr>) {
        let wanted = if is_filtered { Encoding::Identity } else { self.encoding };
        let (bytes, encoding) = self.body.encoded(wanted);
        (bytes, encoding.name())
    }
}

/// The header fields from whose values a page is chosen ([`Values`]).
pub const NEGOTIATED: [&CStr; 3] = [c"Accept", c"Accept-Language", c"Accept-Encoding"];

/// Fields of the original answer that a refusal must not have. Content-Language, Content-Type and
/// Content-Encoding are replaced.
pub const REMOVED_FIELDS: [&CStr; 9] = [
    c"Accept-Ranges",
    c"Alternates",
    c"Content-Location",
    c"Content-Range",
    c"ETag",
    c"Last-Modified",
    c"Location",
    c"TCN",
    c"WWW-Authenticate",
];

/// The Cache-Control of what an admitted client gets while others are refused: no cache shows it to
/// them.
pub const PRIVATE: &CStr = c"private, no-store";

/// The fields that [`PRIVATE`] replaces: what caches obey, some of them before Cache-Control (RFC
/// 9111, sections 5.2 to 5.4; RFC 9213; Fastly and others; nginx).
pub const CACHE_FIELDS: [&CStr; 7] = [
    c"Cache-Control",
    c"Expires",
    c"Pragma",
    c"CDN-Cache-Control",
    c"Cloudflare-CDN-Cache-Control",
    c"Surrogate-Control",
    c"X-Accel-Expires",
];

/// The answer if no page is available: httpd's own, with a short text.
pub struct PlainAnswer {
    /// The status code.
    pub status: u16,
    /// Cache-Control
    pub cache_control: &'static CStr,
    /// Maintenance
    pub state: &'static CStr,
    /// The text.
    pub text: &'static CStr,
}

/// The only [`PlainAnswer`].
pub const PLAIN: PlainAnswer = PlainAnswer {
    status: 500,
    cache_control: CACHE_CONTROL,
    state: SiteState::Closed.token(),
    text: c"The site is closed for maintenance. Please try again later.",
};

impl Refusal {
    /// The answer to a request with these values while `closing` is active. None if no page is
    /// available.
    pub fn answer(
        &self,
        request: &impl RequestHeaders,
        values: Values<'_>,
        closing: &ActiveFlag,
        events: &dyn EventSink,
    ) -> Option<Answer<'_>> {
        let status = self.statuses.choose(|expr: Expr| request.satisfies(expr));
        let Choice { page, has_languages, coding } = self.pages.choose(values)?;
        let (spec, is_overdue) = (closing.content.spec(), closing.is_overdue);
        let turn = closing.waiting.as_ref().and_then(|waiting| waiting.turn);
        let ticket = closing.waiting.as_ref().and_then(|waiting| waiting.ticket);
        let facts = Facts {
            closing,
            status: status.code(),
            retry_after: match turn {
                Some(_) => None,
                None => self.retry_after.for_page(spec, is_overdue),
            },
            host: request.host(),
        };
        let (body, encoding) =
            self.pages.body(page, facts, unless_exempt(coding, request, page.is_html()), events)?;
        Some(Answer {
            status,
            content: Arc::clone(&closing.content),
            state: closing.state(),
            cors: self.origins.fields(request),
            retry_after: match turn {
                // The turns are spread already.
                Some(turn) => self.retry_after.until(turn.at(), spec, closing.at),
                None => self.retry_after.for_header(spec, is_overdue, closing.at, &self.spreader),
            },
            vary: match (has_languages, body.is_negotiated()) {
                (true, true) => c"Accept, Accept-Language, Accept-Encoding",
                (true, false) => c"Accept, Accept-Language",
                (false, true) => c"Accept, Accept-Encoding",
                (false, false) => c"Accept",
            },
            is_by_client: closing.waiting.is_some(),
            set_cookie: ticket.and_then(|ticket| ticket.set_cookie(request.is_secure())),
            content_type: page.content_type(),
            content_language: page.content_language(&body),
            encoding,
            body,
        })
    }

    /// The status of a refusal for this request.
    pub fn status(&self, request: &impl ClientRequest) -> u16 {
        self.statuses.choose(|expr: Expr| request.satisfies(expr)).code()
    }

    /// The answer to a browser's preflight, if applications of other origins may read refusals.
    pub fn preflight(&self, request: &impl RequestHeaders, closing: &ActiveFlag) -> Option<Reply> {
        let reply = self.origins.preflight(request)?;
        Some(reply.with(c"Maintenance", closing.state_field().to_owned()))
    }

    /// All statuses that an answer can have.
    pub fn statuses(&self) -> impl Iterator<Item = u16> {
        self.statuses.codes()
    }

    /// The pages.
    pub fn pages(&self) -> &Pages {
        &self.pages
    }
}

/// The coding that the client prefers, for an answer that is not [chosen](Pages::choose).
pub(crate) fn encoding(request: &impl RequestHeaders, is_html: bool) -> Encoding {
    let [value] = request.headers([c"Accept-Encoding"]);
    unless_exempt(negotiate::encoding(value), request, is_html)
}

/// The coding that the client prefers, unless the environment variables of mod_deflate and mod_brotli
/// mark it as one that cannot decode what it accepts.
fn unless_exempt(preferred: Encoding, request: &impl RequestHeaders, is_html: bool) -> Encoding {
    let is_exempt = || {
        request.has_env(c"no-gzip")
            || request.has_env(c"no-brotli")
            || (request.has_env(c"gzip-only-text/html") && !is_html)
    };
    match preferred {
        Encoding::Gzip | Encoding::Brotli if is_exempt() => Encoding::Identity,
        other => other,
    }
}
