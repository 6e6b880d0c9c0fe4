//! Invitations on a real httpd: links, cookies, and that the secret is nowhere else.

mod life;
mod requests;
mod tls;
mod traces;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use maintenance_core::allow::invitations::SecretHash;
use maintenance_harness::client::Answer;
use maintenance_harness::{Httpd, raw_bytes};

pub const NAME: &str = "maintenance-invite";

/// A secret of 128 bits, of which only this test knows.
pub fn new_secret() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// The hash, as `printf %s SECRET | sha256sum` prints it.
pub fn hash(secret: &str) -> String {
    SecretHash::of(secret.as_bytes()).expect("a secret").to_hex()
}

/// An answer, whichever way it came.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub fields: BTreeMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl From<Answer> for Got {
    fn from(answer: Answer) -> Self {
        let text = |value: &reqwest::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let fields = answer.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        Self { status: answer.status, fields: fields.collect(), body: answer.body }
    }
}

/// Sends exactly this target and these fields over HTTP/1.1.
#[track_caller]
pub fn send(httpd: &Httpd, method: &str, target: &str, fields: &[(&str, String)]) -> Got {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: maintenance.test\r\n");
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    let body = if ["POST", "PUT"].contains(&method) { "a=1" } else { "" };
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request += "Connection: close\r\n\r\n";
    let answer = raw_bytes(httpd.address(), (request + body).as_bytes());
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Got { status: status.expect("a status"), fields: fields.collect(), body: body.to_owned() }
}

/// The files below a folder that have this text in them.
pub fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() {
            let mut content = vec![];
            std::fs::File::open(&path).expect("a file").read_to_end(&mut content).expect("read");
            let is_there = content.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(is_there.then_some(path));
        }
    }
    found
}

/// Nothing below the ServerRoot has one of the secrets.
#[track_caller]
pub fn assert_nowhere(httpd: &Httpd, secrets: &[String]) {
    for secret in secrets {
        assert_eq!(files_with(&httpd.path(""), secret), Vec::<PathBuf>::new(), "{secret}");
    }
}
