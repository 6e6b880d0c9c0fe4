//! The maintenance page: its variants by type and language, and what they are made of.

mod body;
mod built_in;
mod cache;
mod choices;
mod file;
mod name;
mod template;
mod texts;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::Arc;

use minijinja::value::Value;

use crate::events::EventSink;
use crate::file::watched::{FileEvent, InForce};
use crate::flag::ActiveFlag;
use crate::flag::spec::FlagSpec;
use crate::negotiate::{self, Encoding, Media};
use crate::shared::hash;
use crate::stack;
pub use body::Body;
pub use cache::Cache;
use cache::{IsStale, Key};
use choices::Choices;
pub use file::{PageError, PageFile, add, key, within};
use template::Template;
use texts::{TEXTS, Texts};

/// The largest page, in bytes, before and after it is rendered.
pub const MAX_SIZE: u64 = 1024 * 1024;

/// What a page can say.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the flag says, and whether its end has passed.
    pub closing: &'a ActiveFlag,
    /// The status of the answer.
    pub status: u16,
    /// Seconds that do not depend on the moment; None where the page can say `end` instead.
    pub retry_after: Option<u32>,
    /// The name of the server or virtual host.
    pub host: &'a str,
}

/// The variables of a template.
const VARIABLES: [&str; 12] = [
    "message",
    "message_lang",
    "start",
    "start_text",
    "end",
    "end_text",
    "overdue",
    "retry_after",
    "vars",
    "status",
    "host",
    "lang",
];

impl<'a> Facts<'a> {
    fn window(&self) -> &'a FlagSpec {
        self.closing.content.window()
    }

    /// As variables for a page in this language, those that have a value.
    fn values(&self, language: Option<&str>) -> BTreeMap<&'static str, Value> {
        let window = self.window();
        let (message, message_lang) = window.message(language).unzip();
        let (start, end) = (window.start(), window.end());
        let values = [
            ("message", message.map(Value::from)),
            ("message_lang", message_lang.flatten().map(Value::from)),
            ("start", start.map(|start| start.rfc3339().into())),
            ("start_text", start.map(|start| start.text().into())),
            ("end", end.map(|end| end.rfc3339().into())),
            ("end_text", end.map(|end| end.text().into())),
            ("overdue", Some(self.closing.is_overdue.into())),
            ("retry_after", self.retry_after.map(Value::from)),
            ("vars", Some(Value::from(window.vars().clone()))),
            ("status", Some(self.status.into())),
            ("host", Some(self.host.into())),
            ("lang", language.map(Value::from)),
        ];
        debug_assert!(values.iter().map(|(name, _)| name).eq(&VARIABLES));
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The pages of one scope: those that were configured, and the built-in ones of the types that
/// were not.
pub struct Pages {
    html: Vec<Page>,
    json: Vec<Page>,
    text: Vec<Page>,
    /// The type for those who do not care.
    default: Media,
    cache: Arc<Cache>,
    choices: Choices<(Media, usize)>,
}

/// A page of one type and language.
pub struct Page {
    media: Media,
    language: Option<String>,
    content_language: Option<CString>,
    /// None: the built-in page.
    file: Option<Arc<PageFile>>,
    /// The number of the built-in page in its language: below [`file::FIRST_ID`].
    built_in: u64,
}

