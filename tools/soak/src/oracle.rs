//! Checks whether an answer is correct. It must be complete, and match one of the states between
//! sending the request and receiving the answer.

mod admission;
mod positions;
pub mod refusal;
mod replies;
mod self_test;

use std::collections::HashMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName};
use jiff::Timestamp;

use super::content;
use super::world::{Guest, Trouble, World};
use positions::Positions;
pub use self_test::self_test;

/// On a busy machine, the end of a connection is noticed a little later.
const NOTICED: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Html,
    Json,
    Text,
}

/// What tells a client apart, besides its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    None,
    /// The cookie of an invitation.
    Cookie(Guest),
    /// The link of an invitation.
    Link(Guest),
    /// The cookie of a share, of which this is the first letter.
    Ticket(u8),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub who: Ipv4Addr,
    pub token: Token,
    pub is_secure: bool,
    pub over: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub media: Media,
    /// Accept-Encoding
    pub codings: &'static str,
    /// What a refusal contains.
    pub refused_with: u16,
}

impl Asked {
    /// The cookie that is sent.
    pub fn cookie(&self) -> Option<String> {
        match self.token {
            Token::Cookie(guest) => Some(self.invitation(guest)),
            Token::Ticket(first) => {
                Some(format!("maintenance-ticket={}{}", char::from(first), "A".repeat(21)))
            }
            Token::None | Token::Link(_) => None,
        }
    }

    /// The cookie with a guest's invitation.
    fn invitation(&self, guest: Guest) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        format!("{prefix}maintenance-invite={}", content::secret(guest))
    }

    /// Whether the module answers it while the site is closed.
    fn is_health_check(&self) -> bool {
        self.path == content::HEALTH && self.is_safe()
    }

    fn is_safe(&self) -> bool {
        self.method != "POST"
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The times of the request and the answer, by the monotonic clock and by the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub sent: (Instant, Timestamp),
    pub received: (Instant, Timestamp),
}

/// A request without a whole answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When its connection was opened.
    pub born: Instant,
    /// Whether the connection had requests before.
    pub is_reused: bool,
    pub is_http2: bool,
    /// Whether the answer had begun.
    pub is_cut: bool,
    pub error: String,
}

/// The outcome of a request, if it is correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The site, while it was open.
    Open,
    /// The site, while it was closed.
    Allowed,
    Refused,
    /// The module's answer to a health check.
    Healthy,
    /// The module's answer to the link of an invitation.
    Linked,
    /// httpd's own error, from a child without file descriptors.
    NoFiles,
    /// The connection ended together with its child.
    Lost,
}

/// Judges the answers of one server.
pub struct Oracle {
    pub world: Arc<World>,
    decoded: Mutex<HashMap<(Vec<u8>, Bytes), Bytes>>,
    positions: Positions,
}

impl Oracle {
    pub fn new(world: Arc<World>) -> Self {
        Self { world, decoded: Mutex::default(), positions: Positions::default() }
    }

    /// # Errors
    /// What is wrong with the answer.
    pub fn judge(&self, asked: &Asked, answer: &Answer, times: Times) -> Result<Outcome, String> {
        let (sent, received) = (times.sent.0, times.received.0);
        let header = |name| one(&answer.headers, name);
        let length = header(&CONTENT_LENGTH)?.map(str::parse::<usize>);
        match length {
            Some(Ok(length)) if asked.method == "HEAD" || length == answer.body.len() => {}
            None => {}
            _ => return Err(format!("{} bytes with a length of {length:?}", answer.body.len())),
        }
        if asked.method == "HEAD" && !answer.body.is_empty() {
            return Err("an answer to HEAD with a body".into());
        }
        let is_ours = header(&CACHE_CONTROL)? == Some("no-store");
        let outcome = match answer.status {
            303 => self.judge_link(asked, answer, times),
            200 if is_ours => self.judge_health(asked, answer, times),
            200 => self.judge_site(asked, answer, times),
            403 | 500 | 503 if !is_ours && self.world.had(Trouble::NoFiles, sent, received) => {
                let passes = self.may_pass(asked, times).is_some();
                passes
                    .then_some(Outcome::NoFiles)
                    .ok_or("an error for want of file descriptors".into())
            }
            _ => self.judge_refusal(asked, answer, times),
        }?;
        self.learn(asked, outcome, times);
        Ok(outcome)
    }

