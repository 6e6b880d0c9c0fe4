//! The status pages of all servers. Each one has an address of its own, and answers as a real server has
//! answered: with its report while it was open or closed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maintenance_harness::Setup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What stands for the path of the flag in the reports.
const FLAG: &str = "/flag-of-the-server";

/// The status pages. They answer until this is dropped.
pub struct Pages {
    _runtime: Runtime,
    asked: Arc<AtomicU64>,
}

/// The reports of a real server.
struct Reports {
    open: String,
    closed: String,
}

impl Pages {
    /// Answers for the servers with these flags.
    pub fn serve(flags: Vec<PathBuf>) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let (reports, asked) = (Arc::new(Reports::of_httpd()), Arc::new(AtomicU64::new(0)));
        for (number, flag) in flags.into_iter().enumerate() {
            let (reports, asked) = (Arc::clone(&reports), Arc::clone(&asked));
            let flag: Arc<Path> = flag.into();
            let listener = runtime.block_on(TcpListener::bind(address(number)));
            let listener = listener.expect("an address");
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let (reports, flag) = (Arc::clone(&reports), Arc::clone(&flag));
                    tokio::spawn(async move { answer(stream, &reports, &flag).await });
                }
            });
        }
        Self { _runtime: runtime, asked }
    }

    /// How many times a page was asked for.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The address of a server. One address for all would run out of ports.
pub fn address(number: usize) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(number + 1).expect("a number").to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 126, high, low), 8088))
}

async fn answer(mut stream: TcpStream, reports: &Reports, flag: &Path) {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let report = if flag.exists() { &reports.closed } else { &reports.open };
    let report = report.replace(FLAG, &flag.display().to_string());
    let length = report.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let text = format!("{head}Content-Length: {length}\r\n\r\n{report}");
    let _ = stream.write_all(text.as_bytes()).await; // the follower can have ended
}

impl Reports {
    fn of_httpd() -> Self {
        let status = "<Location /status>\nSetHandler maintenance-status\n</Location>";
        let httpd = Setup::new(status).start();
        let path = httpd.flag().display().to_string();
        let ask = || {
            let answer = httpd.client().get("/status?format=json");
            assert_eq!(answer.status, 200, "a report");
            assert!(answer.body.contains(&path), "the flag in {}", answer.body);
            answer.body.replace(&path, FLAG)
        };
        let open = ask();
        httpd.close();
        Self { open, closed: ask() }
    }
}
