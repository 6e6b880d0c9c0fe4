//! HTTP/1.1.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

use super::stream::{Stream, connect};
use super::{Common, Way, address, ask, now, read, settle};

struct Link {
    born: Instant,
    is_reused: bool,
    sender: SendRequest<Full<Bytes>>,
    /// The bytes that remain when the connection ends.
    end: JoinHandle<hyper::Result<Parts<TokioIo<Stream>>>>,
}

impl Link {
    async fn new(way: &Way, from: Ipv4Addr, born: Instant) -> Result<Self, String> {
        let stream = connect(way, from).await.map_err(|error| format!("{error:?}"))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("{error:?}"))?;
        let end = tokio::spawn(connection.without_shutdown());
        Ok(Self { born, is_reused: false, sender, end })
    }

    /// The server has announced that it closes the connection: does it send anything after the
    /// answer?
    async fn ends_clean(self) -> bool {
        drop(self.sender);
        let end = tokio::time::timeout(Duration::from_secs(10), async {
            let Ok(Ok(parts)) = self.end.await else { return true };
            let mut rest = parts.read_buf.to_vec();
            let _ = parts.io.into_inner().read_to_end(&mut rest).await;
            rest.is_empty()
        });
        end.await.unwrap_or(true)
    }
}

pub(super) async fn client(way: Way, common: Arc<Common>, mut random: Rng) {
    let mut who = address(&mut random);
    let mut kept: Option<Link> = None;
    while !common.is_over() {
        if kept.is_none() {
            who = address(&mut random);
        }
        let (asked, request) = ask(&way, who, &mut random);
        let link = match kept.take() {
            Some(link) => Ok(link),
            None => {
                let born = Instant::now();
                Link::new(&way, who, born).await.map_err(|error| (born, error))
            }
        };
        let mut link = match link {
            Ok(link) => link,
            Err((born, error)) => {
                settle(&common, &asked, (born, now().1), born, false, Err((false, error)));
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // The server may have closed the connection since.
        if link.is_reused && link.sender.ready().await.is_err() {
            continue;
        }
        let sent = now();
        let answer = read(link.sender.send_request(request)).await;
        let closes = answer.as_ref().is_ok_and(|answer| {
            answer.headers.get("connection").is_some_and(|value| value == "close")
        });
        let goes_on = settle(&common, &asked, sent, link.born, link.is_reused, answer);
        match goes_on {
            true if closes => {
                if !link.ends_clean().await {
                    common.figures.violation("bytes behind the end", || format!("  {asked:?}"));
                }
            }
            // Otherwise admitted clients would keep their connections forever, and be the only
            // ones.
            true if random.u8(..40) > 0 => {
                link.is_reused = true;
                kept = Some(link);
            }
            true | false => {}
        }
        if !way.pause.is_zero() {
            tokio::time::sleep(way.pause).await;
        }
    }
}
