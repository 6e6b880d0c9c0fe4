//! Clients: reqwest for HTTP/1.1, HTTP/2 and TLS, and a plain socket for what no client sends.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Once;
use std::time::Duration;

use reqwest::blocking::{ClientBuilder, RequestBuilder, Response};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub version: reqwest::Version,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of text"))
    }

    /// Whether this is the complete built-in page with status 500.
    #[track_caller]
    pub fn assert_refused(&self) {
        assert_eq!(self.status, 500, "{self:?}");
        let of_all = super::without_host;
        assert_eq!(of_all(&self.body), of_all(super::PAGE), "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let retry_after = self.header("retry-after").and_then(|value| value.parse().ok());
        assert!(retry_after.is_some_and(|seconds: u32| (300..=360).contains(&seconds)), "{self:?}");
        assert_eq!(self.header("etag").or(self.header("last-modified")), None);
    }
}

pub struct Client {
    client: reqwest::blocking::Client,
    base: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
}

impl Client {
    /// A client that opens a new connection for every request.
    pub fn new(base: &str) -> Self {
        Self::build(base, Protocol::Http1, None, false)
    }

    /// A client with this source address.
    pub fn from(base: &str, address: &str) -> Self {
        let address = address.parse().expect("an address");
        Self::build(base, Protocol::Http1, Some(address), false)
    }

    pub fn build(base: &str, protocol: Protocol, from: Option<IpAddr>, reuse: bool) -> Self {
        let builder = Self::builder(base, protocol, from, reuse);
        Self { client: builder.build().expect("a client"), base: base.to_owned() }
    }

    /// A client for HTTP/2 that connects to this address for `host`.
    pub fn http2_as(host: &str, address: SocketAddr) -> Self {
        let base = format!("http://{host}:{}", address.port());
        let builder = Self::builder(&base, Protocol::Http2, None, true).resolve(host, address);
        Self { client: builder.build().expect("a client"), base }
    }

    fn builder(base: &str, protocol: Protocol, from: Option<IpAddr>, reuse: bool) -> ClientBuilder {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let mut builder = reqwest::blocking::Client::builder()
            .local_address(from)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // The test has just created the certificate.
            .tls_danger_accept_invalid_certs(true);
        if protocol == Protocol::Http2 && base.starts_with("http:") {
            builder = builder.http2_prior_knowledge();
        } else if protocol == Protocol::Http1 {
            builder = builder.http1_only();
        }
        if !reuse {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("{}{path}", self.base))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        read(self.request("GET", path).send())
    }

    #[track_caller]
    pub fn send(&self, request: RequestBuilder) -> Answer {
        read(request.send())
    }

    /// An error is one that the user would see: no answer, or a truncated one.
    pub fn try_get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        try_read(self.request("GET", path).send())
    }

    /// Like the above, for a client that disconnects after some time.
    pub fn try_get_within(&self, path: &str, time: Duration) -> Result<Answer, reqwest::Error> {
        try_read(self.request("GET", path).timeout(time).send())
    }
}

#[track_caller]
fn read(response: reqwest::Result<Response>) -> Answer {
    try_read(response).unwrap_or_else(|error| panic!("no whole answer: {error:?}"))
}

fn try_read(response: reqwest::Result<Response>) -> reqwest::Result<Answer> {
    let response = response?;
    let (status, version) = (response.status().as_u16(), response.version());
    let headers = response.headers().clone();
    Ok(Answer { status, version, headers, body: response.text()? })
}

/// Sends bytes unchanged and reads until the server closes the connection.
#[track_caller]
pub fn raw(address: SocketAddr, request: &[u8]) -> String {
    String::from_utf8(raw_bytes(address, request)).expect("text")
}

/// Like the above, for answers that need not be text.
#[track_caller]
pub fn raw_bytes(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    stream.write_all(request).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and an end");
    answer
}