impl Pages {
    /// The pages of a scope with these files. What is rendered is kept in `cache`.
    pub fn new(files: &[Arc<PageFile>], cache: &Arc<Cache>) -> Self {
        let pages = |media| {
            let page = |file, language: Option<&str>| Page {
                media,
                language: language.map(str::to_owned),
                content_language: language.and_then(|tag| CString::new(tag).ok()),
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
            choices: Choices::default(),
        }
    }

    /// The page that suits Accept and Accept-Language best, and whether there are others of its
    /// type in other languages.
    pub fn choose(&self, accept: Option<&[u8]>, languages: Option<&[u8]>) -> Option<(&Page, bool)> {
        let (media, number) = self.choices.get([accept, languages], || {
            let media = negotiate::media(accept, self.default);
            let pages = self.of(media);
            let tags = pages.iter().map(|page| page.language().unwrap_or(""));
            // One without a language is for all others, else the one that was named first.
            let default = || pages.iter().position(|page| page.language.is_none()).unwrap_or(0);
            (media, negotiate::language(languages, tags).unwrap_or_else(default))
        });
        let pages = self.of(media);
        pages.get(number).map(|page| (page, pages.len() > 1))
    }

    fn of(&self, media: Media) -> &[Page] {
        match media {
            Media::Html => &self.html,
            Media::Json => &self.json,
            Media::Text => &self.text,
        }
    }

    /// The bytes of a page, and the encoding in which they are sent to who prefers `wanted`.
    /// Rendered where the page, the flag or the phase has changed since the last time. None where it
    /// cannot be rendered now.
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
        let names_host = source.as_ref().is_some_and(|source| source.names_host());
        let key = Key {
            source: match &source {
                Some(source) if !source.is_nothing() => source.id(),
                _ => page.built_in,
            },
            content: facts.closing.content.id(),
            host: if names_host { hash::of(facts.host) } else { 0 },
            retry_after: facts.retry_after,
            status: facts.status,
            is_overdue: facts.closing.is_overdue,
        };
        let make = || {
            events.rendered(
                page.file.as_ref().map(|file| file.watched().path()),
                &page.content_type().to_string_lossy(),
            );
            self.render(page, source.as_deref(), facts, events).map(Body::new)
        };
        let is_stale = || -> Box<IsStale> {
            let source = source.as_ref().map(Arc::downgrade);
            // All that say nothing are the same.
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
    ) -> Option<Vec<u8>> {
        let language = page.language();
        let source = source.filter(|source| !source.is_nothing());
        if let (Some(source), Some(file)) = (source, &page.file) {
            let rendered = stack::deep(|| source.render(facts.values(language).into()))?;
            let report = &mut |event: FileEvent<'_>| events.file(event);
            file.watched().tell_rendered(rendered.as_ref().err().map(String::as_str), report);
            if let Ok(bytes) = rendered {
                return Some(bytes);
            }
        }
        let compiled = &self.cache.built_in;
        stack::deep(|| built_in::render(page.media, page.texts(), facts, compiled))
    }

    fn files(&self) -> impl Iterator<Item = &PageFile> {
        self.all().filter_map(|page| page.file.as_deref())
    }

    /// Prepares, before children are forked, what they can share.
    pub fn prepare(&self) {
        for file in self.files() {
            if let Some(body) = file.watched().value().fixed() {
                body.prepare();
            }
        }
    }

    /// Says which files could not be used at a restart.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.files().for_each(|file| file.watched().tell_start(report));
    }

    /// Reads the files that have changed; a child also tries whether it may read them at all.
    pub fn refresh(&self, check: bool, events: &dyn EventSink) {
        for file in self.files() {
            if check {
                file.watched().check(&mut |event| events.file(event));
            }
            file.watched().refresh(&mut |event| events.file(event));
        }
    }

    /// All pages, those of one type together.
    pub fn all(&self) -> impl Iterator<Item = &Page> {
        self.html.iter().chain(&self.json).chain(&self.text)
    }

    /// A page in whose place some browsers would show one of their own.
    pub fn short(&self) -> Option<&Path> {
        self.files().find(|file| file.is_short()).map(PageFile::path)
    }
}

impl Page {
    /// The value of Content-Type (RFC 9110, 8.3; RFC 9457, 3).
    pub fn content_type(&self) -> &'static CStr {
        match self.media {
            Media::Html => c"text/html; charset=utf-8",
            Media::Json => c"application/problem+json",
            Media::Text => c"text/plain; charset=utf-8",
        }
    }

    /// The version of its file that is in force; None for the built-in page.
    pub fn in_force(&self) -> Option<InForce> {
        self.file.as_ref().map(|file| file.watched().in_force())
    }

    /// Is it HTML?
    pub fn is_html(&self) -> bool {
        self.media == Media::Html
    }

    /// The value of Content-Language (RFC 9110, 8.5); None where nobody says.
    pub fn content_language(&self) -> Option<&CStr> {
        self.content_language.as_deref()
    }

    /// The language tag in its name (BCP 47).
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The sentences of the built-in page in this page's language, else in English.
    fn texts(&self) -> &'static Texts {
        let [english, ..] = &TEXTS;
        TEXTS.get(texts_for(self.language())).unwrap_or(english)
    }
}

/// The number of the sentences in this language, else of those in English.
fn texts_for(language: Option<&str>) -> usize {
    let tags = TEXTS.iter().map(|texts| texts.lang);
    language.and_then(|tag| negotiate::language(Some(tag.as_bytes()), tags)).unwrap_or(0)
}
