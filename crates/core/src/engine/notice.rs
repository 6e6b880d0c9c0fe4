//! Answers a client's request for the public notice ([`crate::notice`]): which of its addresses it is
//! for, in which language and coding, and whether the client has it already.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::events::EventSink;
use crate::flag::spec::Phase;
use crate::flag::{Content, Flag, FlagEvent, FlagReport, Observer};
use crate::negotiate::{self, NoticeMedia};
use crate::notice::cache::{Cache, Rendered};
use crate::notice::{
    Event, EventId, EventState, Language, Notice, NoticePath, bar, calendar, json, page,
};
use crate::page::ServerName;
use crate::refusal::reply::{Content as ReplyContent, Reply};
use crate::refusal::{RequestHeaders, encoding};
use crate::shared::arc_cell::OptionCell;
use crate::shared::hash;
use crate::stack;
use crate::text::time;

/// For how long a look at the flags serves further requests. The answers may be a minute old anyway,
/// and a server with thousands of flags must not look at all of them for everybody who asks.
const FRESH: Duration = Duration::from_secs(1);

/// A change reaches readers within a minute, however many of them ask.
const CACHE_CONTROL: &CStr = c"public, max-age=60";

/// The renderings of all servers.
pub type Notices = Cache<Key>;

/// Identifies a rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    format: Format,
    language: &'static str,
    /// The name of the server and the path of the notice.
    place: u64,
    events: Arc<[EventKey]>,
}

/// Identifies what a rendering says about one flag.
#[derive(Debug, PartialEq, Eq)]
struct EventKey {
    /// A hash of the flag's path.
    flag: u64,
    content: u64,
    state: EventState,
    is_overdue: bool,
    modified: Option<Timestamp>,
}

/// The formats of the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Page,
    Json,
    Calendar,
    Bar,
}

impl Format {
    fn content_type(self) -> &'static CStr {
        match self {
            Self::Page => c"text/html; charset=utf-8",
            Self::Json => c"application/json",
            Self::Calendar => c"text/calendar; charset=utf-8",
            Self::Bar => c"text/javascript; charset=utf-8",
        }
    }
}

/// The notice of one server.
pub struct NoticeService {
    path: NoticePath,
    /// The flags of the server and of its sections.
    flags: Vec<Arc<Flag<'static>>>,
    last: OptionCell<Look>,
    cache: Arc<Notices>,
}

/// What a look at the flags has found.
struct Look {
    at: Instant,
    now: Timestamp,
    found: Vec<Found>,
    keys: Arc<[EventKey]>,
    /// When one of the flags last changed.
    changed: Option<Timestamp>,
}

/// A flag of which the public may know.
struct Found {
    flag: Arc<Flag<'static>>,
    content: Arc<Content>,
    phase: Phase,
    modified: Option<Timestamp>,
}

impl NoticeService {
    /// The notice at this path about these flags, which can contain duplicates.
    pub fn new(
        path: NoticePath,
        flags: impl Iterator<Item = Arc<Flag<'static>>>,
        cache: &Arc<Notices>,
    ) -> Self {
        let mut flags: Vec<_> = flags.collect();
        flags.sort_by(|one, other| one.path().cmp(other.path()));
        flags.dedup_by(|one, other| Arc::ptr_eq(one, other));
        Self { path, flags, last: OptionCell::default(), cache: Arc::clone(cache) }
    }

    /// Whether the request target is the path of the notice or below it.
    #[inline]
    pub fn covers(&self, target: &[u8]) -> bool {
        self.path.rest(target).is_some()
    }

    /// The answer to a request that is covered.
    #[cold]
    pub fn answer(&self, request: &impl RequestHeaders, events: &impl EventSink) -> Reply {
        let format = match self.path.rest(request.target()) {
            Some(b"") => match negotiate::notice(request.header(c"Accept")) {
                NoticeMedia::Html => Format::Page,
                NoticeMedia::Json => Format::Json,
                NoticeMedia::Calendar => Format::Calendar,
            },
            Some(b"/upcoming.json") => Format::Json,
            Some(b"/calendar.ics") => Format::Calendar,
            Some(b"/bar.js") => Format::Bar,
            _ => return Reply::new(404).saying("Not found.\n"),
        };
        if !matches!(request.method(), b"GET" | b"HEAD") {
            let reply = Reply::new(405).with(c"Allow", c"GET, HEAD");
            return reply.saying("Only GET and HEAD are allowed.\n");
        }
        let look = self.look(request, events);
        let language = Language::choose(request.header(c"Accept-Language"));
        match self.rendered(format, language, &look, request.host()) {
            Some(rendered) => self.reply(format, language, &rendered, look.changed, request),
            None => Reply::new(503),
        }
    }

