//! `maintenancectl`, run as an administrator runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::Httpd;

/// The command, with settings that name servers.
pub struct Maintenancectl {
    folder: TempDir,
}

/// What the command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (out, err) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), out, err }
    }
}

impl Maintenancectl {
    /// The servers are called web1, web2 and so on, and have their status pages at /status.
    pub fn of<'h>(servers: impl IntoIterator<Item = &'h Httpd>) -> Self {
        let server = |(httpd, number): (&Httpd, usize)| {
            format!("[[server]]\nname = \"web{number}\"\nstatus = \"{}/status\"\n", httpd.url())
        };
        let servers: String = servers.into_iter().zip(1..).map(server).collect();
        Self::with(&servers)
    }

    /// The command with these settings.
    pub fn with(settings: &str) -> Self {
        binary(); // builds it before the test begins
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("settings.toml"), settings).expect("written");
        Self { folder }
    }

    /// The line of a shell script that runs the command with the script's arguments.
    pub fn line(&self) -> String {
        let settings = self.folder.path().join("settings.toml");
        format!("exec {} --config {} \"$@\"", binary().display(), settings.display())
    }

    /// Adds lines to the settings.
    pub fn add(&self, settings: &str) {
        let path = self.folder.path().join("settings.toml");
        let text = fs::read_to_string(&path).expect("settings");
        fs::write(path, text + settings).expect("written");
    }

    /// A command with these arguments, in UTC and with UTF-8.
    pub fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.folder.path().join("settings.toml")).args(words);
        command.env("TZ", "UTC0").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        command
    }

    /// Runs the command with the arguments in a text, separated by blanks.
    pub fn run(&self, words: &str) -> Said {
        let mut command = self.command(words.split(' '));
        command.stdin(Stdio::null()).output().expect("maintenancectl runs").into()
    }

    /// Like the above, without waiting for the end.
    pub fn start(&self, words: &str) -> Child {
        let mut command = self.command(words.split(' '));
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("maintenancectl runs")
    }
}

/// The value of MAINTENANCECTL, or otherwise the command as cargo builds it for tests.
fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(binary) = std::env::var_os("MAINTENANCECTL") {
            return fs::canonicalize(binary).expect("MAINTENANCECTL");
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut words = vec!["build", "--quiet", "--locked", "--package", "maintenancectl"];
        // With stores, unless what their build needs is missing: see the Makefile.
        if Command::new("protoc").arg("--version").output().is_ok() {
            words.push("--features=etcd");
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(words).current_dir(&root).status().expect("cargo");
        assert!(built.success(), "maintenancectl does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        fs::canonicalize(root.join(target).join("debug/maintenancectl")).expect("built")
    })
}
