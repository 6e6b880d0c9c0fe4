//! The directives: checks their words, and merges the settings of scopes.

pub mod cache_advice;
mod error;
mod inherited;

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::allow::AllowRules;
use crate::context::{DirectiveContext, Scope};
use crate::flag::{self, ShareSecret};
use crate::health_check::HealthChecks;
use crate::notice::NoticePath;
use crate::page::{self, PageFile};
use crate::refusal::cors::Origins;
use crate::refusal::retry_after::RetryAfter;
use crate::refusal::{Refusal, Refusals};
use crate::shared::slot::Slot;
use crate::shared::table::Key;
use crate::text::duration;
use error::Cause;
use inherited::Inherited;

pub use error::DirectiveError;

/// The flag's path, relative to the ServerRoot, if no `MaintenanceFlag` is in effect.
pub const DEFAULT_FLAG: &str = "maintenance.flag";

/// One directive of the module.
pub struct Directive {
    /// The name as in httpd.conf.
    pub name: &'static CStr,
    /// The syntax.
    pub usage: &'static CStr,
    /// The innermost context in which the directive is allowed.
    innermost: Scope,
    read: fn(&mut Settings, &Words<'_>) -> Result<(), Cause>,
}

/// All directives, for httpd's command table.
pub static DIRECTIVES: [Directive; 11] = [
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
        usage: c"MaintenanceAllow [none] ADDRESS|NETWORK|host=NAME|file=PATH|plugin-cfg=PATH|\
            invite=PATH|env=NAME|\"expr=EXPR\"|path=/PATH...",
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
        name: c"MaintenanceHealthCheck",
        usage: c"MaintenanceHealthCheck /PATH...",
        innermost: Scope::VirtualHost,
        read: Settings::read_health_check,
    },
    Directive {
        name: c"MaintenanceCors",
        usage: c"MaintenanceCors ORIGIN... | *",
        innermost: Scope::Location,
        read: Settings::read_cors,
    },
    Directive {
        name: c"MaintenanceNotice",
        usage: c"MaintenanceNotice /PATH",
        innermost: Scope::VirtualHost,
        read: Settings::read_notice,
    },
    Directive {
        name: c"MaintenanceCheckInterval",
        usage: c"MaintenanceCheckInterval DURATION",
        innermost: Scope::Server,
        read: Settings::read_check_interval,
    },
    Directive {
        name: c"MaintenanceShareSecret",
        usage: c"MaintenanceShareSecret PATH",
        innermost: Scope::Server,
        read: Settings::read_share_secret,
    },
];

impl Directive {
    /// Applies the words of a directive to the settings of its scope.
    ///
    /// # Errors
    /// [`DirectiveError`], which `httpd -t` prints.
    pub fn apply(
        &self,
        settings: &mut Settings,
        words: &[&OsStr],
        context: &dyn DirectiveContext,
    ) -> Result<(), DirectiveError> {
        let misplaced = |section| Err(Cause::Misplaced(section, self.innermost.places()));
        let checked = match (context.scope(), words) {
            (Err(section), _) => misplaced(section),
            (Ok(scope), _) if scope > self.innermost => misplaced(scope.name().into()),
            (_, []) => Err(Cause::Nothing),
            _ => (self.read)(settings, &Words { words, context }),
        };
        checked.map_err(|cause| DirectiveError::new(self.name, self.usage, cause))
    }
}

/// The words after the name of a directive; at least one.
struct Words<'a> {
    words: &'a [&'a OsStr],
    context: &'a dyn DirectiveContext,
}

impl<'a> Words<'a> {
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.words.iter().map(|word| match word.is_empty() {
            true => PathBuf::new(),
            false => self.context.server_root().join(word),
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

/// The settings of one scope. They must be merged with those of the outer scopes before use. What
/// two scopes have in common exists once, so that thousands of scopes take little memory.
#[derive(Clone, Default)]
pub struct Settings {
    engine: Option<bool>,
    /// None without a flag.
    flags: Option<Arc<Vec<Arc<Path>>>>,
    allow: AllowRules,
    /// None without any of these settings.
    inherited: Option<Arc<Inherited>>,
}

impl Settings {
    /// Merges these settings, those of an inner scope, with the settings `outer` of the scope
    /// around it. Flags and allowlists add up; pages replace outer pages of their type; all other
    /// settings replace the outer ones.
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            engine: self.engine.or(outer.engine),
            flags: match (&self.flags, &outer.flags) {
                (Some(inner), Some(outer)) => Some(Arc::new([outer.as_slice(), inner].concat())),
                (inner, outer) => inner.as_ref().or(outer.as_ref()).cloned(),
            },
            allow: self.allow.within(&outer.allow),
            inherited: match (&self.inherited, &outer.inherited) {
                (Some(inner), Some(outer)) => Some(Arc::new(inner.within(outer))),
                (inner, outer) => inner.as_ref().or(outer.as_ref()).cloned(),
            },
        }
    }

    /// The settings of a server. If the default flag is in effect, it becomes one of the server's
    /// own flags, so that it also closes locations that have their own flags.
    pub fn of_server(&self, server_root: &Path) -> Self {
        let own = self.flags.clone();
        Self { flags: own.or_else(|| Some(Arc::new(self.flags(server_root)))), ..self.clone() }
    }

    /// How often the module checks flags. Zero means at every request.
    pub fn check_interval(&self) -> Duration {
        self.inherited().and_then(|all| all.check_interval).unwrap_or_default()
    }

    /// The secret on which the positions of clients depend, if there is one.
    pub fn share_secret(&self) -> Option<&ShareSecret> {
        self.inherited()?.share_secret.as_deref()
    }

    /// Whether these settings define how to refuse a request.
    pub fn shape_refusals(&self) -> bool {
        self.inherited().is_some_and(Inherited::shape_refusals)
    }

    /// Whether the engine is on in this scope.
    pub fn is_on(&self) -> bool {
        self.engine.unwrap_or(true)
    }

    /// The flags of this scope's own directives.
    pub fn own_flags(&self) -> &[Arc<Path>] {
        self.flags.as_ref().map_or(&[], |flags| flags)
    }

    /// The flags in effect, without duplicates. The flags of the innermost scope are last.
    pub fn flags(&self, server_root: &Path) -> Vec<Arc<Path>> {
        match self.own_flags() {
            [] => vec![server_root.join(DEFAULT_FLAG).into()],
            [flag] => vec![Arc::clone(flag)],
            own => {
                let mut seen = BTreeSet::new();
                let last = own.iter().rev().filter(|flag| seen.insert(*flag));
                let mut flags: Vec<_> = last.cloned().collect();
                flags.reverse();
                flags
            }
        }
    }

    /// The keys of the slots in the shared state table for the files of this scope's own
    /// directives.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.own_flags().iter().map(|path| flag::key(path)).collect();
        keys.extend(self.allow.keys());
        keys.extend(self.page_keys());
        keys
    }

