//! The maintenance page: its variants by type and language, and their rendering.

mod body;
mod built_in;
mod cache;
mod choices;
mod facts;
mod file;
mod name;
mod template;
mod texts;

use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::events::EventSink;
use crate::file::watched::{FileEvent, InForce};
use crate::flag::ActiveFlag;
use crate::negotiate::{self, Encoding, Media};
use crate::stack;
pub use body::Body;
pub use cache::Cache;
use cache::{IsStale, Key};
pub use choices::Values;
pub use facts::{Facts, ServerName};
pub use file::{PageError, PageFile, add, check, key, within};
pub use name::{NameError, PageName};
pub use template::MAX_SIZE;
pub(crate) use template::Template;
pub(crate) use texts::{TEXTS, Texts};

/// The pages of one scope: the configured pages, and built-in pages of all other types.
pub struct Pages {
    html: Vec<Page>,
    json: Vec<Page>,
    text: Vec<Page>,
    /// The type for clients without a preference.
    default: Media,
    cache: Arc<Cache>,
    /// Distinguishes these pages in [`Cache::choices`].
    number: u64,
}

/// The page for a client.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    /// The page.
    pub page: &'a Page,
    /// Whether its type has pages in other languages.
    pub has_languages: bool,
    /// The coding that the client prefers.
    pub coding: Encoding,
}

/// A page of one type and language.
pub struct Page {
    media: Media,
    language: Option<String>,
    content_language: Option<CString>,
    /// The language of the built-in page that replaces this page if its file cannot be used.
    stand_in_language: Option<CString>,
    /// None for the built-in page.
    file: Option<Arc<PageFile>>,
    /// The number of the built-in page of this language, below [`file::FIRST_ID`].
    built_in: u64,
}

