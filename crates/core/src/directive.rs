//! The directives: what they say, checked word by word, and how scopes are merged.

pub mod cache_advice;

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::allow::{AllowError, AllowRules, Expr};
use crate::file::kept::Keeper;
use crate::flag::{self, FlagError};
use crate::page::{self, PageError, PageFile};
use crate::refusal::retry_after::{RetryAfter, RetryAfterError};
use crate::refusal::status::{StatusError, StatusLines};
use crate::refusal::{Refusal, Refusals};
use crate::shared::slot::Slot;
use crate::shared::table::Key;
use crate::text::duration::{self, DurationError};

/// The flag where no `MaintenanceFlag` is in effect, relative to the ServerRoot.
pub const DEFAULT_FLAG: &str = "maintenance.flag";

/// A directive that fails `httpd -t`: its name, what is wrong, and what to write instead.
#[derive(Debug, Error)]
#[error("{name}: {cause}{usage}")]
pub struct DirectiveError {
    name: &'static str,
    cause: Cause,
    /// `; usage: ...` where the cause does not say what to write.
    usage: String,
}

/// What is wrong with the words of a directive.
#[derive(Debug, Error)]
enum Cause {
    #[error("not allowed in {0}; write it {1}")]
    Misplaced(String, &'static str),
    #[error("nothing follows")]
    Nothing,
    #[error("\"{0}\" is one word too many")]
    TooMany(String),
    #[error("\"{0}\" is not UTF-8")]
    Utf8(String),
    #[error("\"{0}\" is neither On nor Off")]
    Switch(String),
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error(transparent)]
    Flag(#[from] FlagError),
    #[error(transparent)]
    Allow(#[from] AllowError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    RetryAfter(#[from] RetryAfterError),
}

impl Cause {
    /// Does nobody know what the words were to say?
    fn is_unguessed(&self) -> bool {
        match self {
            Self::Nothing | Self::TooMany(_) | Self::Switch(_) => true,
            Self::Flag(error) => *error == FlagError::Empty,
            Self::Allow(error) => error.is_unguessed(),
            Self::Page(error) => matches!(error, PageError::Empty),
            Self::Status(error) => error.is_unguessed(),
            Self::RetryAfter(error) => matches!(error, RetryAfterError::TooMany(_)),
            Self::Misplaced(..) | Self::Utf8(_) | Self::Duration(_) => false,
        }
    }
}

/// Where a directive stands (httpd's documentation says "context"), from the outside inwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Outside of all sections: server config.
    Server,
    /// In `<VirtualHost>`.
    VirtualHost,
    /// In `<Location>` or `<LocationMatch>`.
    Location,
}

impl Scope {
    /// Where a directive may stand of which this is the innermost scope.
    const fn places(self) -> &'static str {
        match self {
            Self::Server => "outside of all sections",
            Self::VirtualHost => "outside of all sections or in <VirtualHost>",
            Self::Location => {
                "outside of all sections, in <VirtualHost>, <Location> or <LocationMatch>"
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server config",
            Self::VirtualHost => "<VirtualHost>",
            Self::Location => "<Location>",
        }
    }
}

/// What the server around the configuration gives to a directive.
pub trait DirectiveContext {
    /// Where the directive stands.
    ///
    /// # Errors
    /// The name of a section that is no scope of the gate's.
    fn scope(&self) -> Result<Scope, String> {
        Ok(Scope::Server)
    }

    /// Where relative paths begin.
    fn server_root(&self) -> &Path;

    /// File and line of the directive, where they are known.
    fn position(&self) -> Option<String> {
        None
    }

    /// Compiles an expression of httpd's (`ap_expr`).
    ///
    /// # Errors
    /// What httpd's parser says.
    fn compile(&self, expr: &str) -> Result<Expr, String>;

    /// Runs what leaves something behind in its thread.
    fn scratch(&self) -> Scratch {
        here
    }

    /// Who keeps the contents of files over restarts.
    fn keeper(&self) -> Option<&'static dyn Keeper> {
        None
    }
}

/// Runs something, in a thread of its own where that matters.
pub type Scratch = fn(&mut (dyn FnMut() + Send));

