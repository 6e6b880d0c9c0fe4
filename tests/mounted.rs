//! A flag in a ConfigMap of Kubernetes that is mounted as a folder: what the kubelet does to the
//! folder, done to a real httpd.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::{Httpd, Mpm, Setup};

const KEY: &str = "maintenance.flag";

/// When the kubelet makes the links of new keys.
#[derive(Clone, Copy, Debug)]
enum Kubelet {
    /// Before the new folder is in force, so the link dangles for a moment.
    LinksFirst,
    /// Afterwards, as newer versions do.
    LinksLast,
}

/// The keys and values of a ConfigMap.
type Data<'d> = &'d [(&'d str, &'d str)];

/// The folder as the kubelet keeps it: each key is a link to `..data/KEY`, and `..data` is a link
/// to the folder with the files.
struct Volume {
    folder: PathBuf,
    kubelet: Kubelet,
    count: AtomicU32,
}

impl Volume {
    fn new(folder: PathBuf, kubelet: Kubelet) -> Self {
        fs::create_dir(&folder).expect("a folder");
        let volume = Self { folder, kubelet, count: AtomicU32::new(0) };
        volume.write(&[]);
        volume
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What the kubelet does when it finds other data in the ConfigMap, or with `optional: true`
    /// none, because the ConfigMap is gone.
    fn write(&self, data: Data<'_>) {
        let old = fs::read_link(self.at("..data")).ok();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let new = format!("..2026_11_28_22_00_00.{count}");
        fs::create_dir(self.at(&new)).expect("a folder");
        for (key, value) in data {
            fs::write(self.at(&new).join(key), value).expect("written");
        }
        if matches!(self.kubelet, Kubelet::LinksFirst) {
            self.link(data);
        }
        symlink(&new, self.at("..data_tmp")).expect("a link");
        fs::rename(self.at("..data_tmp"), self.at("..data")).expect("renamed");
        if matches!(self.kubelet, Kubelet::LinksLast) {
            self.link(data);
        }
        let Some(old) = old.map(|old| self.folder.join(old)) else { return };
        for file in fs::read_dir(&old).expect("the old files") {
            let name = file.expect("a file").file_name().into_string().expect("a key");
            if !data.iter().any(|(key, _)| *key == name) {
                fs::remove_file(self.at(&name)).expect("the link of an old key");
            }
        }
        fs::remove_dir_all(old).expect("removed");
    }

    fn link(&self, data: Data<'_>) {
        for (key, _) in data {
            if fs::symlink_metadata(self.at(key)).is_err() {
                symlink(Path::new("..data").join(key), self.at(key)).expect("a link");
            }
        }
    }
}

fn with_volume(kubelet: Kubelet, mpm: Mpm) -> (Volume, Httpd) {
    let setup = Setup::new("MaintenanceFlag volume/maintenance.flag").mpm(mpm);
    let volume = Volume::new(setup.path("volume"), kubelet);
    (volume, setup.start())
}

/// Each change of the ConfigMap is one step: the next request is answered accordingly.
#[test]
fn each_change() {
    for (kubelet, mpm) in [(Kubelet::LinksFirst, Mpm::Prefork), (Kubelet::LinksLast, Mpm::Event)] {
        let (volume, httpd) = with_volume(kubelet, mpm);
        let client = httpd.client();
        assert_eq!(client.get("/").status, 200, "the ConfigMap is empty");
        let cases: &[(&str, Data<'_>, Option<&str>)] = &[
            ("a key is added", &[(KEY, "message = 'one'")], Some("one")),
            ("its value is changed", &[(KEY, "message = 'two'")], Some("two")),
            ("another key is added", &[(KEY, "message = 'two'"), ("x", "")], Some("two")),
            ("another key is changed", &[(KEY, "message = 'two'"), ("x", "y")], Some("two")),
            ("its value is empty", &[(KEY, ""), ("x", "y")], Some("")),
            ("the key is removed", &[("x", "y")], None),
            ("it is added again", &[(KEY, "message = 'three'"), ("x", "y")], Some("three")),
            ("it says that it does not close", &[(KEY, "closed = false")], None),
            ("it closes again", &[(KEY, "message = 'four'")], Some("four")),
            ("the ConfigMap is deleted, with optional: true", &[], None),
            ("it is there again", &[(KEY, "message = 'five'")], Some("five")),
        ];
        for (what, data, message) in cases {
            volume.write(data);
            for _ in 0..3 {
                let answer = client.get("/");
                match message {
                    Some(text) => {
                        assert_eq!(answer.status, 500, "{kubelet:?}: {what}");
                        assert!(answer.body.contains(text), "{kubelet:?}: {what}");
                    }
                    None => assert_eq!(answer.status, 200, "{kubelet:?}: {what}"),
                }
            }
        }
    }
}

/// Updates the content for 5 s, pausing between updates, under load. Returns how many updates there
/// were, and how many requests got another status than this one.
fn update_under_load(
    (volume, httpd): (&Volume, &Httpd),
    status: u16,
    pause: Duration,
    content: impl Fn(u32) -> String,
) -> (u32, u32) {
    let (is_over, others) = (AtomicBool::new(false), AtomicU32::new(0));
    let start = Instant::now();
    let mut updates = 0;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let client = httpd.client();
                while !is_over.load(Ordering::Relaxed) {
                    let is_other = client.get("/").status != status;
                    others.fetch_add(u32::from(is_other), Ordering::Relaxed);
                }
            });
        }
        while start.elapsed() < Duration::from_secs(5) {
            updates += 1;
            volume.write(&[(KEY, &content(updates))]);
            thread::sleep(pause);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    (updates, others.into_inner())
}

/// No update of the content opens a closed server, not even for one request, and none closes an
/// open one.
#[test]
fn updates_under_load() {
    for (kubelet, mpm) in [(Kubelet::LinksFirst, Mpm::Prefork), (Kubelet::LinksLast, Mpm::Event)] {
        let (volume, httpd) = with_volume(kubelet, mpm);
        let client = httpd.client();
        volume.write(&[(KEY, "")]);
        client.get("/").assert_refused();
        let both = (&volume, &httpd);
        let say = |number| format!("message = '{number}'");
        let (updates, others) = update_under_load(both, 500, Duration::ZERO, say);
        assert_eq!(others, 0, "{kubelet:?}: open in {updates} updates");
        volume.write(&[(KEY, "closed = false")]);
        assert_eq!(client.get("/").status, 200, "{kubelet:?}");
        // Two updates between the look at a file and its reading are more than a server can follow.
        let say = |number| format!("closed = false # {number}");
        let (updates, others) = update_under_load(both, 200, Duration::from_millis(100), say);
        assert_eq!(others, 0, "{kubelet:?}: closed in {updates} updates");
        assert_eq!(httpd.count_log("open again"), 1, "{}", httpd.log());
    }
}