    /// Whether only one outcome is correct, the site or a refusal.
    pub fn is_certain(&self, asked: &Asked, times: Times) -> bool {
        let passes = self.may_pass(asked, times).is_some();
        !passes || !self.may_be_refused(asked, times)
    }

    fn judge_site(&self, asked: &Asked, answer: &Answer, times: Times) -> Result<Outcome, String> {
        let is_private = match one(&answer.headers, &CACHE_CONTROL)? {
            None => false,
            Some("private, no-store") => true,
            Some(other) => return Err(format!("the site with a wrong Cache-Control: {other}")),
        };
        // A link leads to the site without the secret.
        let is_open = self.may_be_open(times) && !matches!(asked.token, Token::Link(_));
        let outcome = match is_private {
            true if self.may_be_admitted(asked, times) => Outcome::Allowed,
            false if is_open => Outcome::Open,
            false if self.may_read(asked, times) => Outcome::Allowed,
            _ => return Err("the site, for a client that is not to see it".into()),
        };
        for (name, is_there) in [("retry-after", false), ("set-cookie", false), ("etag", true)] {
            if answer.headers.contains_key(name) != is_there {
                return Err(format!("the site with a wrong {name}"));
            }
        }
        if asked.method != "HEAD" && self.decode(asked, answer)? != content::site(asked.path) {
            return Err("other bytes than the site's".into());
        }
        Ok(outcome)
    }

    /// Whether a fault explains a request without an answer.
    ///
    /// # Errors
    /// What is wrong, if no fault explains it.
    pub fn excuse(&self, failure: &Failure, times: Times) -> Result<Outcome, String> {
        let sent = times.sent.0;
        let from = sent.checked_sub(NOTICED).map_or(sent, |from| from.max(failure.born));
        let had = |trouble| self.world.had(trouble, from, times.received.0);
        // A process that ends gracefully finishes the answers that it has begun, and answers on a
        // new connection once; over HTTP/2 not always, with or without the module, in 2.4.71.
        // mod_http2 also needs file descriptors for its streams.
        let is_begun = failure.is_reused || failure.is_http2;
        let is_between = is_begun && !failure.is_cut && had(Trouble::Restarted);
        let has_no_streams = failure.is_http2 && had(Trouble::NoFiles);
        match had(Trouble::Killed) || is_between || has_no_streams {
            true => Ok(Outcome::Lost),
            false => Err(format!("no whole answer: {}", failure.error)),
        }
    }

    /// The bytes that the client sees.
    fn decode(&self, asked: &Asked, answer: &Answer) -> Result<Bytes, String> {
        let Some(coding) = one(&answer.headers, &CONTENT_ENCODING)? else {
            return Ok(answer.body.clone());
        };
        if !asked.codings.split(", ").any(|accepted| accepted == coding) {
            return Err(format!("{coding}, which the client does not accept"));
        }
        let mut known = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (coding.as_bytes().to_vec(), answer.body.clone());
        if let Some(decoded) = known.get(&key) {
            return Ok(decoded.clone());
        }
        let (mut decoded, mut coded) = (Vec::new(), &answer.body[..]);
        let read = match coding {
            "gzip" => flate2::bufread::GzDecoder::new(&mut coded).read_to_end(&mut decoded),
            _ => brotli::Decompressor::new(&mut coded, 4096).read_to_end(&mut decoded),
        };
        read.map_err(|error| format!("{coding} that cannot be decoded: {error}"))?;
        if !coded.is_empty() {
            return Err(format!("{} bytes behind the end of {coding}", coded.len()));
        }
        if known.len() > 500 {
            known.clear();
        }
        let decoded = Bytes::from(decoded);
        known.insert(key, decoded.clone());
        Ok(decoded)
    }
}

/// The value of a field that must not be repeated.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().map_err(|error| error.to_string()));
    match values.next() {
        Some(_) => Err(format!("{name} twice")),
        None => first.transpose(),
    }
}
