//! The content of a flag, cached until the flag changes.

use std::ffi::CStr;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::sys::stat::FileStat;

use super::site_state::{SiteState, StateFields};
use super::state::{ContentId, File};
use crate::file::debounce::{LastLook, LastSeen};
use crate::file::{self, FileError, Version};
use crate::flag::spec::{FlagSpec, MAX_SIZE};
use crate::shared::arc_cell::OptionCell;
use crate::shared::hash;
use crate::shared::slot::Sightings;
use crate::stack;

/// How often content that may still be written is checked again.
const AGAIN: Duration = Duration::from_millis(50);

/// How often a file is read again after a temporary error.
const RETRY: Duration = Duration::from_secs(1);

/// How long a temporary error is tolerated.
const PATIENCE: Duration = Duration::from_secs(5);

/// The content of one version of a flag.
#[derive(Debug, Default)]
pub struct Content {
    id: u64,
    spec: FlagSpec,
    error: Option<String>,
    /// A hash of the bytes, or of the error. It distinguishes contents in all processes, even if
    /// the version is the same (file system clocks are coarse), and recognises equal contents if
    /// only the version differs (`touch`).
    hash: u64,
    is_void: bool,
    state_fields: StateFields,
}

impl Content {
    /// Identifies the content in this process; 0 for all contents that say nothing.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The parsed content; the default if the content is empty or cannot be used.
    pub fn spec(&self) -> &FlagSpec {
        &self.spec
    }

    /// The value of the response header field `Maintenance` while the site does this.
    pub fn state_field(&self, state: SiteState) -> &CStr {
        self.state_fields.of(state, &self.spec)
    }

    /// Why the content cannot be used.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn content_id(&self) -> ContentId {
        ContentId::of(self.hash)
    }

    /// Whether the content is empty or unusable, as in a file that is about to be written.
    pub(super) fn is_void(&self) -> bool {
        self.is_void
    }

    /// Stands for content that cannot be read now.
    fn unread() -> Self {
        let error = "no thread could be started to read it (ThreadStackSize is small)".to_owned();
        let hash = hash::of(Err::<Vec<u8>, _>(&error));
        Self { error: Some(error), hash, is_void: true, ..Self::default() }
    }

    /// Makes content from a specification, to try out a page.
    pub fn of(spec: FlagSpec) -> Self {
        Self { id: id(&spec), spec, ..Self::default() }
    }

    /// None if the resources for parsing are not available now.
    fn new(bytes: Result<Vec<u8>, String>, zone: &TimeZone) -> Option<Self> {
        let hash = hash::of(&bytes);
        let is_empty = bytes.as_ref().is_ok_and(Vec::is_empty);
        let parse = |bytes: &[u8]| FlagSpec::parse(bytes, zone).map_err(|error| error.to_string());
        let parsed = match bytes {
            Ok(bytes) if bytes.is_empty() => Ok(FlagSpec::default()),
            Ok(bytes) => stack::deep(|| parse(&bytes))?,
            Err(error) => Err(error),
        };
        let (spec, error) = match parsed {
            Ok(spec) => (spec, None),
            Err(error) => (FlagSpec::default(), Some(error)),
        };
        let is_void = is_empty || error.is_some();
        let state_fields = StateFields::default();
        Some(Self { id: id(&spec), spec, is_void, error, hash, state_fields })
    }
}

fn id(spec: &FlagSpec) -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(1);
    if spec.is_silent() { 0 } else { IDS.fetch_add(1, Ordering::Relaxed) }
}

/// The content ID in a process that may not read the flag.
pub(super) fn unreadable() -> ContentId {
    let error = FileError::from(io::Error::from_raw_os_error(libc::EACCES));
    ContentId::of(hash::of(Err::<Vec<u8>, String>(cause(&error))))
}

/// Why a flag cannot be read. Usually the file was created under umask 027 or 077. Nothing else is
/// wrong with such a flag, and the parent, which could read it, looks too rarely to stand in for
/// its children. Therefore the flag closes its scope, and the error says how to correct the file's
/// mode.
fn cause(error: &FileError) -> String {
    match error {
        FileError::Read(denied) if denied.kind() == io::ErrorKind::PermissionDenied => format!(
            "{error}; make it readable for httpd's children with chmod 644 (and restorecon, if \
             SELinux is on)"
        ),
        _ => error.to_string(),
    }
}

/// The content ID of an empty flag, which need not be read.
pub(super) fn empty() -> ContentId {
    ContentId::of(hash::of(Ok::<Vec<u8>, String>(vec![])))
}

/// A content, and whether it is stable.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) content: Arc<Content>,
    /// The content that stays in force until `content` is stable, if this process has read it.
    kept: Option<Arc<Content>>,
    /// Whether the content has been unchanged for long enough.
    pub(super) is_stable: bool,
    /// The file of this content.
    pub(super) file: File,
    version: Option<Version>,
    /// When this version was first seen.
    since: Option<Instant>,
    /// When to read the version again.
    again: Option<Instant>,
}

impl Reading {
    fn is_of(&self, version: Version) -> bool {
        self.version == Some(version)
    }

    fn holds(&self, version: Version) -> bool {
        self.is_of(version) && self.again.is_none_or(|again| Instant::now() < again)
    }

    /// The content, if it is stable, and if the file is still the one that it was read from. A file
    /// without a name left is never certain ([`FileKind`](super::FileKind)).
    pub(super) fn settled(&self, found: &FileStat) -> Option<&Arc<Content>> {
        let is_same = self.again.is_none()
            && found.st_nlink != 0
            && self.version.is_some_and(|version| version.is_of(found));
        is_same.then_some(&self.content)
    }

