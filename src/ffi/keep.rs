//! The contents of files that outlive the module: in memory of the process, hung up in its pool.
//!
//! The layout is that of C, and every block comes from malloc: at a restart a newer build may find what
//! an older one has made. The number in the key goes up with it.

use std::ffi::{CStr, OsStr, c_void};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::bindings::{
    APR_SUCCESS, apr_pool_cleanup_null, apr_pool_t, apr_pool_userdata_get, apr_pool_userdata_set,
    maintenance_generation,
};
use super::process;
use crate::kept::{Good, Keeper, Kept, Use};

const KEY: &CStr = c"mod_maintenance:kept:1";

/// A power of two. So many lists there are, by the hashes of the paths.
const LISTS: usize = 1024;

/// What hangs in the pool. All zero is an empty one.
#[repr(C)]
struct Store {
    /// At which reading of the configuration it was last put in order.
    generation: i64,
    lists: [*mut Entry; LISTS],
}

/// One file.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    of: u64,
    path: Bytes,
    content: Bytes,
    word: u64,
    modified: Time,
    read: Time,
    /// Does the configuration that is being read name it?
    is_wanted: u64,
}

/// A block of malloc's; null where there is none.
#[repr(C)]
struct Bytes {
    start: *mut u8,
    length: usize,
}

/// Since 1970; negative where it is not known.
#[derive(Clone, Copy)]
#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

/// The store of this process, once a directive has asked for it.
static STORE: AtomicPtr<Store> = AtomicPtr::new(ptr::null_mut());

/// Held by whoever uses the store.
static LOCK: Mutex<()> = Mutex::new(());

/// Is the configuration being read?
static IS_READING: AtomicBool = AtomicBool::new(false);

/// The store as the core sees it.
struct Keep;

/// Whoever keeps the contents of files of this process; None where there is no memory. For the time
/// while the configuration is read.
///
/// # Safety
/// `process_pool` is `process_rec::pool`, which lives until the process ends.
pub(super) unsafe fn keeper(process_pool: *mut apr_pool_t) -> Option<&'static dyn Keeper> {
    IS_READING.store(true, Ordering::Relaxed);
    // SAFETY: the caller vouches for the pool.
    let is_there = unsafe { find(process_pool, true) };
    is_there.then_some(&Keep as _)
}

/// Finds the store in the process pool, or makes it where `is_new` is set.
///
/// # Safety
/// As for [`keeper`].
unsafe fn find(process_pool: *mut apr_pool_t, is_new: bool) -> bool {
    if !STORE.load(Ordering::Acquire).is_null() {
        return true;
    }
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: the pool is live, and copies the key, which goes when httpd unloads this module. Under
    // the key lies only what is stored here, by a build with the same layout; it is never freed.
    unsafe {
        let status = apr_pool_userdata_get(&mut found, KEY.as_ptr(), process_pool);
        if is_new && (status != APR_SUCCESS || found.is_null()) {
            let made = libc::calloc(1, mem::size_of::<Store>());
            let cleanup = Some(apr_pool_cleanup_null as _);
            let status = apr_pool_userdata_set(made, KEY.as_ptr(), cleanup, process_pool);
            found = if status == APR_SUCCESS { made } else { ptr::null_mut() };
        }
    }
    STORE.store(found.cast(), Ordering::Release);
    !found.is_null()
}

fn generation() -> i64 {
    // SAFETY: asks for a number of httpd's.
    unsafe { maintenance_generation() }.into()
}

/// The configuration was read, and is in force: what it does not name is dropped.
///
/// # Safety
/// As for [`keeper`].
pub(super) unsafe fn finish(process_pool: *mut apr_pool_t) {
    // SAFETY: the caller vouches for the pool.
    unsafe { find(process_pool, false) };
    let _held = lock();
    IS_READING.store(false, Ordering::Relaxed);
    // SAFETY: null, or the store, which nobody else uses while the lock is held.
    let Some(store) = (unsafe { STORE.load(Ordering::Acquire).as_mut() }) else { return };
    store.generation = generation();
    for list in &mut store.lists {
        let mut place: *mut *mut Entry = list;
        // SAFETY: a list of live entries that ends with null; each is freed once, when no pointer to it
        // is left in the list.
        unsafe {
            while let Some(entry) = (*place).as_mut() {
                if mem::take(&mut entry.is_wanted) != 0 {
                    place = &mut entry.next;
                    continue;
                }
                *place = entry.next;
                entry.path.free();
                entry.content.free();
                libc::free(ptr::from_mut(entry).cast());
            }
        }
    }
}

