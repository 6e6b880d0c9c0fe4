//! The flag as a verb finds it, and how the verb changes it: never a content that the verb did not
//! expect, and never half of one.

mod in_store;

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::file::{self, FileError};
use maintenance_core::flag::spec::{FlagSpec, MAX_SIZE, Phase};
use maintenance_core::text::time::Moment;
use maintenance_core::text::{self, user, zone};

use crate::exit::{Exit, Failure};
use crate::obstacle::{failure, is_full};
use crate::replace::{Lock, MODE, ReplaceError, folder};
use crate::settings::Settings;
use crate::spoken::{Clock, now};
use crate::store::access::Access;
use crate::store::snapshot::Snapshot;
use crate::who::Person;

/// Which flag, and whether it may be anybody's.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlagOptions {
    /// The flag; otherwise that of the settings, which can be one in a store
    #[arg(long, value_name = "FILE")]
    pub(crate) flag: Option<PathBuf>,
    /// Also if somebody else wrote the flag, or if its content cannot be used
    #[arg(long)]
    pub(crate) replace: bool,
}

/// A flag, and the circumstances of the command.
pub(crate) struct Session {
    place: Place,
    /// What is done, for the history of the store.
    verb: &'static str,
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
    pub(crate) me: Person,
    may_replace: bool,
}

/// Where the flag is.
enum Place {
    File(PathBuf),
    Store(Access),
}

/// What is at the flag's place.
pub(crate) enum Found {
    /// Nothing. Of a store, it is known since when.
    Absent(Option<Box<Snapshot>>),
    Present(Box<Present>),
}

/// The flag that is there.
pub(crate) struct Present {
    content: Vec<u8>,
    origin: Origin,
    /// The content, or why it cannot be used.
    pub(crate) spec: Result<FlagSpec, String>,
}

/// Where a flag comes from.
enum Origin {
    File { owner: u32, modified: Option<Timestamp> },
    Store(Box<Snapshot>),
}

impl Present {
    /// The content as text. A content that can be used is text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    pub(crate) fn phase(&self, now: Timestamp) -> Phase {
        self.spec.as_ref().map_or(Phase::Closed, |spec| spec.phase(now))
    }
}

impl Found {
    /// The file, if there is one.
    pub(crate) fn present(&self) -> Option<&Present> {
        match self {
            Self::Absent(_) => None,
            Self::Present(present) => Some(present),
        }
    }

    fn content(&self) -> Option<&[u8]> {
        match self {
            Self::Absent(_) => None,
            Self::Present(present) => Some(&present.content),
        }
    }

    /// What the store says, if the flag is in one.
    fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Absent(snapshot) => snapshot.as_deref(),
            Self::Present(present) => match &present.origin {
                Origin::Store(snapshot) => Some(snapshot),
                Origin::File { .. } => None,
            },
        }
    }
}