    /// The content with this ID.
    pub(super) fn content_of(&self, content_id: ContentId) -> Option<&Arc<Content>> {
        let known = [Some(&self.content), self.kept.as_ref()];
        known.into_iter().flatten().find(|content| content.content_id() == content_id)
    }
}

/// Reads the contents of one flag. Most flags are absent, and then there is nothing but the reader.
pub(super) struct Reader {
    zone: TimeZone,
    /// None as long as this process has read nothing.
    last: OptionCell<Reading>,
    reading: Mutex<()>,
    last_look: LastLook,
}

impl Reader {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            last: OptionCell::default(),
            reading: Mutex::default(),
            last_look: LastLook::default(),
        }
    }

    /// The time zone of times without an offset.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The last reading.
    pub(super) fn last(&self) -> Option<Arc<Reading>> {
        self.last.get()
    }

    /// The content with this ID, or empty content if this process has not read it.
    pub(super) fn content_of(&self, content_id: ContentId) -> Arc<Content> {
        let last = self.last.get();
        last.and_then(|last| last.content_of(content_id).cloned()).unwrap_or_default()
    }

    /// Counts a look that found nothing new.
    pub(super) fn count_look(&self, now: Timestamp) {
        self.last_look.unseen(now);
    }

    /// Forgets the content that the parent has read, because a child may not be allowed to read it.
    pub(super) fn forget(&self) {
        self.last.set(None);
    }

    /// The current content of the flag, while the content with the ID `in_force` applies. `seen`
    /// must be read before the look that returned `metadata`. One thread reads a new version while
    /// the others wait, because without the content they cannot tell whether the flag closes its
    /// scope.
    pub(super) fn read(
        &self,
        path: &Path,
        metadata: &Metadata,
        (slot, mut seen): (&Sightings, LastSeen),
        in_force: ContentId,
        now: Timestamp,
    ) -> Arc<Reading> {
        let unseen = self.last_look.unseen(now);
        let mut version = Version::from(metadata);
        let holds = |last: &Arc<Reading>| last.holds(version);
        if let Some(last) = self.last().filter(holds) {
            return last;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // While this thread waited, others may have seen this version or another one.
        let again = LastSeen::of(slot);
        if again != seen
            && let Ok(now) = Version::of(path)
        {
            (seen, version) = (again, now);
        }
        let last = self.last();
        if let Some(last) = last.as_ref().filter(|last| last.holds(version)) {
            return Arc::clone(last); // another thread was faster
        }
        let is_stable = seen.is_stable(slot, version, unseen).unwrap_or(false);
        let bytes = match version.is_file() && version.size() > 0 {
            true => file::read_version(path, MAX_SIZE, version),
            false => Ok(vec![]), // a folder or a FIFO is never opened
        };
        let new = Arc::new(self.reading(version, bytes, is_stable, in_force, last.as_deref()));
        self.last.set(Some(Arc::clone(&new)));
        new
    }

    fn reading(
        &self,
        version: Version,
        bytes: Result<Vec<u8>, FileError>,
        is_stable: bool,
        in_force: ContentId,
        last: Option<&Reading>,
    ) -> Reading {
        let now = Instant::now();
        let since = last.filter(|last| last.is_of(version)).and_then(|last| last.since);
        let since = since.unwrap_or(now);
        let mut may_pass = bytes.as_ref().is_err_and(FileError::may_pass);
        let bytes = bytes.map_err(|error| cause(&error));
        let hash = hash::of(&bytes);
        let content = match last.filter(|last| last.content.hash == hash) {
            Some(last) => Arc::clone(&last.content),
            None => Arc::new(Content::new(bytes, &self.zone).unwrap_or_else(|| {
                may_pass = true;
                Content::unread()
            })),
        };
        let is_stable = is_stable && (!may_pass || since.elapsed() >= PATIENCE);
        Reading {
            content,
            kept: last.and_then(|last| last.content_of(in_force)).cloned(),
            is_stable,
            file: File::of(version.file()),
            version: Some(version),
            since: Some(since),
            again: match (is_stable, may_pass) {
                (true, false) => None,
                (false, false) => Some(now + AGAIN),
                (_, true) => Some(now + RETRY),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;
    use crate::shared::slot::new_state_table;
    use crate::shared::table::Key;

    /// A thread that looked earlier but continues later does not invalidate what others have seen.
    #[test]
    fn a_late_thread() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flag");
        let table = new_state_table();
        let slot = table.claim(&[Key::of("flag")]).expect("a slot")[0];
        let slot = &slot.flag.sightings;
        let reader = Reader::new(TimeZone::UTC);
        let look = || (LastSeen::of(slot), fs::metadata(&path).expect("the flag"));
        let read = |(seen, metadata): &(LastSeen, Metadata)| {
            let look = (slot, *seen);
            reader.read(&path, metadata, look, empty(), Timestamp::now()).is_stable
        };
        fs::write(&path, "message = 'one'").expect("written");
        let early = look();
        assert!(!read(&early));
        fs::write(&path, "message = 'the other'").expect("written");
        let slow = look();
        fs::write(&path, "message = 'the last'").expect("written");
        let written = Instant::now();
        assert!(!read(&look()));
        thread::sleep(Duration::from_millis(200));
        for late in [&early, &slow] {
            let is_stable = read(late);
            // On a busy machine, the last content may have been there for long enough by now.
            assert!(!is_stable || written.elapsed() > Duration::from_millis(250));
            assert_eq!(late.0.is_stable(slot, Version::from(&late.1), Duration::ZERO), None);
        }
        thread::sleep(Duration::from_millis(150));
        assert!(read(&look()), "it has been there for longer than it takes");
    }
}
