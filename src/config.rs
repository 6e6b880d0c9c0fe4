//! The directives: what they say, checked word by word, and how scopes are merged.

use std::ffi::{CStr, OsStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::allow::{AllowError, AllowRules, Expr};
use crate::flag::{self, FlagError};
use crate::page::{Page, PageError};
use crate::status::{Status, StatusError};

/// The flag where no `MaintenanceFlag` is in effect, relative to the ServerRoot.
pub const DEFAULT_FLAG: &str = "maintenance.flag";

/// A directive that fails `httpd -t`: its name, the word at fault, and what is expected.
#[derive(Debug, Error)]
#[error("{name}: {cause}; expected {expected}")]
pub struct DirectiveError {
    name: &'static str,
    cause: Cause,
    expected: &'static str,
}

/// What is wrong with the words of a directive.
#[derive(Debug, Error)]
enum Cause {
    #[error("nothing follows")]
    Nothing,
    #[error("\"{0}\" is one word too many")]
    TooMany(String),
    #[error("\"{0}\" is not UTF-8")]
    Utf8(String),
    #[error("\"{0}\" is neither On nor Off")]
    Switch(String),
    #[error(transparent)]
    Flag(#[from] FlagError),
    #[error(transparent)]
    Allow(#[from] AllowError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Status(#[from] StatusError),
}

/// What the server around the configuration gives to a directive.
pub trait Surroundings {
    /// Where relative paths begin.
    fn server_root(&self) -> &Path;

    /// Compiles an expression of httpd's (`ap_expr`).
    ///
    /// # Errors
    /// What httpd's parser says.
    fn compile(&self, expr: &str) -> Result<Expr, String>;
}

/// One directive of the module.
pub struct Directive {
    /// As in httpd.conf.
    pub name: &'static CStr,
    /// What has to follow it; ends the message of every error.
    pub expected: &'static CStr,
    read: fn(&mut Settings, &Words<'_>) -> Result<(), Cause>,
}

/// Every directive, for the table that httpd gets.
pub static DIRECTIVES: [Directive; 5] = [
    Directive { name: c"MaintenanceEngine", expected: c"On or Off", read: Settings::read_engine },
    Directive {
        name: c"MaintenanceFlag",
        expected: c"the path of one or more flag files, absolute or relative to the ServerRoot",
        read: Settings::read_flags,
    },
    Directive {
        name: c"MaintenanceAllow",
        expected: c"addresses (192.168.157.139, 2001:db8::7), networks (10.0.0.0/8, \
            10.0.0.0/255.0.0.0, 192.168.157, 2001:db8::/32), host=NAME, file=PATH, \
            plugin-cfg=PATH, env=NAME, \"expr=EXPR\", path=/PATH, or none as the first word",
        read: Settings::read_allow,
    },
    Directive {
        name: c"MaintenancePage",
        expected: c"one .html file, absolute or relative to the ServerRoot",
        read: Settings::read_page,
    },
    Directive {
        name: c"MaintenanceStatus",
        expected: c"a status code from 400 to 599",
        read: Settings::read_status,
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
        place: &dyn Surroundings,
    ) -> Result<(), DirectiveError> {
        let checked = match words {
            [] => Err(Cause::Nothing),
            _ => (self.read)(settings, &Words { words, place }),
        };
        checked.map_err(|cause| DirectiveError {
            name: self.name.to_str().unwrap_or_default(),
            cause,
            expected: self.expected.to_str().unwrap_or_default(),
        })
    }
}

/// The words behind a directive; at least one.
struct Words<'a> {
    words: &'a [&'a OsStr],
    place: &'a dyn Surroundings,
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
    page: Option<Arc<Page>>,
    status: Option<Status>,
}

impl Settings {
    /// These settings inside a scope with the settings `outer`: flags and allowlist add up,
    /// of the rest the inner one counts.
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            engine: self.engine.or(outer.engine),
            flags: outer.flags.iter().chain(&self.flags).cloned().collect(),
            allow: self.allow.within(&outer.allow),
            page: self.page.clone().or_else(|| outer.page.clone()),
            status: self.status.clone().or_else(|| outer.status.clone()),
        }
    }

    /// Are this scope's requests looked at?
    pub fn is_on(&self) -> bool {
        self.engine.unwrap_or(true)
    }

    /// The flags in effect, each once.
    pub fn flags(&self, server_root: &Path) -> Vec<PathBuf> {
        let mut flags = self.flags.clone();
        if flags.is_empty() {
            flags.push(server_root.join(DEFAULT_FLAG));
        }
        flags.sort();
        flags.dedup();
        flags
    }

    /// Who passes.
    pub fn allow(&self) -> &AllowRules {
        &self.allow
    }

    /// The page, the built-in one where none is configured.
    pub fn page(&self) -> Arc<Page> {
        self.page.clone().unwrap_or_else(|| Arc::new(Page::built_in()))
    }

    /// The status of a refusal.
    pub fn status(&self) -> Status {
        self.status.clone().unwrap_or_default()
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
        for path in words.paths() {
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
            if self.page.is_some() {
                return Err(PageError::Second(path.display().to_string()).into());
            }
            self.page = Some(Arc::new(Page::load(&path)?));
        }
        Ok(())
    }

    fn read_status(&mut self, words: &Words<'_>) -> Result<(), Cause> {
        self.status = Some(words.only_text()?.parse()?);
        Ok(())
    }
}