fn lock() -> MutexGuard<'static, ()> {
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper for Keep {
    fn is_restart(&self) -> bool {
        generation() > 1
    }

    fn keep(&self, of: Use, path: &Path, content: &[u8], good: Good) {
        if process::is_child() {
            return;
        }
        let _held = lock();
        // SAFETY: the lock is held, and the entry used until it is given back alone.
        let Some(entry) = (unsafe { entry(of, path, true) }) else { return };
        entry.want();
        // Two directives can name one file.
        if entry.word == good.word && entry.content.as_slice() == content {
            return;
        }
        // SAFETY: a block of the entry's own, which is not used any more.
        unsafe { entry.content.free() };
        // Where there is no memory nothing is kept, not even what was good before.
        let copy = Bytes::of(content);
        entry.word = if copy.is_some() { good.word } else { 0 };
        entry.content = copy.unwrap_or(Bytes::EMPTY);
        (entry.modified, entry.read) = (Time::of(good.modified), Time::of(good.read));
    }

    fn kept(&self, of: Use, path: &Path) -> Option<Kept> {
        let _held = lock();
        // SAFETY: null, or the store, which nobody else uses while the lock is held.
        let last = unsafe { STORE.load(Ordering::Acquire).as_ref() }?.generation;
        // SAFETY: as above.
        let entry = unsafe { entry(of, path, false) }?;
        entry.want();
        // Where a reading was left out the module was not loaded, and nobody has seen what became of
        // the file meanwhile.
        if last + 1 != generation() {
            entry.word = 0;
        }
        let (word, modified) = (entry.word, entry.modified.to_system());
        let good = Good { word, modified, read: entry.read.to_system() };
        (word != 0).then(|| Kept { good, content: entry.content.as_slice().to_owned() })
    }
}

/// The entry of a file; made where it is not there and `is_new` is set.
///
/// # Safety
/// The caller holds the lock for as long as it uses the entry, and has no other one.
unsafe fn entry<'s>(of: Use, path: &Path, is_new: bool) -> Option<&'s mut Entry> {
    let path = path.as_os_str();
    // SAFETY: null, or the store, which is never freed and which the lock is for.
    let store = unsafe { STORE.load(Ordering::Acquire).as_mut() }?;
    let list = store.lists.get_mut(number(path))?;
    let mut next = *list;
    // SAFETY: a list of live entries that ends with null.
    while let Some(entry) = unsafe { next.as_mut() } {
        if entry.of == of as u64 && entry.path.as_slice() == path.as_bytes() {
            return Some(entry);
        }
        next = entry.next;
    }
    let path = is_new.then(|| Bytes::of(path.as_bytes()))??;
    // SAFETY: a block of the size of an entry, for which all zero is a valid value. Without memory the
    // path is not kept, either.
    unsafe {
        let made = libc::calloc(1, mem::size_of::<Entry>()).cast::<Entry>();
        let Some(entry) = made.as_mut() else {
            path.free();
            return None;
        };
        (entry.of, entry.path, entry.next) = (of as u64, path, *list);
        *list = made;
        Some(entry)
    }
}

/// The number of a path's list (FNV-1a). The same in every build: it is a part of the layout.
fn number(path: &OsStr) -> usize {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    path.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix) as usize % LISTS
}

impl Entry {
    fn want(&mut self) {
        // What the parent reads later does not outlive its directive.
        if IS_READING.load(Ordering::Relaxed) {
            self.is_wanted = 1;
        }
    }
}

impl Bytes {
    const EMPTY: Self = Self { start: ptr::null_mut(), length: 0 };

    /// A copy; None where there is no memory.
    fn of(bytes: &[u8]) -> Option<Self> {
        let length = bytes.len();
        // SAFETY: a new block of at least one byte, which the bytes fit in.
        unsafe {
            let start = libc::malloc(length.max(1)).cast::<u8>();
            if start.is_null() {
                return None;
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), start, length);
            Some(Self { start, length })
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self.start.is_null() {
            true => &[],
            // SAFETY: a block of this length, which is not changed or freed while it is borrowed.
            false => unsafe { slice::from_raw_parts(self.start, self.length) },
        }
    }

    /// # Safety
    /// The block is not used any more.
    unsafe fn free(&self) {
        // SAFETY: null, or a block of malloc's; the rest is the caller's word.
        unsafe { libc::free(self.start.cast()) }
    }
}

impl Time {
    fn of(time: Option<SystemTime>) -> Self {
        let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
        let nanoseconds = since.map_or(0, |since| i64::from(since.subsec_nanos()));
        Self { seconds: seconds.unwrap_or(-1), nanoseconds }
    }

    fn to_system(self) -> Option<SystemTime> {
        let nanoseconds = u32::try_from(self.nanoseconds).ok()?;
        let since = Duration::new(u64::try_from(self.seconds).ok()?, nanoseconds.min(999_999_999));
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}