impl Session {
    /// # Errors
    /// No flag is named, or the settings of the store cannot be used.
    pub(crate) fn new(
        settings: &Settings,
        options: FlagOptions,
        verb: &'static str,
    ) -> Result<Self, Failure> {
        let place = match (&options.flag, &settings.store, &settings.flag) {
            (Some(path), ..) | (None, None, Some(path)) => {
                Place::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            (None, Some(store), _) => Place::Store(Access::open(store)?),
            (None, None, None) => {
                return Err(Failure::unusable(
                    "no flag is named; write flag = \"/etc/httpd/maintenance.flag\" into \
                     /etc/maintenancectl.toml, or add --flag FILE",
                ));
            }
        };
        Ok(Self {
            place,
            verb,
            now: now(),
            zone: zone::of_server(),
            me: Person::current(),
            may_replace: options.replace,
        })
    }

    /// The path of the flag, if it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Store(_) => None,
        }
    }

    /// What identifies the flag: its path, or its key.
    pub(crate) fn identity(&self) -> PathBuf {
        match &self.place {
            Place::File(path) => path.clone(),
            Place::Store(store) => store.key().into(),
        }
    }

    /// The clock for spoken times.
    pub(crate) fn clock(&self) -> Clock<'_> {
        Clock::new(self.now, &self.zone)
    }

    /// A time of a flag.
    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment::local(at, &self.zone)
    }

    /// The time with weekday, zone and distance.
    pub(crate) fn said(&self, at: Timestamp) -> String {
        self.clock().said(at)
    }

    /// When the file at the flag's path was last modified.
    pub(crate) fn modified(&self) -> Option<Timestamp> {
        modified(&fs::symlink_metadata(self.path()?).ok()?)
    }

    /// The flag for messages: its path, or its key.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::File(path) => text::shown(&path.display().to_string()).into_owned(),
            Place::Store(store) => format!("{} (store)", store.key()),
        }
    }

    /// Looks at the flag.
    ///
    /// # Errors
    /// Something else than a file is there, or the flag cannot be read.
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        match &self.place {
            Place::File(path) => self.find_file(path),
            Place::Store(store) => Ok(self.found(store.look()?)),
        }
    }

    fn spec(&self, content: &[u8]) -> Result<FlagSpec, String> {
        match content.is_empty() {
            true => Ok(FlagSpec::default()),
            false => FlagSpec::parse(content, &self.zone).map_err(|error| error.to_string()),
        }
    }

    fn find_file(&self, path: &Path) -> Result<Found, Failure> {
        let shown = self.shown();
        let wrong = |cause: String| Err(Failure::unusable(format!("{shown} {cause}")));
        if shown.ends_with('/') {
            return wrong(in_folder(&shown));
        }
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Absent(None)),
            Err(error) => return Err(failure("look at", path, &self.me, &error, "")),
        };
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let target = folder(path).join(fs::read_link(path).unwrap_or_default());
            return wrong(format!(
                "is a symbolic link; name the file to which it leads: --flag {}",
                target.display()
            ));
        } else if kind.is_dir() {
            return match fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
                true => wrong(format!(
                    "is a folder, which closes the site as a flag does; remove it with: rmdir {shown}"
                )),
                false => wrong(in_folder(&shown)),
            };
        } else if !kind.is_file() {
            return wrong(format!(
                "is not a regular file, and closes the site as a flag does; remove it with: rm \
                 {shown}"
            ));
        }
        let (content, spec) = match file::read(path, MAX_SIZE) {
            Ok((content, _)) => {
                let spec = self.spec(&content);
                (content, spec)
            }
            Err(error @ FileError::TooLarge { .. }) => (vec![], Err(format!("it {error}"))),
            Err(FileError::Read(error)) => {
                return Err(failure("read", path, &self.me, &error, ""));
            }
            Err(error) => return wrong(format!("{error}; try again")),
        };
        let modified = modified(&metadata);
        let origin = Origin::File { owner: metadata.uid(), modified };
        Ok(Found::Present(Box::new(Present { content, origin, spec })))
    }

    /// Who wrote the flag, and when.
    pub(crate) fn author(&self, present: &Present) -> String {
        let by = present.spec.as_ref().ok().and_then(FlagSpec::by);
        let (owner, modified) = match &present.origin {
            Origin::File { owner, modified } => (user::name(*owner), *modified),
            Origin::Store(snapshot) => return snapshot.who(|at| self.said(at)),
        };
        let when = modified.map_or_else(String::new, |at| format!(", {}", self.said(at)));
        match by {
            Some(by) if by == owner => format!("{}{when}", text::shown(by)),
            Some(by) => format!("{} (file of {owner}){when}", text::shown(by)),
            None => format!("{owner}{when}"),
        }
    }

    /// Refuses a flag that somebody else wrote, and one whose content cannot be used. False if
    /// `--replace` permits it.
    ///
    /// # Errors
    /// Who wrote it and when, or what is wrong with it.
    pub(crate) fn expects(&self, present: &Present) -> Result<bool, Failure> {
        let by = present.spec.as_ref().ok().and_then(FlagSpec::by);
        let is_mine = match (by, &present.origin) {
            (Some(by), _) => by == self.me.name,
            (None, Origin::File { owner, .. }) => self.me.owns(*owner),
            (None, Origin::Store(snapshot)) => {
                snapshot.author().is_some_and(|change| change.by == self.me.name)
            }
        };
        let (shown, author) = (self.shown(), self.author(present));
        let refusal = match (&present.spec, is_mine) {
            (Ok(_), true) => return Ok(true),
            _ if self.may_replace => return Ok(false),
            (Ok(_), false) => format!(
                "{shown} was written by somebody else: {author}; ask them, or add --replace"
            ),
            (Err(cause), _) => format!(
                "the content of {shown} cannot be used ({cause}), and it was written by {author}; \
                 correct it, or add --replace"
            ),
        };
        Err(Failure { exit: Exit::No, message: refusal })
    }

    /// Refuses unless `--replace` permits it.
    ///
    /// # Errors
    /// The message.
    pub(crate) fn unless_replace(&self, message: String) -> Result<(), Failure> {
        match self.may_replace {
            true => Ok(()),
            false => Err(Failure { exit: Exit::No, message }),
        }
    }

    /// Writes a content in place of what was found.
    ///
    /// # Errors
    /// The content cannot be used or written, or the flag has changed meanwhile.
    pub(crate) fn write(&self, found: &Found, content: &str) -> Result<FlagSpec, Failure> {
        let spec = FlagSpec::parse(content.as_bytes(), &self.zone)
            .map_err(|error| Failure::unusable(format!("this flag would not be valid: {error}")))?;
        if content.len() as u64 > MAX_SIZE {
            let message = format!("a flag has at most {MAX_SIZE} bytes; write shorter texts");
            return Err(Failure::unusable(message));
        }
        let path = match &self.place {
            Place::Store(store) => {
                self.change(store, found, Some((content, &spec)))?;
                return Ok(spec);
            }
            Place::File(path) => path,
        };
        let is_new = matches!(found, Found::Absent(_)) && !self.may_replace;
        let written = Lock::take(path, &|_| {}).and_then(|lock| {
            lock.write(content.as_bytes(), MODE, is_new, || self.is_expected(found))
        });
        written.map_err(|error| self.explained("write", path, error))?;
        Ok(spec)
    }

    /// Removes the flag that was found.
    ///
    /// # Errors
    /// The flag cannot be removed, or it has changed meanwhile.
    pub(crate) fn remove(&self, found: &Found) -> Result<(), Failure> {
        let path = match &self.place {
            Place::Store(store) => return self.change(store, found, None),
            Place::File(path) => path,
        };
        let removed = match Lock::take(path, &|_| {}) {
            Ok(lock) => lock.remove(|| self.is_expected(found)),
            // No lock can be created on a full disk, where a file can still be removed.
            Err(ReplaceError::Io(error)) if is_full(&error) => match self.is_expected(found) {
                true => fs::remove_file(path).map_err(ReplaceError::Io),
                false => Err(ReplaceError::Changed),
            },
            Err(error) => Err(error),
        };
        removed.map_err(|error| self.explained("remove", path, error))
    }

    fn is_expected(&self, found: &Found) -> bool {
        self.may_replace || self.find().is_ok_and(|again| again.content() == found.content())
    }

    fn explained(&self, what: &str, path: &Path, error: ReplaceError) -> Failure {
        let shown = self.shown();
        match error {
            ReplaceError::Busy => Failure {
                exit: Exit::No,
                message: format!(
                    "another maintenancectl is changing {shown}; wait for it, and look at the \
                     result"
                ),
            },
            ReplaceError::Changed => {
                let who = match self.find() {
                    Ok(Found::Present(present)) => format!(" by {}", self.author(&present)),
                    _ => ": it is gone".to_owned(),
                };
                let message = format!(
                    "{shown} was changed meanwhile{who}; look at it, and repeat the command if it \
                     still has to be done"
                );
                Failure { exit: Exit::No, message }
            }
            ReplaceError::Io(error) => {
                let is_there = path.exists();
                let kept = if is_there { "; it is as it was" } else { "" };
                let mut failure = failure(what, path, &self.me, &error, kept);
                if is_full(&error) && !is_there {
                    failure.message += &format!(", or close with an empty flag: touch {shown}");
                }
                failure
            }
        }
    }
}

fn modified(metadata: &Metadata) -> Option<Timestamp> {
    metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok())
}

/// A folder was named that is not a flag by mistake.
fn in_folder(shown: &str) -> String {
    let shown = shown.trim_end_matches('/');
    format!("is a folder; name a file in it: --flag {shown}/maintenance.flag")
}

/// Warns of a folder in which httpd does not see the flag, or in which everybody can close.
pub(crate) fn warn_of_folder(path: &Path) {
    // The ServerRoot is not known here.
    for problem in maintenance_core::flag::folder_problems(path, Path::new("/nonexistent")) {
        note!("maintenancectl: warning: the folder of {} {problem}", path.display());
    }
}
