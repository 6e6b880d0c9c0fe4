//! The contents of files that outlive the module, in memory of the process that is attached to the
//! process pool.
//!
//! The layout is that of C, because at a restart a newer build may find data made by an older one.
//! The number in the key must increase with each change of the layout. Each file has its own
//! mapping, which is unmapped when a newer version replaces it. At the end of the process the
//! mappings are left to the operating system, since no code of the module can run then.

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

/// The number of lists, selected by the hash of the path.
const LISTS: usize = 1024;

/// The data attached to the pool. All zero is an empty store.
#[repr(C)]
struct Store {
    /// The generation of the configuration at which the store was last cleaned up.
    generation: i64,
    lists: [*mut Entry; LISTS],
}

/// One file: the start of its mapping, followed by its path and its content.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    path_length: usize,
    content_length: usize,
    of: u64,
    word: u64,
    modified: Time,
    read: Time,
    /// Whether the configuration that is being read uses the file.
    is_wanted: u64,
}

/// A time since 1970; negative if it is not known.
#[derive(Clone, Copy)]
#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

/// The store of this process; null until a directive has asked for it.
static STORE: AtomicPtr<Store> = AtomicPtr::new(ptr::null_mut());

/// Must be held while the store is used.
static LOCK: Mutex<()> = Mutex::new(());

/// Whether the configuration is being read.
static IS_READING: AtomicBool = AtomicBool::new(false);

/// The store in the form that the core uses.
struct Keep;

/// The keeper of this process, for use while the configuration is read.
///
/// # Safety
/// `process_pool` must be `process_rec::pool`, which lives until the process ends.
pub(crate) unsafe fn keeper(process_pool: *mut apr_pool_t) -> Option<&'static dyn Keeper> {
    IS_READING.store(true, Ordering::Relaxed);
    // SAFETY: the caller guarantees that the pool is valid.
    let is_there = unsafe { find(process_pool, true) };
    is_there.then_some(&Keep as _)
}

/// Finds the store in the process pool, or creates it if `is_new` is set. Returns whether there is
/// a store.
///
/// # Safety
/// As for [`keeper`].
unsafe fn find(process_pool: *mut apr_pool_t, is_new: bool) -> bool {
    if !STORE.load(Ordering::Acquire).is_null() {
        return true;
    }
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: the pool is live. It copies the key, whose text disappears when httpd unloads this
    // module. Only this module stores data under the key, with the same layout in every build; the
    // data is never freed.
    unsafe {
        let status = apr_pool_userdata_get(&mut found, KEY.as_ptr(), process_pool);
        if is_new && (status != APR_SUCCESS || found.is_null()) {
            // If the pool has no memory left, APR ends the process.
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
    // SAFETY: only reads a variable of httpd's.
    unsafe { maintenance_generation() }.into()
}

/// Removes all files that the new configuration does not use. Called once it is in force.
///
/// # Safety
/// As for [`keeper`].
pub(crate) unsafe fn finish(process_pool: *mut apr_pool_t) {
    // SAFETY: the caller guarantees that the pool is valid.
    unsafe { find(process_pool, false) };
    let _held = lock();
    IS_READING.store(false, Ordering::Relaxed);
    // SAFETY: null, or the store, which nothing else uses while the lock is held.
    let Some(store) = (unsafe { STORE.load(Ordering::Acquire).as_mut() }) else { return };
    store.generation = generation();
    for list in &mut store.lists {
        let mut place: *mut *mut Entry = list;
        // SAFETY: a list of live entries that ends with null. Each entry is unmapped once, after
        // its pointer has been removed from the list.
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
        // SAFETY: the lock is held, and places and entries are used only as long as it is.
        unsafe {
            let Some(place) = find_place(of, path) else { return };
            let mut is_wanted = IS_READING.load(Ordering::Relaxed);
            if let Some(entry) = (*place).as_mut() {
                // A version read later by the parent must not outlive the directive.
                is_wanted |= entry.is_wanted != 0;
                entry.is_wanted = u64::from(is_wanted);
                // Two directives can name the same file.
                if entry.word == good.word && content_of(*place) == content {
                    return;
                }
                // If there is no memory for the new content, the old one must not be kept either.
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
            // If a generation is missing, the module was not loaded then, and the file may have
            // changed unnoticed.
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

/// The place in a list that holds the pointer to a file's entry, or null if there is no entry yet.
///
/// # Safety
/// The caller must hold the lock for as long as it uses the place or an entry.
unsafe fn find_place(of: Use, path: &Path) -> Option<*mut *mut Entry> {
    let path = path.as_os_str();
    // SAFETY: null, or the store, which is never freed and is protected by the lock; its lists of
    // live entries end with null.
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

/// Puts a new entry into a place. Does nothing if there is no memory.
///
/// # Safety
/// As for [`find_place`], which must have returned the place.
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

/// Unmaps the entry in a place; the next entry of the list moves up.
///
/// # Safety
/// As for [`find_place`], which must have returned the place. The place must hold an entry, which
/// must not be used afterwards.
unsafe fn remove(place: *mut *mut Entry) {
    // SAFETY: the mapping made by `add`, with the same size.
    unsafe {
        let entry = *place;
        let Entry { next, path_length, content_length, .. } = *entry;
        *place = next;
        libc::munmap(entry.cast(), mem::size_of::<Entry>() + path_length + content_length);
    }
}

/// # Safety
/// The entry must be live for as long as the result is used.
unsafe fn path_of<'e>(entry: *const Entry) -> &'e [u8] {
    // SAFETY: `add` has written that number of bytes there.
    unsafe { slice::from_raw_parts(entry.add(1).cast(), (*entry).path_length) }
}

/// # Safety
/// The entry must be live for as long as the result is used.
unsafe fn content_of<'e>(entry: *const Entry) -> &'e [u8] {
    // SAFETY: as above.
    unsafe {
        let start = entry.add(1).cast::<u8>().add((*entry).path_length);
        slice::from_raw_parts(start, (*entry).content_length)
    }
}

/// The number of a path's list (FNV-1a). It is a part of the layout, so it must be the same in
/// every build.
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
