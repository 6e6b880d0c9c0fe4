//! Faults of the pages, the allow file and the invitations. A broken file stays broken until it is replaced, or
//! until a restart with all files valid.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::content;
use super::super::timeline::Timeline;
use super::super::world::{Watched, World};
use super::Injector;
use maintenance_harness::set_mode;

type Part = fn(&World) -> &Timeline<Watched>;

/// A file that is reread when it changes.
struct Target {
    path: PathBuf,
    timeline: Part,
    content: fn(u64) -> String,
    /// Of one byte more it is too large.
    limit: usize,
}

impl Injector {
    fn allow_file(&self) -> Target {
        let path = self.path("conf/allow.txt");
        let timeline: Part = |world| &world.allow_file;
        Target { path, timeline, content: content::allow_file, limit: 8 * 1024 * 1024 }
    }

    fn guests(&self) -> Target {
        let path = self.path("conf/guests.txt");
        let timeline: Part = |world| &world.guests;
        Target { path, timeline, content: content::guest_file, limit: 8 * 1024 * 1024 }
    }

    fn html(&self) -> Target {
        let path = self.path("conf/page.html.j2");
        let timeline: Part = |world| &world.html;
        Target { path, timeline, content: content::html_template, limit: 1024 * 1024 }
    }

    fn text(&self) -> Target {
        let path = self.path("conf/page.txt");
        let timeline: Part = |world| &world.text;
        Target { path, timeline, content: content::text, limit: 1024 * 1024 }
    }

    fn page(&mut self) -> Target {
        if self.random.bool() { self.html() } else { self.text() }
    }

    pub(super) fn replace_page(&mut self) {
        let page = self.page();
        self.replace(&page);
    }

    pub(super) fn rewrite_page(&mut self) {
        let page = self.page();
        self.rewrite_file(&page);
    }

    /// As left by a full disk.
    pub(super) fn cut_page(&mut self) {
        let page = self.page();
        let timeline = (page.timeline)(&self.world);
        let broken = Watched { is_broken: true, ..timeline.last() };
        timeline.change(broken, &[], Duration::ZERO, || cut(&page.path));
    }

    pub(super) fn break_page(&mut self) {
        let page = self.page();
        self.break_file(&page);
    }

    pub(super) fn replace_allow_file(&mut self) {
        self.replace(&self.allow_file());
    }

    pub(super) fn rewrite_allow_file(&mut self) {
        self.rewrite_file(&self.allow_file());
    }

    pub(super) fn break_allow_file(&mut self) {
        self.break_file(&self.allow_file());
    }

    /// Revokes an invitation, or adds it again.
    pub(super) fn replace_guests(&mut self) {
        self.replace(&self.guests());
    }

    pub(super) fn rewrite_guests(&mut self) {
        self.rewrite_file(&self.guests());
    }

    pub(super) fn break_guests(&mut self) {
        self.break_file(&self.guests());
    }

    /// Repairs all broken files.
    pub(super) fn heal(&mut self) {
        for file in [self.allow_file(), self.guests(), self.html(), self.text()] {
            if (file.timeline)(&self.world).last().is_broken {
                self.replace(&file);
            }
        }
    }

    fn replace(&self, file: &Target) {
        let timeline = (file.timeline)(&self.world);
        let version = timeline.last().version + 1;
        let new = self.new_file();
        fs::write(&new, (file.content)(version)).expect("written");
        let told = if self.lies { timeline.last() } else { Watched::good(version) };
        timeline.change(told, &[], Duration::ZERO, || {
            fs::rename(&new, &file.path).expect("moved");
        });
    }

    fn rewrite_file(&self, file: &Target) {
        let timeline = (file.timeline)(&self.world);
        let Watched { version, is_broken } = timeline.last();
        let half = Watched { version, is_broken: true };
        timeline.change(Watched::good(version + 1), &[half], Duration::ZERO, || {
            if is_broken {
                let _ = fs::remove_file(&file.path);
            }
            fs::write(&file.path, (file.content)(version + 1)).expect("written");
        });
    }

    fn break_file(&mut self, file: &Target) {
        let world = Arc::clone(&self.world);
        let timeline = (file.timeline)(&world);
        let broken = Watched { is_broken: true, ..timeline.last() };
        let (way, new) = (self.random.u8(..6), self.new_file());
        let put = |content: &[u8]| {
            fs::write(&new, content).expect("written");
            fs::rename(&new, &file.path).expect("moved");
        };
        timeline.change(broken, &[], Duration::ZERO, || match way {
            0 => drop(fs::remove_file(&file.path)),
            1 => put(b""),
            2 => put(&b"x".repeat(file.limit + 1)),
            3 => put(b"10.0.0.300 is no address, {{ nothing }\xff is no template and no UTF-8\n"),
            4 if file.path.exists() => set_mode(&file.path, 0),
            _ => cut(&file.path),
        });
    }

    fn new_file(&self) -> PathBuf {
        self.path("work/new")
    }
}

/// As left by a full disk.
fn cut(path: &Path) {
    fs::File::create(path).expect("cut");
}