/// Runs it in this thread.
pub fn here(work: &mut (dyn FnMut() + Send)) {
    work();
}

/// One directive of the module.
pub struct Directive {
    /// As in httpd.conf.
    pub name: &'static CStr,
    /// How it is written.
    pub usage: &'static CStr,
    /// The innermost scope in which it may stand.
    innermost: Scope,
    read: fn(&mut Settings, &Words<'_>) -> Result<(), Cause>,
}

/// Every directive, for the table that httpd gets.
pub static DIRECTIVES: [Directive; 7] = [
    Directive {
        name: c"MaintenanceEngine",
        usage: c"MaintenanceEngine On|Off",
        innermost: Scope::VirtualHost,
        read: Settings::read_engine,
    },
    Directive {
        name: c"MaintenanceFlag",
        usage: c"MaintenanceFlag PATH...",
        innermost: Scope::Location,
        read: Settings::read_flags,
    },
    Directive {
        name: c"MaintenanceAllow",
        usage:
            c"MaintenanceAllow [none] ADDRESS|NETWORK|host=NAME|file=PATH|plugin-cfg=PATH|env=NAME|\
            \"expr=EXPR\"|path=/PATH...",
        innermost: Scope::Location,
        read: Settings::read_allow,
    },
    Directive {
        name: c"MaintenancePage",
        usage: c"MaintenancePage NAME.(html|json|txt)[.LANGUAGE][.j2]...",
        innermost: Scope::Location,
        read: Settings::read_page,
    },
    Directive {
        name: c"MaintenanceStatus",
        usage: c"MaintenanceStatus CODE [\"expr=EXPR\"]",
        innermost: Scope::Location,
        read: Settings::read_status,
    },
    Directive {
        name: c"MaintenanceRetryAfter",
        usage: c"MaintenanceRetryAfter DURATION [spread=DURATION] | off",
        innermost: Scope::Location,
        read: Settings::read_retry_after,
    },
    Directive {
        name: c"MaintenanceCheckInterval",
        usage: c"MaintenanceCheckInterval DURATION",
        innermost: Scope::Server,
        read: Settings::read_check_interval,
    },
];

impl Directive {
    /// Applies the words behind the directive to a scope's settings.
    ///
    /// # Errors
    /// [`DirectiveError`], made to be read by whoever runs `httpd -t`.
    pub fn apply(
        &self,
        settings: &mut Settings,
        words: &[&OsStr],
        place: &dyn DirectiveContext,
    ) -> Result<(), DirectiveError> {
        let misplaced = |section| Err(Cause::Misplaced(section, self.innermost.places()));
        let checked = match (place.scope(), words) {
            (Err(section), _) => misplaced(section),
            (Ok(scope), _) if scope > self.innermost => misplaced(scope.name().into()),
            (_, []) => Err(Cause::Nothing),
            _ => (self.read)(settings, &Words { words, place }),
        };
        checked.map_err(|cause| DirectiveError {
            name: self.name.to_str().unwrap_or_default(),
            usage: match cause.is_unguessed() {
                true => format!("; usage: {}", self.usage.to_str().unwrap_or_default()),
                false => String::new(),
            },
            cause,
        })
    }
}

/// The words behind a directive; at least one.
struct Words<'a> {
    words: &'a [&'a OsStr],
    place: &'a dyn DirectiveContext,
}

impl<'a> Words<'a> {
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.words.iter().map(|word| match word.is_empty() {
            true => PathBuf::new(),
            false => self.place.server_root().join(word),
        })
    }

    fn texts(&self) -> Result<Vec<&'a str>, Cause> {
        let text =
            |word: &&'a OsStr| word.to_str().ok_or_else(|| Cause::Utf8(word.display().to_string()));
        self.words.iter().map(text).collect()
    }

    fn only_text(&self) -> Result<&'a str, Cause> {
        match self.texts()?[..] {
            [word] => Ok(word),
            [_, second, ..] => Err(Cause::TooMany(second.into())),
            [] => Err(Cause::Nothing),
        }
    }
}

