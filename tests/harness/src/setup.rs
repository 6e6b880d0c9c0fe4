//! The configuration of a server before it is started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use super::installation::{installation, module_under_test};
use super::{Httpd, sanitizer, set_mode};

const PORT: u16 = 8080;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mpm {
    Event,
    Worker,
    Prefork,
}

impl Mpm {
    pub const ALL: [Self; 3] = [Self::Event, Self::Worker, Self::Prefork];

    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Worker => "worker",
            Self::Prefork => "prefork",
        }
    }
}

/// A server that has not been started.
pub struct Setup {
    root: TempDir,
    address: SocketAddr,
    mpm: Mpm,
    modules: Vec<&'static str>,
    /// Directives before and after those of base.conf.
    before: String,
    directives: String,
    /// A command to run the server with, such as valgrind.
    wrapper: Vec<String>,
    /// Further arguments, such as -X.
    arguments: Vec<&'static str>,
    module: PathBuf,
}

/// No two servers share an address, not even those of concurrent test runs: addresses are derived
/// from process and number, and clients use 127.0.0.x. Each process has two networks of addresses,
/// which is 508.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let (network, number) = ((count / 254 % 2) as u8, (1 + count % 254) as u8);
    let process = std::process::id();
    let network = 1 + (process >> 8) as u8 % 125 + 125 * network;
    SocketAddr::from(([127, network, process as u8, number], PORT))
}

impl Setup {
    pub fn new(directives: &str) -> Self {
        // The children's user must be able to read files written by tests.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let root = tempfile::Builder::new().prefix("maintenance-").tempdir().expect("a folder");
        // Readable for the children's user.
        set_mode(root.path(), 0o755);
        for folder in ["logs", "htdocs", "conf"] {
            fs::create_dir(root.path().join(folder)).expect(folder);
        }
        fs::write(root.path().join("htdocs/index.html"), "hello from httpd\n").expect("a file");
        Self {
            root,
            address: own_address(),
            mpm: Mpm::Event,
            modules: vec![],
            before: String::new(),
            directives: directives.to_owned(),
            wrapper: vec![],
            arguments: vec![],
            module: module_under_test(),
        }
    }

    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// Loads further modules of httpd, named without `mod_`.
    pub fn modules(mut self, modules: &[&'static str]) -> Self {
        self.modules.extend(modules);
        self
    }

    /// HTTP/2 as well, but not with prefork, for which mod_http2 is not made, and not with an httpd
    /// that lacks the module (`make test-compat`). For tests that ask the same of each of
    /// [`Httpd::clients`].
    pub fn http2_where_possible(self) -> Self {
        let is_there = installation().modules.join("mod_http2.so").exists();
        match is_there && self.mpm != Mpm::Prefork {
            true => self.modules(&["http2"]).directives("Protocols h2c http/1.1"),
            false => self,
        }
    }

    pub(super) fn has_http2(&self) -> bool {
        self.modules.contains(&"http2")
    }

    pub fn directives(mut self, more: &str) -> Self {
        self.directives.push('\n');
        self.directives.push_str(more);
        self
    }

    /// Directives before all others, such as Define.
    pub fn before(mut self, directives: &str) -> Self {
        self.before = directives.to_owned();
        self
    }

    pub fn proxy_to(self, backend: &super::Backend) -> Self {
        self.modules(&["proxy", "proxy_http"]).directives(&backend.proxy_directives())
    }

    pub fn module(mut self, module: PathBuf) -> Self {
        self.module = module;
        self
    }

    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| word.to_string()).collect();
        self
    }

    pub fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect(name);
        path
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn write_config(&self) -> PathBuf {
        let found = installation();
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../httpd-test/base.conf");
        let mut config = format!(
            "Define ROOT \"{}\"\nDefine ADDRESS {}\nDefine PORT {}\nDefine MPM {}\n\
             Define MODULES \"{}\"\nDefine MAINTENANCE_MODULE \"{}\"\n",
            self.root().display(),
            self.address.ip(),
            self.address.port(),
            self.mpm.name(),
            found.modules.display(),
            self.module.display(),
        );
        if let Some(user) = &found.user {
            config.push_str(&format!("Define HTTPD_USER {user}\nDefine HTTPD_GROUP {user}\n"));
        }
        config.push_str(&self.before);
        config.push_str(&format!("\nInclude \"{}\"\n", base.display()));
        for name in &self.modules {
            let file = found.modules.join(format!("mod_{name}.so"));
            config.push_str(&format!("LoadModule {name}_module \"{}\"\n", file.display()));
        }
        config.push_str(&self.directives);
        config.push('\n');
        self.write("conf/httpd.conf", config)
    }

    /// Replaces the directives before and after those of base.conf.
    pub(super) fn reconfigure(&mut self, before: &str, directives: &str) {
        self.before = before.to_owned();
        self.directives = directives.to_owned();
        self.write_config();
    }

    pub(super) fn is_wrapped(&self) -> bool {
        !self.wrapper.is_empty()
    }

    /// The parent serves the requests itself and has no children.
    pub(super) fn is_one_process(&self) -> bool {
        self.arguments.contains(&"-X")
    }

    pub(super) fn command(&self, more: &[&str]) -> Command {
        let config = self.write_config();
        let mut words = self.wrapper.clone();
        words.push(installation().binary.display().to_string());
        let (program, rest) = words.split_first().expect("a program");
        let mut command = Command::new(program);
        command.args(rest).arg("-d").arg(self.root()).arg("-f").arg(config);
        command.args(&self.arguments).args(more).env("RUST_BACKTRACE", "0").env("TZ", "UTC");
        sanitizer::watch(&mut command, self.root());
        command
    }

    /// Runs `httpd -t`. Returns whether it succeeds, and its output.
    pub fn test_config(&self) -> (bool, String) {
        let output = self.command(&["-t"]).output().expect("httpd runs");
        let text = [output.stdout, output.stderr].concat();
        assert_eq!(sanitizer::take_reports(self.root()), vec![""; 0]);
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Like the above, with these directives.
    pub fn test_lines(&mut self, directives: &str) -> (bool, String) {
        self.directives = directives.to_owned();
        self.test_config()
    }

    /// Starts the server and waits until it responds.
    #[track_caller]
    pub fn start(self) -> Httpd {
        Httpd::run(self)
    }
}
