//! A server for tests, which answers each connection with fixed bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server that runs until the test ends.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// The heads of the requests.
    requests: Arc<Mutex<Vec<String>>>,
}

/// What a fake does with a connection.
#[derive(Clone)]
#[allow(dead_code, reason = "each crate of tests uses some of them")]
pub(crate) enum Behaviour {
    /// It sends these bytes and closes the connection.
    Answer(Vec<u8>),
    /// Each connection gets the next answer, and the last one again and again.
    Answers(Vec<Vec<u8>>),
    /// It reads, and says nothing.
    Hang,
    /// It sends these bytes, and then nothing more.
    Stop(Vec<u8>),
    /// It closes the connection at once.
    Close,
}

impl Fake {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::run(behaviour, None)
    }

    /// A server with TLS.
    pub(crate) fn secure(behaviour: Behaviour, config: ServerConfig) -> Self {
        Self::run(behaviour, Some(Arc::new(config)))
    }

    fn run(behaviour: Behaviour, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(vec![]));
        let heads = Arc::clone(&requests);
        thread::spawn(move || {
            for (count, stream) in listener.incoming().filter_map(Result::ok).enumerate() {
                let (behaviour, heads) = (behaviour.clone(), Arc::clone(&heads));
                let tls = tls.clone();
                thread::spawn(move || match tls {
                    None => serve(stream, &behaviour, count, &heads),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &behaviour, count, &heads);
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The URL of its status page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/status", self.address)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("the heads").clone()
    }
}

fn serve(
    mut stream: impl Read + Write,
    behaviour: &Behaviour,
    count: usize,
    heads: &Mutex<Vec<String>>,
) {
    if matches!(behaviour, Behaviour::Close) {
        return;
    }
    let mut head = vec![];
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return, // such as an alert about the certificate
        }
    }
    heads.lock().expect("the heads").push(String::from_utf8_lossy(&head).into_owned());
    let bytes = match behaviour {
        Behaviour::Answer(bytes) | Behaviour::Stop(bytes) => bytes,
        Behaviour::Answers(answers) => &answers[count.min(answers.len() - 1)],
        Behaviour::Hang | Behaviour::Close => &vec![],
    };
    let _ = stream.write_all(bytes);
    let _ = stream.flush();
    if matches!(behaviour, Behaviour::Hang | Behaviour::Stop(_)) {
        thread::sleep(Duration::from_secs(30));
    }
}

/// An answer with a status, fields (each with `\r\n`) and a body.
pub(crate) fn answer(status: u16, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{fields}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A report as an answer.
pub(crate) fn report(report: &serde_json::Value) -> Vec<u8> {
    answer(200, "Content-Type: application/json\r\n", report.to_string())
}

/// A report with one server and the flag `/run/flag`.
pub(crate) fn one_scope(state: &str, from_before_closing: u64) -> serde_json::Value {
    let closes = ["closed", "overdue", "read_only", "reopening"].contains(&state);
    let flight = serde_json::json!({
        "requests": from_before_closing, "from_before_closing": from_before_closing,
        "oldest": null, "oldest_from_before_closing": (from_before_closing > 0).then_some(41),
    });
    let mut all = flight.clone();
    all["untracked"] = 0.into();
    serde_json::json!({
        "schema": 1, "version": "0.1.0", "server": "Apache/2.4.62", "state": state,
        "time": jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
        "in_flight": all,
        "flags": [{
            "path": "/run/flag", "closes": closes, "error": null, "warnings": [],
            "state": match state { "open" | "off" => "absent", other => other },
            "changed": "2026-11-28T21:00:00Z", "modified": "2026-11-28T21:00:00Z",
            "start": null, "end": null, "by": "anna", "reason": "upgrade", "ticket": null,
        }],
        "scopes": [{
            "kind": "server", "server": "www.example.com", "location": null, "state": state,
            "flags": ["/run/flag"], "in_flight": flight, "totals": {"refused": 7},
            "pages": [], "allow": [],
        }],
        "refused": {"since": null, "clients": [], "capacity": 4096},
    })
}

/// TLS with a certificate and its key, both in DER.
pub(crate) fn tls_config(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let chain = vec![certificate.der().clone()];
    builder.with_no_client_auth().with_single_cert(chain, key).expect("a certificate")
}
