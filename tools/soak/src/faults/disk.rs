//! Faults of the flag's disk: a small separate file system (tmpfs), which only root can mount.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use super::super::world::{FLAG_GRACE, Flag};
use super::Injector;

/// Mounted as long as it lives.
pub struct Disk(PathBuf);

impl Disk {
    /// # Errors
    /// Why it cannot be mounted.
    pub fn at(path: &Path) -> Result<Self, Errno> {
        mount("soak", path, "tmpfs", MountFlags::empty(), Some(c"size=512k,mode=755"))?;
        Ok(Self(path.to_owned()))
    }

    /// Fills the remaining space.
    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).expect("a file");
        let mut size = 64 * 1024;
        while size > 0 {
            while filler.write_all(&vec![b'x'; size]).is_ok() {}
            size /= 2;
        }
    }

    fn free(&self) {
        let _ = fs::remove_file(self.0.join("filler"));
    }

    fn remount(&self, flags: MountFlags) {
        // A look may have it open for a moment.
        for _ in 0..50 {
            match mount_remount(&self.0, flags, c"") {
                Ok(()) => return,
                Err(_) => thread::sleep(std::time::Duration::from_millis(20)),
            }
        }
        panic!("the disk cannot be mounted again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

impl Injector {
    /// Nothing can be moved there because it is not writable: everything stays as it is.
    pub(super) fn mv_to_full_disk(&mut self) {
        let Some(disk) = &self.disk else { return };
        disk.fill();
        let written = fs::write(self.path("flags/new"), "message = \"there is no room for this\"");
        if written.is_ok() {
            self.figures.violation("a full disk takes a file", String::new);
        }
        let _ = fs::remove_file(self.path("flags/new"));
        self.pause(50..500);
        self.disk.iter().for_each(Disk::free);
    }

    /// The old content is lost and there is no room for the new one: an empty flag.
    pub(super) fn rewrite_on_full_disk(&mut self) {
        self.settle();
        let Some(disk) = &self.disk else { return };
        let path = self.flag_path();
        let written = self.world.flag.change(Flag::silent(), &[], FLAG_GRACE, || {
            let mut file = fs::File::create(&path).expect("the flag");
            disk.fill();
            file.write_all(b"message = \"there is no room for this\"")
        });
        if written.is_ok() {
            self.figures.violation("a full disk takes a file", String::new);
        }
        self.pause(50..500);
        self.disk.iter().for_each(Disk::free);
    }

    /// The flag can be neither created nor removed, and stays in effect as it is.
    pub(super) fn make_read_only(&mut self) {
        let Some(disk) = &self.disk else { return };
        disk.remount(MountFlags::RDONLY);
        let path = self.flag_path();
        let is_there = path.exists();
        let done =
            if is_there { fs::remove_file(&path) } else { fs::File::create(&path).map(drop) };
        if done.is_ok() {
            self.figures.violation("a read-only disk is written to", String::new);
        }
        self.pause(50..500);
        self.disk.iter().for_each(|disk| disk.remount(MountFlags::empty()));
    }
}