impl Pages {
    /// The pages of a scope with these files. Rendered pages are stored in `cache`.
    pub fn new(files: &[Arc<PageFile>], cache: &Arc<Cache>) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let pages = |media| {
            let page = |file, language: Option<&str>| Page {
                media,
                language: language.map(str::to_owned),
                content_language: language.and_then(|tag| CString::new(tag).ok()),
                stand_in_language: CString::new(texts_in(language).lang).ok(),
                file,
                built_in: (3 * texts_for(language) + media as usize) as u64,
            };
            let own = files.iter().filter(|file| file.name().media == media);
            let own = own.map(|file| page(Some(Arc::clone(file)), file.name().language.as_deref()));
            let own: Vec<_> = own.collect();
            match own.is_empty() {
                true => TEXTS.iter().map(|texts| page(None, Some(texts.lang))).collect(),
                false => own,
            }
        };
        let [html, json, text] = [Media::Html, Media::Json, Media::Text].map(pages);
        let mut own = files.iter().map(|file| file.name().media);
        let default = own.next().filter(|first| own.all(|other| other == *first));
        Self {
            html,
            json,
            text,
            default: default.unwrap_or(Media::Html),
            cache: Arc::clone(cache),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The page that best matches the values of Accept and Accept-Language.
    pub fn choose(&self, values: Values<'_>) -> Option<Choice<'_>> {
        let (media, number, coding) = self.cache.choices.get(self.number, values, || {
            let [accept, languages, codings] = values;
            let media = negotiate::media(accept, self.default);
            let pages = self.of(media);
            let tags = pages.iter().map(|page| page.language().unwrap_or(""));
            // The page without a language, or otherwise the first page of the directive.
            let default = || pages.iter().position(|page| page.language.is_none()).unwrap_or(0);
            let number = negotiate::language(languages, tags).unwrap_or_else(default);
            (media, number, negotiate::encoding(codings))
        });
        let pages = self.of(media);
        Some(Choice { page: pages.get(number)?, has_languages: pages.len() > 1, coding })
    }

    fn of(&self, media: Media) -> &[Page] {
        match media {
            Media::Html => &self.html,
            Media::Json => &self.json,
            Media::Text => &self.text,
        }
    }

    /// The bytes of a page, and the best encoding for a client that prefers `wanted`. The page is
    /// rendered again if the file, the flag or the phase has changed. None if it cannot be rendered
    /// now.
    pub fn body(
        &self,
        page: &Page,
        facts: Facts<'_>,
        wanted: Encoding,
        events: &dyn EventSink,
    ) -> Option<(Arc<Body>, Encoding)> {
        let source = page.file.as_ref().map(|file| {
            file.watched().refresh(&mut |event| events.file(event));
            file.watched().value()
        });
        if let Some(body) = source.as_ref().and_then(|source| source.fixed()) {
            let (_, encoding) = body.encoded(wanted);
            return Some((Arc::clone(body), encoding));
        }
        let names_host = match &source {
            Some(source) if !source.is_nothing() => source.names_host(),
            _ => page.is_html(), // the built-in page
        };
        let names_turn = match &source {
            Some(source) if !source.is_nothing() => source.names_turn(),
            _ => true,
        };
        let key = Key {
            source: match &source {
                Some(source) if !source.is_nothing() => source.id(),
                _ => page.built_in,
            },
            content: facts.closing.content.id(),
            host: if names_host { facts.host.hash() } else { 0 },
            retry_after: facts.retry_after,
            status: facts.status,
            is_overdue: facts.closing.is_overdue,
            is_read_only: facts.closing.is_read_only,
            turn: facts.turn().filter(|_| names_turn).map_or(0, |turn| turn.at().as_second()),
        };
        let make = || {
            events.rendered(
                page.file.as_ref().map(|file| file.watched().path()),
                &page.content_type().to_string_lossy(),
            );
            self.render(page, source.as_deref(), facts, events)
        };
        let is_stale = || -> Box<IsStale> {
            let source = source.as_ref().map(Arc::downgrade);
            // All flags without content share one rendering.
            let content = (key.content != 0).then(|| Arc::downgrade(&facts.closing.content));
            Box::new(move || {
                source.as_ref().is_some_and(|source| source.strong_count() == 0)
                    || content.as_ref().is_some_and(|content| content.strong_count() == 0)
            })
        };
        let body = self.cache.get(key, make, is_stale)?;
        let encoding = self.cache.encode(&key, &body, wanted);
        Some((body, encoding))
    }

    fn render(
        &self,
        page: &Page,
        source: Option<&file::Source>,
        facts: Facts<'_>,
        events: &dyn EventSink,
    ) -> Option<Body> {
        let language = page.language();
        let source = source.filter(|source| !source.is_nothing());
        if let (Some(source), Some(file)) = (source, &page.file) {
            let rendered = stack::deep(|| source.render(facts.values(language).into()))?;
            let report = &mut |event: FileEvent<'_>| events.file(event);
            file.watched().tell_rendered(rendered.as_ref().err().map(String::as_str), report);
            if let Ok(bytes) = rendered {
                return Some(Body::new(bytes));
            }
        }
        // A rendering that virtual hosts share does not name one of them.
        let is_shared = source.is_some_and(|source| !source.names_host());
        let facts = if is_shared { Facts { host: ServerName::none(), ..facts } } else { facts };
        let names_turn = source.is_none_or(|source| source.names_turn());
        let untimed = ActiveFlag { waiting: None, ..facts.closing.clone() };
        let facts = if names_turn { facts } else { Facts { closing: &untimed, ..facts } };
        let compiled = &self.cache.built_in;
        let texts = texts_in(language);
        let body = Body::new(stack::deep(|| built_in::render(page.media, texts, facts, compiled))?);
        Some(if page.file.is_some() { body.standing_in() } else { body })
    }

    fn files(&self) -> impl Iterator<Item = &PageFile> {
        self.all().filter_map(|page| page.file.as_deref())
    }

    /// Whether one of the pages is a file's.
    pub fn has_files(&self) -> bool {
        self.files().next().is_some()
    }

    /// Compresses the bodies that children can share, before the parent forks.
    pub fn prepare(&self) {
        for file in self.files() {
            if let Some(body) = file.watched().value().fixed() {
                body.prepare();
            }
        }
    }

    /// Reports which files could not be used at a restart.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.files().for_each(|file| file.watched().tell_start(report));
    }

    /// Rereads the files that have changed. With `check`, also tests whether this process may read
    /// them.
    pub fn refresh(&self, check: bool, events: &dyn EventSink) {
        for file in self.files() {
            if check {
                file.watched().check(&mut |event| events.file(event));
            }
            file.watched().refresh(&mut |event| events.file(event));
        }
    }

    /// All pages, grouped by type.
    pub fn all(&self) -> impl Iterator<Item = &Page> {
        self.html.iter().chain(&self.json).chain(&self.text)
    }

    /// The path of a page that is so short that some browsers replace it by their own error page.
    pub fn short(&self) -> Option<&Path> {
        self.files().find(|file| file.is_short()).map(PageFile::path)
    }
}

impl Page {
    /// The value of Content-Type (RFC 9110, section 8.3; RFC 9457, section 3).
    pub fn content_type(&self) -> &'static CStr {
        match self.media {
            Media::Html => c"text/html; charset=utf-8",
            Media::Json => c"application/problem+json",
            Media::Text => c"text/plain; charset=utf-8",
        }
    }

    /// The version of the page's file that is in force; None for the built-in page.
    pub fn in_force(&self) -> Option<InForce> {
        self.file.as_ref().map(|file| file.watched().in_force())
    }

    /// Whether the last version of the page's file cannot be used.
    pub fn has_problem(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.watched().has_problem())
    }

    /// Whether the page is HTML.
    pub fn is_html(&self) -> bool {
        self.media == Media::Html
    }

    /// The value of Content-Language (RFC 9110, section 8.5) for this body; None if the language is
    /// not known.
    pub fn content_language(&self, body: &Body) -> Option<&CStr> {
        match body.stands_in() {
            true => self.stand_in_language.as_deref(),
            false => self.content_language.as_deref(),
        }
    }

    /// The language tag in the file name (BCP 47).
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}

/// The index of the texts in this language, or of the English ones.
fn texts_for(language: Option<&str>) -> usize {
    let tags = TEXTS.iter().map(|texts| texts.lang);
    language.and_then(|tag| negotiate::language(Some(tag.as_bytes()), tags)).unwrap_or(0)
}

/// The texts of the built-in page in this language, or in English.
fn texts_in(language: Option<&str>) -> &'static Texts {
    let [english, ..] = &TEXTS;
    TEXTS.get(texts_for(language)).unwrap_or(english)
}
