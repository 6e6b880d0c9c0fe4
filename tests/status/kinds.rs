//! Files of other types at the path of a flag: the log and the report mention them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, mount_bind, unmount};
use serde_json::{Value, json};

use super::{ONE_CHILD, STATUS, report, text_of};
use maintenance_harness::{Httpd, replace_file};

/// The only flag of the report.
fn flag(httpd: &Httpd) -> Value {
    report(&httpd.client())["flags"][0].clone()
}

fn page(httpd: &Httpd) -> String {
    text_of(&httpd.client().get("/status?format=html").body)
}

#[test]
fn what_lies_there() {
    type Make = fn(&Path);
    let cases: &[(Make, &str, &str)] = &[
        (|flag| drop(File::create(flag).expect("made")), "file", ""),
        (|flag| fs::create_dir(flag).expect("made"), "folder", "a folder"),
        (
            |flag| {
                rustix::fs::mkfifoat(rustix::fs::CWD, flag, 0o600.into()).expect("made");
            },
            "fifo",
            "a FIFO",
        ),
        (|flag| drop(UnixListener::bind(flag).expect("made")), "socket", "a socket"),
        (|flag| symlink("/dev/null", flag).expect("made"), "device", "a device"),
        (|flag| symlink("/etc", flag).expect("made"), "folder", "a folder"),
    ];
    let httpd = Httpd::start(&format!("{ONE_CHILD}{STATUS}"));
    assert_eq!(flag(&httpd)["kind"], Value::Null);
    for (make, kind, text) in cases {
        make(&httpd.flag());
        httpd.client().get("/").assert_refused();
        let seen = flag(&httpd);
        assert_eq!((&seen["kind"], &seen["deleted"]), (&json!(kind), &json!(false)), "{seen:#}");
        let log = httpd.log();
        let closed = log.lines().rfind(|line| line.contains("closed by the flag")).expect("closed");
        let is_said = |text: &str| text.contains("not a regular file");
        let expected = !text.is_empty();
        assert_eq!((is_said(closed), is_said(&page(&httpd))), (expected, expected), "{kind}");
        assert!(closed.contains(text) && page(&httpd).contains(text), "{kind}: {closed}");
        let removed = fs::remove_file(httpd.flag()).or_else(|_| fs::remove_dir(httpd.flag()));
        removed.expect("removed");
        assert_eq!(httpd.client().get("/").status, 200, "{kind}");
    }
}

/// Unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn at(source: &Path, target: PathBuf) -> Option<Self> {
        let mounted = mount_bind(source, &target);
        let error = mounted.as_ref().err().copied();
        if let Some(error) = error {
            eprintln!("left out: this machine cannot mount a single file: {error}");
        }
        mounted.is_ok().then_some(Self(target))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// A single file that is mounted into a container does not disappear when it is deleted outside.
#[test]
fn deleted_but_still_mounted() {
    const SAID: &str = "deleted, but is still mounted";
    for content in ["", "message = 'x'", "start = 2999-01-01T00:00:00Z"] {
        let httpd = Httpd::start(&format!("{ONE_CHILD}{STATUS}"));
        let (outside, status) =
            (httpd.path("outside"), |path: &str| httpd.client().get(path).status);
        fs::write(&outside, content).expect("written");
        let is_closed = !content.starts_with("start");
        replace_file(&httpd.flag(), "start = 2999-01-01T00:00:00Z"); // to be mounted over
        let Some(mounted) = Mounted::at(&outside, httpd.flag()) else { return };
        assert_eq!(status("/") == 500, is_closed);
        let seen = flag(&httpd);
        assert_eq!((&seen["kind"], &seen["deleted"]), (&json!("file"), &json!(false)), "{seen:#}");
        assert_eq!(httpd.count_log(SAID), 0);
        fs::remove_file(&outside).expect("removed");
        for _ in 0..3 {
            assert_eq!(status("/") == 500, is_closed, "it is still there");
        }
        assert_eq!(
            httpd.count_log(&format!("notice.*the flag .* was {SAID}")),
            1,
            "{}",
            httpd.log()
        );
        let seen = flag(&httpd);
        assert_eq!((&seen["kind"], &seen["deleted"]), (&json!("file"), &json!(true)), "{seen:#}");
        assert!(page(&httpd).contains(SAID));
        drop(mounted);
        fs::remove_file(httpd.flag()).expect("removed");
        assert_eq!(status("/"), 200);
        // A flag that is like this from the start is mentioned in the line about the closing.
        fs::write(&outside, content).expect("written");
        File::create(httpd.flag()).expect("to be mounted over");
        let mounted = Mounted::at(&outside, httpd.flag()).expect("mounted");
        fs::remove_file(&outside).expect("removed");
        assert_eq!(status("/") == 500, is_closed);
        let line = if is_closed { "closed by the flag .*" } else { "the flag .* closes at .*" };
        assert_eq!(httpd.count_log(&format!("{line}{SAID}")), 1, "{}", httpd.log());
        drop(mounted);
    }
}