    /// The same for the pages alone.
    pub fn page_keys(&self) -> impl Iterator<Item = Key> {
        self.pages().iter().map(|file| page::key(file.path()))
    }

    /// Whether both have the same pages, because one of them has inherited those of the other.
    pub fn share_pages(&self, other: &Self) -> bool {
        self.inherited().map(std::ptr::from_ref) == other.inherited().map(std::ptr::from_ref)
    }

    /// The paths for health checks.
    pub fn health_checks(&self) -> HealthChecks {
        self.inherited().map(|all| all.health_checks.clone()).unwrap_or_default()
    }

    /// The path of the public notice, if there is one.
    pub fn notice(&self) -> Option<&NoticePath> {
        self.inherited()?.notice.as_ref()
    }

    /// The allowlist.
    pub fn allow(&self) -> &AllowRules {
        &self.allow
    }

    /// How the scope refuses requests. `slot` returns the slot of a page.
    pub fn refusal(
        &self,
        refusals: &Refusals,
        slot: impl Fn(Key) -> Option<&'static Slot>,
    ) -> Arc<Refusal> {
        for file in self.pages() {
            if let Some(slot) = slot(page::key(file.path())) {
                file.report_through(slot);
            }
        }
        let nothing = Inherited::default();
        let Inherited { statuses, pages, retry_after, origins, .. } =
            self.inherited().unwrap_or(&nothing);
        let origins = origins.clone().unwrap_or_default();
        refusals.of(statuses.rules(), pages, retry_after.unwrap_or_default(), origins)
    }

    fn pages(&self) -> &[Arc<PageFile>] {
        self.inherited().map_or(&[], |all| &all.pages)
    }

    fn inherited(&self) -> Option<&Inherited> {
        self.inherited.as_deref()
    }

    /// For the directives, which have these settings for themselves.
    fn inherited_mut(&mut self) -> &mut Inherited {
        Arc::make_mut(self.inherited.get_or_insert_default())
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
        let mut read = Vec::with_capacity(words.words.len());
        for (word, path) in words.words.iter().zip(words.paths()) {
            flag::check_word(word)?;
            flag::check_path(&path)?;
            read.push(path.into());
        }
        match &mut self.flags {
            Some(flags) => Arc::make_mut(flags).extend(read),
            None => self.flags = Some(Arc::new(read)),
        }
        Ok(())
    }

    fn read_allow(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        Ok(self.allow.add(&words.texts()?, words.context)?)
    }

    fn read_page(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        for path in words.paths() {
            page::add(&mut self.inherited_mut().pages, PageFile::open(path, words.context)?)?;
        }
        Ok(())
    }

    fn read_status(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        Ok(self.inherited_mut().statuses.add(&words.texts()?, words.context)?)
    }

    fn read_retry_after(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.inherited_mut().retry_after = Some(RetryAfter::parse(&words.texts()?)?);
        Ok(())
    }

    fn read_health_check(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        for word in words.texts()? {
            self.inherited_mut().health_checks.add(word)?;
        }
        Ok(())
    }

    fn read_cors(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.inherited_mut().origins = Some(Origins::parse(&words.texts()?)?);
        Ok(())
    }

    fn read_notice(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.inherited_mut().notice = Some(NoticePath::parse(words.only_text()?)?);
        Ok(())
    }

    fn read_check_interval(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.inherited_mut().check_interval = Some(duration::parse(words.only_text()?)?);
        Ok(())
    }

    fn read_share_secret(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        if let [_, second, ..] = words.words {
            return Err(Cause::TooMany(second.display().to_string()));
        }
        let path = words.paths().next().filter(|path| !path.as_os_str().is_empty());
        let secret = ShareSecret::open(path.ok_or(Cause::NoFile)?, words.context)?;
        self.inherited_mut().share_secret = Some(Arc::new(secret));
        Ok(())
    }
}
