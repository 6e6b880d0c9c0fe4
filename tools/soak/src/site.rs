//! The servers under test.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::content::{self, HEALTH};
use super::oracle::refusal::{RETRY_AFTER, SPREAD};
use maintenance_harness::denied::{Denied, Who};
use maintenance_harness::faketime::Clock;
use maintenance_harness::{Httpd, Setup};

/// The address of the server with TLS, and the clients' configurations for HTTP/1.1 and HTTP/2.
pub struct Tls {
    pub address: SocketAddr,
    pub http1: Arc<ClientConfig>,
    pub http2: Arc<ClientConfig>,
}

/// What an access log could show of a request has a secret.
const SEES_SECRET: &str = "%{THE_REQUEST} =~ /soak-secret/ || %{QUERY_STRING} =~ /soak-secret/ || \
                           %{HTTP_COOKIE} =~ /soak-secret/";

/// The common configuration of both servers. Only the faults end children; files that are written
/// all the time are not kept.
fn setup() -> Setup {
    let setup = Setup::new(&format!(
        "MaintenanceFlag flags/maintenance.flag\n\
         MaintenanceAllow 127.0.0.2 file=conf/allow.txt invite=conf/guests.txt\n\
         MaintenanceHealthCheck {HEALTH}\n\
         CustomLog logs/secrets \"%r %q %{{Cookie}}i\" \"expr={SEES_SECRET}\"\n\
         MaintenancePage conf/page.html.j2 conf/page.txt\n\
         MaintenanceRetryAfter {RETRY_AFTER} spread={SPREAD}\n\
         StartServers 4\nThreadsPerChild 25\nServerLimit 40\nMaxRequestWorkers 300\n\
         MinSpareThreads 50\nMaxSpareThreads 300\nKeepAliveTimeout 60\nMaxKeepAliveRequests 0\n\
         ListenBacklog 1000"
    ));
    for folder in ["flags", "work"] {
        fs::create_dir(setup.path(folder)).expect(folder);
    }
    symlink("/dev/null", setup.path("logs/access_log")).expect("a link");
    setup.write("conf/allow.txt", content::allow_file(1));
    setup.write("conf/guests.txt", content::guest_file(1));
    setup.write("conf/page.html.j2", content::html_template(1));
    setup.write("conf/page.txt", content::text(1));
    setup.write("htdocs/index.html", content::site("/"));
    for path in &content::PATHS[1..] {
        setup.write(&format!("htdocs{path}"), content::site(path));
    }
    setup
}

/// HTTP/1.1 and HTTP/2, each with and without TLS, and the means to keep the server from looking at
/// its flag.
pub fn main_server() -> (Httpd, Tls, Denied) {
    let made = rcgen::generate_simple_self_signed(["maintenance.test".to_owned()]);
    let made = made.expect("a certificate");
    let setup = setup().modules(&["filter", "deflate", "socache_shmcb", "ssl", "http2"]);
    setup.write("conf/cert.pem", made.cert.pem());
    setup.write("conf/key.pem", made.signing_key.serialize_pem());
    let address = SocketAddr::from((setup.address().ip(), 8443));
    let setup = setup.directives(&format!(
        "Protocols h2 h2c http/1.1\n\
         MaintenanceStatus 503 \"expr=%{{HTTP_USER_AGENT}} =~ /crawler/\"\nMaintenanceStatus 500\n\
         <Location /coded.txt>\nSetOutputFilter DEFLATE\n</Location>\n\
         Listen {address}\nSSLSessionCache shmcb:logs/cache\n\
         <VirtualHost {address}>\nServerName maintenance.test\nSSLEngine on\n\
         SSLProtocol TLSv1.3\nSSLCertificateFile conf/cert.pem\nSSLCertificateKeyFile conf/key.pem\n\
         MaintenanceStatus 429\n</VirtualHost>"
    ));
    let config = |protocol: &[u8]| Arc::new(client_config(made.cert.der(), protocol));
    let tls = Tls { address, http1: config(b"http/1.1"), http2: config(b"h2") };
    let (denied, setup) = Denied::setup(setup, &["flags/maintenance.flag"], Who::All);
    (setup.start(), tls, denied)
}

fn client_config(certificate: &CertificateDer<'static>, protocol: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("TLS 1.3");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// A server with further directives, whose clock is ahead by the offset in its file; None if
/// libfaketime is not installed. It is a separate server, because when the time jumps, httpd closes
/// idle connections and mod_http2 its sessions, so that the oracle could not judge them.
pub fn clock_server(more: &str) -> Option<(Httpd, Clock)> {
    let setup = setup().modules(&["filter", "deflate"]).directives(
        "<Location /coded.txt>\nSetOutputFilter DEFLATE\n</Location>\nMaintenanceStatus 429",
    );
    let (clock, setup) = Clock::setup(setup.directives(more))?;
    Some((setup.start(), clock))
}
