//! A page supplied by the administrator: a file sent as it is, or a template.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use minijinja::value::Value;
use thiserror::Error;

use super::body::Body;
use super::facts::{Facts, ServerName, VARIABLES};
use super::name::{NameError, PageName};
use super::template::{MAX_SIZE, Template};
use crate::context::{DirectiveContext, Scratch, here};
use crate::file::kept::{Keeping, Use};
use crate::file::watched::{Instead, Watched};
use crate::flag::spec::FlagSpec;
use crate::flag::{ActiveFlag, Content};
use crate::negotiate::Media;
use crate::shared::slot::Slot;
use crate::shared::table::Key;
use crate::stack;

/// Some browsers replace error pages of up to this many bytes by their own.
const HIDDEN_UP_TO: usize = 512;

/// Why a word of `MaintenancePage` is not valid.
#[derive(Debug, Error)]
pub enum PageError {
    /// `MaintenancePage ""`
    #[error("an empty word names no page")]
    Empty,
    /// The file name does not tell the type.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A second page of the same type and language.
    #[error("\"{0}\" is a second page of its type and language")]
    Second(String),
    /// The file cannot be read, or is not a valid page.
    #[error("\"{path}\" {cause}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        cause: String,
    },
}

/// The smallest [`Source::id`]. Smaller numbers are those of built-in pages.
pub(super) const FIRST_ID: u64 = 1 << 10;

/// A file of `MaintenancePage`, reread when it changes.
pub struct PageFile {
    name: PageName,
    file: Watched<Source>,
}

/// One version of the file.
pub(super) struct Source {
    id: u64,
    kind: Kind,
    is_short: bool,
    names_host: bool,
    names_turn: bool,
}

enum Kind {
    Fixed(Arc<Body>),
    Template(Box<Template>),
    /// No version has been valid yet, so the built-in page is sent instead.
    Nothing,
}

impl PageFile {
    /// Opens a page file.
    ///
    /// # Errors
    /// [`PageError`]
    pub fn open(path: PathBuf, context: &dyn DirectiveContext) -> Result<Self, PageError> {
        if path.as_os_str().is_empty() {
            return Err(PageError::Empty);
        }
        let name = PageName::of(&path)?;
        let parse = {
            let (name, scratch) = (name.clone(), context.scratch());
            move |content: &[u8]| Source::parse(&name, content, scratch)
        };
        let shown = path.display().to_string();
        let keeping = context.keeper().map(|keeper| {
            let nothing = || Source {
                id: 0,
                kind: Kind::Nothing,
                is_short: false,
                names_host: false,
                names_turn: false,
            };
            Keeping { keeper, of: Use::Page, nothing }
        });
        let file = Watched::open(path, MAX_SIZE, Box::new(parse), keeping);
        let file = file.map_err(|cause| PageError::File { path: shown, cause })?;
        Ok(Self { name, file: file.lenient(Instead::BuiltIn) })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The type and language, and whether the file is a template.
    pub fn name(&self) -> &PageName {
        &self.name
    }

    /// Whether both pages have the same type and language.
    fn is_like(&self, other: &Self) -> bool {
        let language = |page: &Self| page.name.language.as_deref().map(str::to_ascii_lowercase);
        self.name.media == other.name.media && language(self) == language(other)
    }

    /// The watched file.
    pub(super) fn watched(&self) -> &Watched<Source> {
        &self.file
    }

    /// Uses this slot for reports from now on.
    pub fn report_through(&self, slot: &'static Slot) {
        self.file.report_through(slot);
    }

    /// Whether some browsers would replace the page by their own error page.
    pub(super) fn is_short(&self) -> bool {
        self.file.value().is_short
    }
}

/// Checks a page as the module does when it reads it, and renders it for `facts`, too. Returns
/// whether some browsers would replace the page by their own error page.
///
/// # Errors
/// What is wrong, with the line if it is known.
pub fn check(name: &PageName, content: &[u8], facts: Option<Facts<'_>>) -> Result<bool, String> {
    if content.len() as u64 > MAX_SIZE {
        return Err(format!("has {} bytes; at most {MAX_SIZE} are allowed", content.len()));
    }
    let check = || {
        let source = Source::parse(name, content, here)?;
        if let Some(facts) = facts {
            let page = source.render(facts.values(name.language.as_deref()).into())?;
            if name.media == Media::Json {
                let checked = serde_json::from_slice::<serde_json::Value>(&page);
                checked.map_err(|error| format!("is not valid JSON: {error}"))?;
            }
        }
        Ok(source.is_short)
    };
    stack::deep(check).unwrap_or_else(|| Err("cannot be checked: no thread can be started".into()))
}

/// Adds a page to those of a scope.
///
/// # Errors
/// [`PageError::Second`]
pub fn add(pages: &mut Vec<Arc<PageFile>>, page: PageFile) -> Result<(), PageError> {
    if pages.iter().any(|other| other.is_like(&page)) {
        return Err(PageError::Second(page.path().display().to_string()));
    }
    pages.push(Arc::new(page));
    Ok(())
}

/// The pages of a scope inside a scope with the pages `outer`. Outer pages remain for the types
/// that the inner scope has no page for.
pub fn within(inner: &[Arc<PageFile>], outer: &[Arc<PageFile>]) -> Vec<Arc<PageFile>> {
    let is_missing =
        |page: &&Arc<PageFile>| inner.iter().all(|other| other.name.media != page.name.media);
    inner.iter().chain(outer.iter().filter(is_missing)).cloned().collect()
}

/// The key of a page's slot in the [`StateTable`](crate::shared::slot::StateTable).
pub fn key(path: &Path) -> Key {
    Key::of(("page", path))
}

impl Source {
    fn parse(name: &PageName, content: &[u8], scratch: Scratch) -> Result<Self, String> {
        static IDS: AtomicU64 = AtomicU64::new(FIRST_ID);
        if content.trim_ascii().is_empty() {
            return Err("is empty".into());
        }
        let text = str::from_utf8(content).map_err(|error| {
            format!("is not UTF-8 (byte {}); save it as UTF-8", error.valid_up_to())
        })?;
        let kind = match name.is_template {
            true => {
                Kind::Template(Box::new(Template::compile(name.media, text, &VARIABLES, scratch)?))
            }
            false => Kind::Fixed(Arc::new(Body::new(content.to_owned()))),
        };
        // minijinja does not report the variable on the right of `{% set host = host %}`.
        let is_template = matches!(kind, Kind::Template(_));
        let [names_host, names_turn] = ["host", "turn"].map(|it| is_template && text.contains(it));
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let mut source = Self { id, kind, is_short: false, names_host, names_turn };
        source.is_short = source.try_out(name)?;
        Ok(source)
    }

