//! The httpd servers that are measured. They have the same modules and different directives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bare;
use crate::recipes;
use maintenance_harness::{Httpd, Mpm, Setup};

/// The answer of the open site.
pub const OPEN: &str = "hello from httpd\n";

/// Like the configurations that httpd, Debian and IBM ship: .htaccess files are off. Refusals would
/// save that work, and look cheaper than they are.
const NO_HTACCESS: &str = "<Directory />\nAllowOverride None\n</Directory>\n";

/// The modules that are loaded.
#[derive(Clone)]
enum Module {
    None,
    /// The yardstick in C.
    Bare,
    /// The module of MAINTENANCE_MODULE.
    This,
    Other(PathBuf),
}

/// The kind of a server's key.
#[derive(Clone, Copy, Debug)]
pub enum TlsKey {
    /// P-256
    Ecdsa,
    /// 2048 bits
    Rsa,
}

impl TlsKey {
    fn make(self, folder: &Path) {
        let kind: &[&str] = match self {
            Self::Ecdsa => &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::Rsa => &["rsa:2048"],
        };
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-nodes", "-days", "2", "-newkey"]).args(kind);
        openssl.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=bench"]);
        // Not one of an authority, which no client accepts as a server's.
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext"]);
        openssl.arg(format!("subjectAltName=DNS:{}", crate::client::HOST));
        let output = openssl.current_dir(folder).output().expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A server that can be started in several ways.
#[derive(Clone)]
pub struct Site {
    module: Module,
    directives: String,
    is_closed: bool,
    mpm: Mpm,
    key: TlsKey,
    modules: Vec<&'static str>,
    wrapper: Vec<String>,
    arguments: Vec<&'static str>,
}

impl Site {
    pub fn without_module(directives: &str) -> Self {
        Self {
            module: Module::None,
            directives: directives.to_owned(),
            is_closed: false,
            mpm: Mpm::Event,
            key: TlsKey::Ecdsa,
            modules: vec!["rewrite", "authz_host"],
            wrapper: vec![],
            arguments: vec![],
        }
    }

    pub fn with_module(directives: &str) -> Self {
        Self { module: Module::This, ..Self::without_module(directives) }
    }

    /// The yardstick, with the flag and the page of the module.
    pub fn bare() -> Self {
        Self { module: Module::Bare, ..Self::without_module("") }
    }

    /// Another build of the module, if there is one.
    pub fn with_build(mut self, module: Option<&PathBuf>) -> Self {
        if let (Module::This, Some(module)) = (&self.module, module) {
            self.module = Module::Other(module.clone());
        }
        self
    }

    /// The module's file, if there is one.
    pub fn build(&self) -> Option<PathBuf> {
        let file = match &self.module {
            Module::None | Module::Bare => return None,
            Module::This => {
                std::env::var_os("MAINTENANCE_MODULE").expect("MAINTENANCE_MODULE").into()
            }
            Module::Other(file) => file.clone(),
        };
        Some(fs::canonicalize(file).expect("the module"))
    }

    pub fn closed(mut self) -> Self {
        self.is_closed = true;
        self
    }

    pub fn prefork(mut self) -> Self {
        self.mpm = Mpm::Prefork;
        self
    }

    pub fn http2(mut self) -> Self {
        self.modules.push("http2");
        self.directives.push_str("\nProtocols h2c http/1.1");
        self
    }

    /// With a certificate for the server's name.
    pub fn tls(mut self, key: TlsKey) -> Self {
        self.key = key;
        self.modules.extend(["socache_shmcb", "ssl"]);
        self.directives.push_str(
            "\nSSLEngine on\nSSLProtocol TLSv1.3\nSSLSessionCache shmcb:logs/cache\n\
             SSLCertificateFile conf/cert.pem\nSSLCertificateKeyFile conf/key.pem",
        );
        self
    }

    /// A single process, under a program that watches it.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| word.to_string()).collect();
        self.arguments = vec!["-X"];
        self
    }

    /// A single child, so that none is started or ended during a run. Persistent connections are
    /// kept for as long as the client wants.
    pub fn start(&self) -> Httpd {
        let workers = if self.mpm == Mpm::Prefork { 1 } else { 25 };
        let wrapper: Vec<_> = self.wrapper.iter().map(String::as_str).collect();
        let mut setup = Setup::new(&format!(
            "StartServers 1\nServerLimit 1\nMaxRequestWorkers {workers}\nMaxKeepAliveRequests 0"
        ))
        .mpm(self.mpm)
        .modules(&self.modules)
        .directives(&format!("{NO_HTACCESS}{}", self.directives))
        .wrapper(&wrapper)
        .arguments(&self.arguments);
        match &self.module {
            Module::None => setup = setup.before("Define WITHOUT_MODULE"),
            Module::Bare => {
                let (module, root) = (bare::module(), setup.root().display().to_string());
                setup = setup.before("Define WITHOUT_MODULE").directives(&format!(
                    "LoadModule bare_module {}\nBareFlag {root}/maintenance.flag\n\
                     BarePage {root}/htdocs/{}",
                    module.display(),
                    recipes::PAGE
                ));
                // Read with the directive.
                setup.write(&format!("htdocs/{}", recipes::PAGE), recipes::page());
            }
            Module::This => {}
            Module::Other(module) => setup = setup.module(module.clone()),
        }
        if self.modules.contains(&"ssl") {
            self.key.make(&setup.path("conf"));
        }
        setup.write(&format!("htdocs/{}", recipes::PAGE), recipes::page());
        let mut httpd = setup.start();
        // Few workers, on purpose; each client that mod_authz_core rejects; an older OpenSSL.
        httpd.allow_log("AH10159|AH00161|AH01630|AH01882");
        if self.is_closed {
            httpd.close();
        }
        httpd
    }
}

/// The certificate of a site with TLS.
pub fn certificate(httpd: &Httpd) -> String {
    fs::read_to_string(httpd.path("conf/cert.pem")).expect("a certificate")
}
