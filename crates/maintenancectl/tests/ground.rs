//! A folder in which the command runs.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A rule as that of Berlin, which needs no time zone database.
pub(crate) const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// A folder in which the command runs. Its flag is `maintenance.flag`.
pub(crate) struct Ground(TempDir);

/// What a command has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ground {
    pub(crate) fn new() -> Self {
        // Not in /tmp, of which the command warns.
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("written");
    }

    /// A shell script. Another process writes it, because a file that any process has open for
    /// writing cannot be run, and each child of another test has it open for a moment.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let mut install = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(self.path(name))
            .stdin(Stdio::piped())
            .spawn()
            .expect("install");
        let text = format!("#!/bin/sh\n{script}\n");
        install.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
        assert!(install.wait().expect("install ends").success(), "{name}");
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        let content = fs::read(self.path(name)).ok()?;
        Some(String::from_utf8(content).expect("text"))
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().into_string().expect("text")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// The command in this folder, with a flag in its settings.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let settings = self.path("settings.toml");
        if !settings.exists() {
            fs::write(&settings, "flag = \"maintenance.flag\"\n").expect("written");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_maintenancectl"));
        command.args(words).current_dir(self.0.path()).env("TZ", BERLIN).stdin(Stdio::null());
        for name in ["SUDO_USER", "SUDO_UID", "NO_COLOR", "CLICOLOR_FORCE", "LANG", "LC_ALL"] {
            command.env_remove(name);
        }
        command.arg("--config").arg(settings);
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.command(words).output().expect("run"))
    }

    /// Runs a line of words without quotes. A `~` stands for a blank.
    pub(crate) fn line(&self, line: &str) -> Said {
        let words: Vec<_> = line.split(' ').map(|word| word.replace('~', " ")).collect();
        self.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The name of the user who runs the tests.
pub(crate) fn me() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
