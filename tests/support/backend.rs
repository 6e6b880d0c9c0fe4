//! A backend that counts its requests and says what it received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub struct Backend {
    pub address: SocketAddr,
    received: Arc<AtomicUsize>,
    _runtime: Runtime,
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
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                let service = service_fn(move |request| answer(request, Arc::clone(&count)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, received, _runtime: runtime }
    }

    /// How many requests have come so far.
    pub fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }

    /// The directives that pass everything on to this backend.
    pub fn proxy_directives(&self) -> String {
        format!("ProxyPass / http://{0}/\nProxyPassReverse / http://{0}/\n", self.address)
    }

    /// The answer to a GET of `path`: long enough to be cut if anything cuts.
    pub fn page_of(path: &str) -> String {
        let mut page = format!("GET {path}\n");
        while page.len() < 40_000 {
            page.push_str("the backend's answer goes on\n");
        }
        page + "end\n"
    }
}

/// `/slow/MILLISECONDS` waits before it answers; `/echo` says all of the request that came.
async fn answer(
    request: Request<Incoming>,
    count: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    count.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    if let Some(wait) = head.uri.path().strip_prefix("/slow/") {
        tokio::time::sleep(Duration::from_millis(wait.parse().unwrap_or(0))).await;
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
