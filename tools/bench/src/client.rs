//! A fast client: it sends one request after the other, and closes its connection as soon as the
//! server has closed it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::http2;

/// The requested server, which has the certificate.
pub const HOST: &str = "maintenance.test";

/// Requested by name, because a lookup of mod_dir for / would be a further request.
pub const PATH: &str = "/index.html";

/// How a client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A new connection for each request.
    New,
    /// One connection for all requests of a run.
    Kept,
    /// Like `New`, with TLS 1.3 and without session resumption.
    NewTls,
    /// Like `NewTls`, with session resumption.
    ResumedTls,
    KeptTls,
    /// One HTTP/2 connection for all requests of a run, without TLS.
    Http2,
}

/// A complete answer.
pub struct Answer {
    pub status: u16,
    /// In lower case. HTTP/2's is compressed and not kept.
    pub head: String,
    pub body: Vec<u8>,
}

pub struct Client {
    pub way: Way,
    pub address: SocketAddr,
    /// The value of Accept-Encoding.
    pub coding: Option<&'static str>,
    tls: Option<Arc<ClientConfig>>,
}

/// A browser's request except for the coding, so that the sizes of answers are the real ones.
pub const HEADERS: [(&str, &str); 2] = [
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"),
];

impl Client {
    pub fn new(way: Way, address: SocketAddr, coding: Option<&'static str>) -> Self {
        Self { way, address, coding, tls: None }
    }

    /// Trusts only the server with this certificate.
    pub fn trust(mut self, certificate: &str) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        roots.add(certificate.expect("a certificate")).expect("a root");
        let builder = ClientConfig::builder_with_protocol_versions(&[&TLS13]);
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        if self.way != Way::ResumedTls {
            config.resumption = rustls::client::Resumption::disabled();
        }
        self.tls = Some(Arc::new(config));
        self
    }

    /// Sends this number of requests, each of which must be answered with this status. Returns the
    /// last answer.
    pub fn ask(&self, count: usize, status: u16) -> Answer {
        let check = |answer: Answer| {
            assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
            answer
        };
        let request = self.request();
        let anew = || check(self.ask_anew(&request));
        match self.way {
            Way::New | Way::NewTls | Way::ResumedTls => (0..count).fold(None, |_, _| Some(anew())),
            Way::Kept => ask_again(&mut self.connect(), &request, count, check),
            Way::KeptTls => ask_again(&mut self.secure(), &request, count, check),
            Way::Http2 => http2::ask(self.address, self.coding, count, check),
        }
        .expect("an answer")
    }

    fn ask_anew(&self, request: &[u8]) -> Answer {
        let mut bytes = Vec::with_capacity(8192);
        match self.way {
            Way::NewTls | Way::ResumedTls => exchange(&mut self.secure(), request, &mut bytes),
            _ => exchange(&mut self.connect(), request, &mut bytes),
        }
        let answer = Answer::parse(&bytes).expect("a head");
        assert!(answer.has("connection: close"), "{}", answer.head);
        answer
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        // With thousands of virtual hosts, a server under valgrind accepts before it is ready.
        stream.set_read_timeout(Some(Duration::from_secs(180))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    fn secure(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let config = self.tls.clone().expect("a certificate");
        let connection = ClientConnection::new(config, ServerName::try_from(HOST).expect("a name"));
        StreamOwned::new(connection.expect("a client"), self.connect())
    }

    fn request(&self) -> Vec<u8> {
        let mut request = format!("GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n");
        if [Way::New, Way::NewTls, Way::ResumedTls].contains(&self.way) {
            request.push_str("Connection: close\r\n");
        }
        for (name, value) in
            HEADERS.into_iter().chain(self.coding.map(|it| ("Accept-Encoding", it)))
        {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        (request + "\r\n").into_bytes()
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(bytes[..end].to_ascii_lowercase()).expect("text");
        let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Self { status, head, body: bytes[end..].to_owned() })
    }

    /// Whether the head contains this line.
    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|found| found == line)
    }

    fn length(&self) -> usize {
        let line = self.head.lines().find_map(|line| line.strip_prefix("content-length: "));
        line.and_then(|length| length.parse().ok()).expect("a length")
    }

    /// The bytes on the wire, before encryption.
    pub fn bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8], bytes: &mut Vec<u8>) {
    stream.write_all(request).expect("sent");
    stream.read_to_end(bytes).expect("an answer, and its end");
}

/// Uses one connection, which the server must keep open.
fn ask_again(
    stream: &mut (impl Read + Write),
    request: &[u8],
    count: usize,
    check: impl Fn(Answer) -> Answer,
) -> Option<Answer> {
    let mut one = || {
        stream.write_all(request).expect("sent");
        let mut bytes = Vec::with_capacity(8192);
        let mut part = [0; 8192];
        loop {
            let read = stream.read(&mut part).expect("an answer");
            assert!(read > 0, "the connection was not kept");
            bytes.extend_from_slice(&part[..read]);
            match Answer::parse(&bytes) {
                Some(answer) if answer.body.len() == answer.length() => return check(answer),
                _ => {}
            }
        }
    };
    (0..count).fold(None, |_, _| Some(one()))
}
