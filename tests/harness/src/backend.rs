//! A backend that counts its requests, reports what it received, and can hold answers back.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::wait_for;

pub struct Backend {
    pub address: SocketAddr,
    state: Arc<State>,
    _runtime: Runtime,
}

#[derive(Default)]
struct State {
    received: AtomicUsize,
    /// The names of the requests that are waiting to be released.
    held: Mutex<BTreeSet<String>>,
    /// The names of the requests that need not wait any more.
    released: watch::Sender<BTreeSet<String>>,
}

impl Backend {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(request, Arc::clone(&state)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// The number of requests received so far.
    pub fn received(&self) -> usize {
        self.state.received.load(Ordering::SeqCst)
    }

    /// The number of held requests.
    pub fn held(&self) -> usize {
        self.state.held.lock().expect("the names").len()
    }

    /// Waits until this number of requests is held.
    #[track_caller]
    pub fn wait_until_held(&self, count: usize) {
        wait_for("the held requests", Duration::from_secs(15), || self.held() == count);
    }

    /// Releases the request with this name.
    pub fn release(&self, name: &str) {
        self.state.released.send_modify(|released| {
            released.insert(name.to_owned());
        });
    }

    /// The directives that forward everything to this backend.
    pub fn proxy_directives(&self) -> String {
        format!("ProxyPass / http://{0}/\nProxyPassReverse / http://{0}/\n", self.address)
    }

    /// The answer to a GET of `path`. It is long enough to detect truncation.
    pub fn page_of(path: &str) -> String {
        let mut page = format!("GET {path}\n");
        while page.len() < 40_000 {
            page.push_str("the backend's answer goes on\n");
        }
        page + "end\n"
    }
}

impl State {
    async fn hold(&self, name: &str) {
        let mut released = self.released.subscribe();
        self.held.lock().expect("the names").insert(name.to_owned());
        let _held = Held { state: self, name };
        let _ = released.wait_for(|released| released.contains(name)).await;
    }
}

/// A request that is held until it is released or its connection is closed.
struct Held<'s> {
    state: &'s State,
    name: &'s str,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.state.held.lock().expect("the names").remove(self.name);
    }
}

/// `/slow/MILLISECONDS` waits before it answers. `/hold/NAME`, in any folder, waits until it is
/// released, and with `?fail` is never answered. `/echo` returns everything that was received.
async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> io::Result<Response<Full<Bytes>>> {
    state.received.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    if let Some(wait) = head.uri.path().strip_prefix("/slow/") {
        tokio::time::sleep(Duration::from_millis(wait.parse().unwrap_or(0))).await;
    }
    if let Some((_, name)) = head.uri.path().rsplit_once("/hold/") {
        state.hold(name).await;
        if head.uri.query() == Some("fail") {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if head.uri.path().starts_with("/echo") {
        return Ok(Response::new(Full::from(format!("{head:#?}\n{body:?}\n"))));
    }
    let mut page = Backend::page_of(&head.uri.to_string());
    if head.method != "GET" {
        page = format!("{} {}\n", head.method, head.uri);
    }
    let mut response = Response::new(Full::from(page));
    for name in ["maintenance", "x-forwarded-for"] {
        if let Some(value) = head.headers.get(name) {
            response.headers_mut().insert(
                hyper::header::HeaderName::from_static(if name == "maintenance" {
                    "x-maintenance"
                } else {
                    "x-received-for"
                }),
                value.clone(),
            );
        }
    }
    Ok(response)
}