/// What the directives of one scope say; merged with those of the scopes around it before use.
#[derive(Clone, Default)]
pub struct Settings {
    engine: Option<bool>,
    flags: Vec<PathBuf>,
    allow: AllowRules,
    pages: Vec<Arc<PageFile>>,
    statuses: StatusLines,
    retry_after: Option<RetryAfter>,
    check_interval: Option<Duration>,
}

impl Settings {
    /// These settings inside a scope with the settings `outer`: flags and allowlist add up, of
    /// the rest the inner one counts, of pages each type for itself.
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            engine: self.engine.or(outer.engine),
            flags: outer.flags.iter().chain(&self.flags).cloned().collect(),
            allow: self.allow.within(&outer.allow),
            pages: page::within(&self.pages, &outer.pages),
            statuses: self.statuses.within(&outer.statuses),
            retry_after: self.retry_after.or(outer.retry_after),
            check_interval: self.check_interval.or(outer.check_interval),
        }
    }

    /// The settings of a server, with the default flag among its own where that is in effect: it
    /// closes the locations in the server, too, also those with a flag of their own.
    pub fn of_server(&self, server_root: &Path) -> Self {
        Self { flags: self.flags(server_root), ..self.clone() }
    }

    /// How often flags are looked at; zero: at every request.
    pub fn check_interval(&self) -> Duration {
        self.check_interval.unwrap_or_default()
    }

    /// Do they say anything about how to refuse?
    pub fn shape_refusals(&self) -> bool {
        !self.pages.is_empty() || !self.statuses.is_empty() || self.retry_after.is_some()
    }

    /// Are this scope's requests looked at?
    pub fn is_on(&self) -> bool {
        self.engine.unwrap_or(true)
    }

    /// The flags that this scope itself names.
    pub fn own_flags(&self) -> &[PathBuf] {
        &self.flags
    }

    /// The flags in effect, each once, the innermost scope's last.
    pub fn flags(&self, server_root: &Path) -> Vec<PathBuf> {
        if self.flags.is_empty() {
            return vec![server_root.join(DEFAULT_FLAG)];
        }
        let mut seen = BTreeSet::new();
        let last = self.flags.iter().rev().filter(|flag| seen.insert(*flag));
        let mut flags: Vec<_> = last.cloned().collect();
        flags.reverse();
        flags
    }

    /// The keys of the files that this scope itself names, which want a slot on the board.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.flags.iter().map(|path| flag::key(path)).collect();
        keys.extend(self.allow.keys());
        keys.extend(self.pages.iter().map(|file| page::key(file.path())));
        keys
    }

    /// Who passes.
    pub fn allow(&self) -> &AllowRules {
        &self.allow
    }

    /// How the scope refuses. `slot` finds the slot of a page.
    pub fn refusal(
        &self,
        refusals: &Refusals,
        slot: impl Fn(Key) -> Option<&'static Slot>,
    ) -> Arc<Refusal> {
        for file in &self.pages {
            if let Some(slot) = slot(page::key(file.path())) {
                file.report_through(slot);
            }
        }
        let retry_after = self.retry_after.unwrap_or_default();
        refusals.of(self.statuses.rules(), &self.pages, retry_after)
    }

    fn read_engine(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        let word = words.only_text()?;
        self.engine = match word.to_ascii_lowercase().as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => return Err(Cause::Switch(word.into())),
        };
        Ok(())
    }

    fn read_flags(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        for (word, path) in words.words.iter().zip(words.paths()) {
            flag::check_word(word)?;
            flag::check_path(&path)?;
            self.flags.push(path);
        }
        Ok(())
    }

    fn read_allow(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        Ok(self.allow.add(&words.texts()?, words.place)?)
    }

    fn read_page(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        for path in words.paths() {
            page::add(&mut self.pages, PageFile::open(path, words.place)?)?;
        }
        Ok(())
    }

    fn read_status(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        Ok(self.statuses.add(&words.texts()?, words.place)?)
    }

    fn read_retry_after(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.retry_after = Some(RetryAfter::parse(&words.texts()?)?);
        Ok(())
    }

    fn read_check_interval(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.check_interval = Some(duration::parse(words.only_text()?)?);
        Ok(())
    }
}
