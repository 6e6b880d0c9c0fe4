//! The contents of files that outlive the module: in memory of the process, hung up in its pool.
//!
//! The layout is that of C: at a restart a newer build may find what an older one has made. The number
//! in the key goes up with it. Each file has a mapping of its own, which is given back as soon as there is
//! a newer version; what is there at the end goes with the process, since no code of the module's can be
//! run then.

use std::ffi::{CStr, OsStr, c_void};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::sys::bindings::{
    APR_SUCCESS, apr_palloc, apr_pool_cleanup_null, apr_pool_t, apr_pool_userdata_get,
    apr_pool_userdata_set, maintenance_generation,
};
use crate::sys::process;
use maintenance_core::file::kept::{Good, Keeper, Kept, Use};

const KEY: &CStr = c"mod_maintenance:kept:1";

/// So many lists there are, by the hashes of the paths.
const LISTS: usize = 1024;

/// What hangs in the pool. All zero is an empty one.
#[repr(C)]
struct Store {
    /// At which reading of the configuration it was last put in order.
    generation: i64,
    lists: [*mut Entry; LISTS],
}

/// One file: the beginning of its mapping. Behind it stand its path and its content.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    path_length: usize,
    content_length: usize,
    of: u64,
    word: u64,
    modified: Time,
    read: Time,
    /// Does the configuration that is being read name it?
    is_wanted: u64,
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

/// Whoever keeps the contents of files of this process. For the time while the configuration is read.
///
/// # Safety
/// `process_pool` is `process_rec::pool`, which lives until the process ends.
pub(crate) unsafe fn keeper(process_pool: *mut apr_pool_t) -> Option<&'static dyn Keeper> {
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
            // A pool that has no memory left ends the process.
            let made = apr_palloc(process_pool, mem::size_of::<Store>());
            made.write_bytes(0, mem::size_of::<Store>());
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
pub(crate) unsafe fn finish(process_pool: *mut apr_pool_t) {
    // SAFETY: the caller vouches for the pool.
    unsafe { find(process_pool, false) };
    let _held = lock();
    IS_READING.store(false, Ordering::Relaxed);
    // SAFETY: null, or the store, which nobody else uses while the lock is held.
    let Some(store) = (unsafe { STORE.load(Ordering::Acquire).as_mut() }) else { return };
    store.generation = generation();
    for list in &mut store.lists {
        let mut place: *mut *mut Entry = list;
        // SAFETY: a list of live entries that ends with null; each is given back once, when no pointer to
        // it is left in the list.
        unsafe {
            while let Some(entry) = (*place).as_mut() {
                if mem::take(&mut entry.is_wanted) != 0 {
                    place = &mut entry.next;
                } else {
                    remove(place);
                }
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
        // SAFETY: the lock is held, and neither places nor entries are used after it.
        unsafe {
            let Some(place) = find_place(of, path) else { return };
            let mut is_wanted = IS_READING.load(Ordering::Relaxed);
            if let Some(entry) = (*place).as_mut() {
                // What the parent reads later does not outlive its directive.
                is_wanted |= entry.is_wanted != 0;
                entry.is_wanted = u64::from(is_wanted);
                // Two directives can name one file.
                if entry.word == good.word && content_of(*place) == content {
                    return;
                }
                // Where there is no memory nothing is kept, not even what was good before.
                remove(place);
            }
            add(place, of, path, content, good, is_wanted);
        }
    }

    fn kept(&self, of: Use, path: &Path) -> Option<Kept> {
        let _held = lock();
        // SAFETY: as above; the content is copied.
        unsafe {
            let last = STORE.load(Ordering::Acquire).as_ref()?.generation;
            let place = find_place(of, path)?;
            let entry = (*place).as_mut()?;
            entry.is_wanted = 1;
            // Where a reading was left out the module was not loaded, and nobody has seen what became of
            // the file meanwhile.
            if last + 1 != generation() {
                remove(place);
                return None;
            }
            let (word, modified) = (entry.word, entry.modified.to_system());
            let good = Good { word, modified, read: entry.read.to_system() };
            Some(Kept { good, content: content_of(*place).to_owned() })
        }
    }
}

/// The place in a list where the pointer to a file's entry stands, or null where there is none yet.
///
/// # Safety
/// The caller holds the lock for as long as it uses the place or an entry.
unsafe fn find_place(of: Use, path: &Path) -> Option<*mut *mut Entry> {
    let path = path.as_os_str();
    // SAFETY: null, or the store, which stays and which the lock is for; lists of live entries that end
    // with null.
    unsafe {
        let store = STORE.load(Ordering::Acquire).as_mut()?;
        let mut place: *mut *mut Entry = store.lists.get_mut(number(path))?;
        while let Some(entry) = (*place).as_mut() {
            if entry.of == of as u64 && path_of(*place) == path.as_bytes() {
                break;
            }
            place = &mut entry.next;
        }
        Some(place)
    }
}

/// Puts an entry into a place; not where there is no memory.
///
/// # Safety
/// As for [`find_place`], whose result it is.
unsafe fn add(
    place: *mut *mut Entry,
    of: Use,
    path: &Path,
    content: &[u8],
    good: Good,
    is_wanted: bool,
) {
    let path = path.as_os_str().as_bytes();
    let (path_length, content_length) = (path.len(), content.len());
    let size = mem::size_of::<Entry>() + path_length + content_length;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping that is large enough for all three, and aligned for an entry.
    unsafe {
        let start = libc::mmap(ptr::null_mut(), size, access, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return;
        }
        let entry = start.cast::<Entry>();
        entry.write(Entry {
            next: *place,
            path_length,
            content_length,
            of: of as u64,
            word: good.word,
            modified: Time::of(good.modified),
            read: Time::of(good.read),
            is_wanted: u64::from(is_wanted),
        });
        let behind = entry.add(1).cast::<u8>();
        ptr::copy_nonoverlapping(path.as_ptr(), behind, path_length);
        ptr::copy_nonoverlapping(content.as_ptr(), behind.add(path_length), content_length);
        *place = entry;
    }
}

/// Gives back the entry in a place; the next one takes it.
///
/// # Safety
/// As for [`find_place`], whose result it is; there is an entry, which is not used any more.
unsafe fn remove(place: *mut *mut Entry) {
    // SAFETY: the mapping that `add` has made, as large as there.
    unsafe {
        let entry = *place;
        let Entry { next, path_length, content_length, .. } = *entry;
        *place = next;
        libc::munmap(entry.cast(), mem::size_of::<Entry>() + path_length + content_length);
    }
}

/// # Safety
/// A live entry, for as long as the result is used.
unsafe fn path_of<'e>(entry: *const Entry) -> &'e [u8] {
    // SAFETY: `add` has put so many bytes there.
    unsafe { slice::from_raw_parts(entry.add(1).cast(), (*entry).path_length) }
}

/// # Safety
/// A live entry, for as long as the result is used.
unsafe fn content_of<'e>(entry: *const Entry) -> &'e [u8] {
    // SAFETY: as above.
    unsafe {
        let start = entry.add(1).cast::<u8>().add((*entry).path_length);
        slice::from_raw_parts(start, (*entry).content_length)
    }
}

/// The number of a path's list (FNV-1a). The same in every build: it is a part of the layout.
fn number(path: &OsStr) -> usize {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    path.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix) as usize % LISTS
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