    fn reply(
        &self,
        format: Format,
        language: Language,
        rendered: &Rendered,
        changed: Option<Timestamp>,
        request: &impl RequestHeaders,
    ) -> Reply {
        let is_known = is_known(request, &rendered.etag, changed);
        let is_negotiated = request.target().split(|byte| *byte == b'?').next()
            == Some(self.path.as_str().as_bytes());
        let vary = match is_negotiated {
            true => c"Accept, Accept-Language, Accept-Encoding",
            false => c"Accept-Language, Accept-Encoding",
        };
        let mut reply = Reply::bare(if is_known { 304 } else { 200 })
            .with(c"Cache-Control", CACHE_CONTROL)
            .with(c"ETag", rendered.etag.clone())
            .with(c"Vary", vary)
            .with(c"X-Content-Type-Options", c"nosniff");
        if let Some(changed) = changed.and_then(http_date) {
            reply = reply.with(c"Last-Modified", changed);
        }
        if matches!(format, Format::Json | Format::Calendar) {
            reply = reply.with(c"Access-Control-Allow-Origin", c"*");
        }
        if let Ok(tag) = CString::new(language.tag()) {
            reply = reply.with(c"Content-Language", tag);
        }
        if !is_known {
            let wanted = encoding(request, format == Format::Page);
            let body = ReplyContent::Body(Arc::clone(&rendered.body), wanted);
            reply.content = Some((format.content_type(), body));
        }
        reply
    }

    fn rendered(
        &self,
        format: Format,
        language: Language,
        look: &Look,
        host: &ServerName,
    ) -> Option<Arc<Rendered>> {
        let place = hash::of((host.as_str(), self.path.as_str()));
        let (tag, events) = (language.tag(), Arc::clone(&look.keys));
        let key = Key { format, language: tag, place, events };
        let make = || {
            let notice = look.notice(host);
            match format {
                Format::Page => page::render(&notice, language, self.path.last_segment()).ok(),
                Format::Json => json::render(&notice, language).ok(),
                Format::Calendar => calendar::render(&notice, language).ok(),
                Format::Bar => bar::render(&notice, language).ok(),
            }
        };
        self.cache.get(key, || stack::deep(make).flatten())
    }

    /// The last look at the flags, or a new one.
    fn look(&self, request: &impl RequestHeaders, events: &impl EventSink) -> Arc<Look> {
        if let Some(last) = self.last.get().filter(|last| last.at.elapsed() < FRESH) {
            return last;
        }
        let report = &mut |event: FlagEvent<'_>| events.flag(event);
        for flag in &self.flags {
            if !(flag.was_absent() && flag.confirm_absent()) {
                flag.look(Observer::Child, request.request_time(), &time::now, report);
            }
        }
        let look = Arc::new(Look::new(&self.flags, time::now()));
        self.last.set(Some(Arc::clone(&look)));
        look
    }
}

impl Look {
    fn new(flags: &[Arc<Flag<'static>>], now: Timestamp) -> Self {
        let (mut found, mut keys, mut changed) = (vec![], vec![], None);
        for flag in flags {
            let report = flag.report();
            let modified = report.modified.or(report.changed);
            let Some((phase, content)) = known(&report) else {
                changed = changed.max(report.changed);
                continue;
            };
            let spec = content.spec();
            let announced = spec.announce_from().map(|from| from.at()).filter(|from| *from <= now);
            changed = changed.max(report.changed).max(announced);
            if let Some(state) = EventState::new(spec, phase, now) {
                let (flag_key, is_overdue) = (hash::of(flag.path()), phase == Phase::Overdue);
                let content_key = content.id();
                keys.push(EventKey {
                    flag: flag_key,
                    content: content_key,
                    state,
                    is_overdue,
                    modified,
                });
                found.push(Found { flag: Arc::clone(flag), content, phase, modified });
            }
        }
        // A time in the future is a step of the clock.
        let changed = changed.map(|changed| changed.min(now));
        Self { at: Instant::now(), now, found, keys: keys.into(), changed }
    }

    fn notice<'l>(&'l self, host: &'l ServerName) -> Notice<'l> {
        let event = |found: &'l Found| {
            let id = EventId::new(host.as_str(), found.flag.path());
            Event::new(id, found.content.spec(), found.modified, found.phase, self.now)
        };
        Notice::new(host.as_str(), self.found.iter().filter_map(event).collect())
    }
}

/// The phase and the content of a flag. Without a content that this process knows, a flag only
/// closes, and announces nothing.
fn known(report: &FlagReport) -> Option<(Phase, Arc<Content>)> {
    match (report.phase, &report.content) {
        (Some(phase), Some(content)) => Some((phase, Arc::clone(content))),
        _ => report.closes.then(|| (Phase::Closed, Arc::default())),
    }
}

/// Whether the client has a rendering with this tag already (RFC 9110, section 13.2.2).
fn is_known(request: &impl RequestHeaders, etag: &CStr, changed: Option<Timestamp>) -> bool {
    if let Some(tags) = request.header(c"If-None-Match") {
        let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
        let own = opaque(etag.to_bytes());
        let mut tags = tags.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        return tags.any(|tag| tag == b"*" || opaque(tag) == own);
    }
    let since = request.header(c"If-Modified-Since").and_then(|value| str::from_utf8(value).ok());
    let since = since.and_then(|since| rfc2822::DateTimeParser::new().parse_timestamp(since).ok());
    since.zip(changed).is_some_and(|(since, changed)| changed.as_second() <= since.as_second())
}

/// `Sat, 28 Nov 2026 21:00:00 GMT`
fn http_date(at: Timestamp) -> Option<CString> {
    let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?;
    CString::new(text).ok()
}
