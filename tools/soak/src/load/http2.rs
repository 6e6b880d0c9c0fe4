//! HTTP/2: many concurrent requests on one connection.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::stream::connect;
use super::{Common, Way, address, ask, now, read, settle};

/// The maximum number of rounds per connection.
const ROUNDS: usize = 400;

pub(super) async fn client(way: Way, common: Arc<Common>, mut random: Rng, streams: usize) {
    while !common.is_over() {
        let who = address(&mut random);
        let born = Instant::now();
        let sender = match handshake(&way, who).await {
            Ok(sender) => sender,
            Err(error) => {
                let (asked, _) = ask(&way, who, &mut random);
                settle(&common, &asked, (born, now().1), born, false, Err((false, error)));
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let is_well = Arc::new(AtomicBool::new(true));
        let rounds = 1 + random.usize(..ROUNDS);
        let tasks: Vec<_> = (0..streams)
            .map(|_| {
                let (way, common, mut random) = (way.clone(), Arc::clone(&common), random.fork());
                let (mut sender, is_well) = (sender.clone(), Arc::clone(&is_well));
                tokio::spawn(async move {
                    for round in 0..rounds {
                        if common.is_over()
                            || !is_well.load(Ordering::Relaxed)
                            || sender.ready().await.is_err()
                        {
                            break;
                        }
                        let (asked, request) = ask(&way, who, &mut random);
                        let sent = now();
                        let answer = read(sender.send_request(request)).await;
                        if !settle(&common, &asked, sent, born, round > 0, answer) {
                            is_well.store(false, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        for task in tasks {
            task.await.expect("no panic");
        }
    }
}

async fn handshake(way: &Way, who: Ipv4Addr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = connect(way, who).await.map_err(|error| format!("{error:?}"))?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("{error:?}"))?;
    tokio::spawn(connection);
    Ok(sender)
}