    /// Renders the page for a flag without content and for a flag with all keys. Returns whether
    /// the result is too short for some browsers.
    fn try_out(&self, name: &PageName) -> Result<bool, String> {
        let mut shortest = usize::MAX;
        let samples = [
            "",
            "message = 'x'\nstart = 2026-11-22T22:00:00Z\nend = 2026-11-22T23:00:00Z\nretry_after = 60",
        ];
        let host = ServerName::new("x");
        for (sample, is_overdue) in samples.into_iter().zip([false, true]) {
            let spec = FlagSpec::parse(sample.as_bytes(), &TimeZone::UTC);
            let content = Content::of(spec.map_err(|error| error.to_string())?);
            let content = Arc::new(content);
            let closing = ActiveFlag { content, is_overdue, ..ActiveFlag::default() };
            let facts =
                Facts { closing: &closing, status: 500, retry_after: Some(300), host: &host };
            let page = self.render(facts.values(name.language.as_deref()).into());
            let page = page.map_err(|cause| match sample {
                "" => format!("{cause} (for a flag without content)"),
                _ => cause,
            })?;
            if name.media == Media::Json {
                let checked = serde_json::from_slice::<serde_json::Value>(&page);
                checked.map_err(|error| format!("is not valid JSON: {error}"))?;
            }
            shortest = shortest.min(page.len());
        }
        Ok(name.media == Media::Html && shortest <= HIDDEN_UP_TO)
    }

    /// The ID of this version, unique among all files.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The body, if the page is not a template.
    pub(super) fn fixed(&self) -> Option<&Arc<Body>> {
        match &self.kind {
            Kind::Fixed(body) => Some(body),
            Kind::Template(_) | Kind::Nothing => None,
        }
    }

    /// Whether there is no valid page.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// Whether the page shows the name of the server.
    pub(super) fn names_host(&self) -> bool {
        self.names_host
    }

    /// Whether the result may depend on when it is the client's turn.
    pub(super) fn names_turn(&self) -> bool {
        self.names_turn
    }

    /// Renders the page with these values.
    pub(super) fn render(&self, values: Value) -> Result<Vec<u8>, String> {
        match &self.kind {
            Kind::Fixed(body) => Ok(body.plain().to_owned()),
            Kind::Template(template) => template.render(values),
            Kind::Nothing => Err("has never been valid".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A page is rendered with the content of a flag as well.
    #[test]
    fn checks() {
        let content = "message = '\"'";
        let spec = FlagSpec::parse(content.as_bytes(), &TimeZone::UTC).expect("content");
        let closing = ActiveFlag { content: Arc::new(Content::of(spec)), ..ActiveFlag::default() };
        let host = ServerName::none();
        let facts = Facts { closing: &closing, status: 500, retry_after: None, host };
        let quoted = "{\"a\": \"{{ message|safe }}\"}";
        for (name, content, alone, with_flag) in [
            ("p.txt", "closed", Ok(false), Ok(false)),
            ("p.html", "short", Ok(true), Ok(true)),
            ("p.json.j2", "{\"a\": {{ message }}}", Ok(false), Ok(false)),
            ("p.json.j2", quoted, Ok(false), Err("is not valid JSON")),
            ("p.txt.j2", "{{ x }}", Err("uses unknown variables: x"), Err("uses unknown")),
            ("p.txt", " ", Err("is empty"), Err("is empty")),
        ] {
            let name = PageName::of(Path::new(name)).expect("a name");
            for (facts, expected) in [(None, alone), (Some(facts), with_flag)] {
                let found = check(&name, content.as_bytes(), facts);
                match (&found, expected) {
                    (Ok(is_short), Ok(expected)) => assert_eq!(*is_short, expected, "{content}"),
                    (Err(cause), Err(start)) => assert!(cause.starts_with(start), "{cause}"),
                    _ => panic!("{content}: {found:?}"),
                }
            }
        }
        let huge = vec![b'x'; 1 + usize::try_from(MAX_SIZE).expect("a size")];
        let name = PageName::of(Path::new("p.txt")).expect("a name");
        assert!(check(&name, &huge, None).expect_err("huge").starts_with("has 1048577 bytes"));
    }
}
