//! A flag in a mounted ConfigMap, whose path leads through a symbolic link that changes.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;

/// Replaces the content as the kubelet does: a new folder, a new link to it, and then the old
/// folder is deleted.
fn update(root: &Path, number: usize) {
    let name = format!("..2026_{number}");
    fs::create_dir(root.join(&name)).expect("a folder");
    fs::write(root.join(&name).join("flag"), format!("message = '{number}'")).expect("written");
    let old = fs::read_link(root.join("..data"));
    symlink(&name, root.join("..data_tmp")).expect("a link");
    fs::rename(root.join("..data_tmp"), root.join("..data")).expect("renamed");
    if let Ok(old) = old {
        fs::remove_dir_all(root.join(old)).expect("removed");
    }
}

/// Every hundredth update or so lets a single look miss the file.
#[test]
fn an_update_does_not_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, table) = (folder.path(), new_state_table());
    let path = root.join("flag");
    symlink("..data/flag", &path).expect("a link");
    update(root, 0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let flag = flag(&path, &table);
                while !is_over.load(Ordering::Relaxed) {
                    assert!(look(&flag).0, "open during an update");
                }
            });
        }
        let start = Instant::now();
        for number in 1.. {
            update(root, number);
            if start.elapsed() > Duration::from_secs(3) {
                break;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    fs::remove_file(root.join("..data")).expect("removed");
    assert!(!look(&flag(&path, &table)).0, "the key is gone");
}
