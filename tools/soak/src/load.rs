//! The clients: each sends one request after the other, as fast as they are answered.

mod http1;
mod http2;
mod stream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::runtime::Runtime;

use super::content::{self, HEALTH};
use super::figures::Figures;
use super::oracle::{Answer, Asked, Failure, Media, Oracle, Times, Token};
use super::world::{ADMITTED, Guest, INVITED, LISTED};

/// Longer than httpd's own timeout.
const PATIENCE: Duration = Duration::from_secs(30);

/// One way to reach the server.
#[derive(Clone)]
pub struct Way {
    pub name: &'static str,
    pub address: SocketAddr,
    /// With TLS 1.3.
    pub tls: Option<Arc<ClientConfig>>,
    pub kind: Kind,
    pub refused_with: u16,
    /// The number of clients that use this way.
    pub clients: usize,
    /// The pause between two requests.
    pub pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP/1.1 with a new connection for each request.
    New,
    /// HTTP/1.1 with as many requests per connection as the server allows.
    KeepAlive,
    /// HTTP/2 with this number of concurrent requests.
    Http2(usize),
}

/// What all clients share.
pub struct Common {
    pub oracle: Arc<Oracle>,
    pub figures: Arc<Figures>,
    pub over: Arc<AtomicBool>,
}

impl Common {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Runs the clients of these ways until the end. One thread drives them all.
pub fn start(ways: &[Way], common: &Arc<Common>, seed: u64) -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let mut seeds = Rng::with_seed(seed);
    for way in ways {
        for _ in 0..way.clients {
            let (way, common) = (way.clone(), Arc::clone(common));
            let random = seeds.fork();
            match way.kind {
                Kind::Http2(streams) => {
                    runtime.spawn(http2::client(way, common, random, streams));
                }
                Kind::New | Kind::KeepAlive => {
                    runtime.spawn(http1::client(way, common, random));
                }
            }
        }
    }
    runtime
}

/// Chooses the next request.
fn ask(way: &Way, who: Ipv4Addr, random: &mut Rng) -> (Asked, Request<Full<Bytes>>) {
    let method = ["GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST"][random.usize(..8)];
    let media =
        [Media::Html, Media::Html, Media::Html, Media::Json, Media::Text][random.usize(..5)];
    // Large answers cost most.
    let path = content::PATHS[[0, 0, 0, 0, 0, 1, 2, 3][random.usize(..8)]];
    let codings = ["", "gzip", "br", "gzip, br"][random.usize(..4)];
    let is_crawler = way.refused_with == 500 && random.u8(..8) == 0;
    let guest = [Guest::Anna, Guest::Vendor, Guest::Stranger][random.usize(..3)];
    let token = match random.u8(..16) {
        0..=2 => Token::Cookie(guest),
        3 if method == "GET" && path != HEALTH => Token::Link(guest),
        4 | 5 => Token::Ticket(random.u8(b'A'..=b'Z')),
        _ => Token::None,
    };
    let asked = Asked {
        who,
        token,
        is_secure: way.tls.is_some(),
        over: way.name,
        method,
        path,
        media,
        codings,
        refused_with: if is_crawler { 503 } else { way.refused_with },
    };
    let accept = match media {
        Media::Html => "text/html,application/xhtml+xml,*/*;q=0.8",
        Media::Json => "application/json",
        Media::Text => "text/plain",
    };
    let scheme = if way.tls.is_some() { "https" } else { "http" };
    let authority = format!("maintenance.test:{}", way.address.port());
    let request = Request::builder().method(method).header("accept", accept);
    let request = request.header("user-agent", if is_crawler { "soak crawler" } else { "soak" });
    let request = match codings {
        "" => request,
        codings => request.header("accept-encoding", codings),
    };
    let request = match asked.cookie() {
        Some(cookie) => request.header("cookie", format!("soak=1; {cookie}")),
        None => request,
    };
    let target = match token {
        Token::Link(guest) => format!("{path}?maintenance-invite={}", content::secret(guest)),
        _ => path.to_owned(),
    };
    let request = match way.kind {
        Kind::Http2(_) => request.uri(format!("{scheme}://{authority}{target}")),
        Kind::New => request.uri(target).header("host", authority).header("connection", "close"),
        Kind::KeepAlive => request.uri(target).header("host", authority),
    };
    let body = if method == "POST" { vec![b'x'; random.usize(1..6000)] } else { vec![] };
    (asked, request.body(Full::from(body)).expect("a request"))
}

/// Each client has an address; most of them are not on the allowlist.
fn address(random: &mut Rng) -> Ipv4Addr {
    match random.u8(..8) {
        0 => ADMITTED,
        1 => LISTED,
        2 => INVITED,
        _ => Ipv4Addr::new(127, 0, 0, random.u8(5..250)),
    }
}

/// The complete answer, or the part that arrived.
async fn read(
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<Answer, (bool, String)> {
    let whole = async {
        let response = response.await.map_err(|error| (false, format!("{error:?}")))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| (true, format!("{error:?}")))?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    };
    let late = |_| Err((true, format!("nothing within {PATIENCE:?}")));
    tokio::time::timeout(PATIENCE, whole).await.unwrap_or_else(late)
}

fn now() -> (Instant, Timestamp) {
    (Instant::now(), Timestamp::now())
}

/// Has the answer judged, and counts it. Returns whether the connection can be used again.
fn settle(
    common: &Common,
    asked: &Asked,
    sent: (Instant, Timestamp),
    born: Instant,
    is_reused: bool,
    answer: Result<Answer, (bool, String)>,
) -> bool {
    let times = Times { sent, received: now() };
    let how = match &answer {
        Err((true, _)) => ", cut",
        Err((false, _)) if is_reused => ", on a used connection",
        _ => "",
    };
    let (judged, shown) = match &answer {
        Ok(answer) => (common.oracle.judge(asked, answer, times), Some(answer)),
        Err(_) if common.is_over() => return false,
        Err((is_cut, error)) => {
            let is_http2 = asked.over.contains("http/2");
            let error = error.clone();
            let failure = Failure { born, is_reused, is_http2, is_cut: *is_cut, error };
            (common.oracle.excuse(&failure, times), None)
        }
    };
    match judged {
        Ok(outcome) => {
            let is_certain = common.oracle.is_certain(asked, times);
            common.figures.answered(asked.over, outcome, is_certain);
        }
        Err(problem) => {
            let world = &common.oracle.world;
            common.figures.violation(&problem, || {
                let took = (times.received.0 - times.sent.0).as_secs_f64();
                let answer = shown.map_or_else(String::new, |answer| {
                    let body = &answer.body[..answer.body.len().min(300)];
                    let body = String::from_utf8_lossy(body);
                    format!("  {} {:?}\n  {body:?}\n", answer.status, answer.headers)
                });
                let around = world.tell(times.sent.0, times.received.0);
                format!(
                    "  {asked:?}, {took:.4} s, connection of {:.4} s{how}\n{answer}{around}",
                    (times.received.0 - born).as_secs_f64()
                )
            });
        }
    }
    answer.is_ok()
}
