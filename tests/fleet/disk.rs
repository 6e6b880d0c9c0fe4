//! A small disk of its own for a flag, which can be full.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted tmpfs of 64 KiB.
pub struct Disk(PathBuf);

impl Disk {
    /// None unless it can be mounted.
    pub fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).expect("a folder");
        mount("tmpfs", at, "tmpfs", MountFlags::empty(), c"size=64k,mode=755").ok()?;
        Some(Self(at.to_owned()))
    }

    /// Fills it to the last byte, or removes what fills it.
    pub fn fill(&self, is_full: bool) {
        let path = self.0.join("fill");
        if !is_full {
            return fs::remove_file(path).expect("removed");
        }
        let mut file = fs::File::create(path).expect("a file");
        loop {
            match file.write_all(&[0; 1024]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
