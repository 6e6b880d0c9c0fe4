//! A file system (FUSE) for a flag that counts the looks and can hang.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation,
    INodeNo, MountOption, ReplyAttr, ReplyEntry, Request, SessionACL, spawn_mount,
};

const FILE: INodeNo = INodeNo(2);
/// The kernel caches nothing, so every look arrives here.
const TTL: Duration = Duration::ZERO;

#[derive(Default)]
struct State {
    is_present: AtomicBool,
    looks: AtomicUsize,
    hangs: Mutex<bool>,
    goes_on: Condvar,
}

/// The mounted file system, unmounted when dropped.
pub struct HangingFolder {
    state: Arc<State>,
    path: PathBuf,
    session: Option<BackgroundSession>,
}

impl HangingFolder {
    /// Mounts the file system over an empty folder.
    pub fn at(path: &Path) -> Self {
        let state = Arc::new(State::default());
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("hanging".into())];
        config.acl = SessionACL::All; // httpd's children have another user
        let session = spawn_mount(Folder(Arc::clone(&state)), path, &config).expect("FUSE");
        Self { state, path: path.to_owned(), session: Some(session) }
    }

    /// The only file, which may exist.
    pub fn flag(&self) -> PathBuf {
        self.path.join("flag")
    }

    pub fn put_flag(&self, is_present: bool) {
        self.state.is_present.store(is_present, Ordering::SeqCst);
    }

    /// The number of looks so far.
    pub fn looks(&self) -> usize {
        self.state.looks.load(Ordering::SeqCst)
    }

    /// Makes every look wait, or none.
    pub fn hang(&self, hangs: bool) {
        *self.state.hangs.lock().expect("the state") = hangs;
        self.state.goes_on.notify_all();
    }
}

impl Drop for HangingFolder {
    fn drop(&mut self) {
        self.hang(false);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

struct Folder(Arc<State>);

impl Folder {
    fn attributes(ino: INodeNo) -> FileAttr {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (kind, perm) = match ino {
            INodeNo::ROOT => (FileType::Directory, 0o755),
            _ => (FileType::RegularFile, 0o644),
        };
        FileAttr {
            ino,
            size: 0,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 512,
        }
    }
}

impl Filesystem for Folder {
    fn lookup(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEntry) {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        let hangs = self.0.hangs.lock().expect("the state");
        drop(self.0.goes_on.wait_while(hangs, |hangs| *hangs).expect("the state"));
        match self.0.is_present.load(Ordering::SeqCst) {
            true => reply.entry(&TTL, &Self::attributes(FILE), Generation(0)),
            false => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &Self::attributes(ino));
    }
}
