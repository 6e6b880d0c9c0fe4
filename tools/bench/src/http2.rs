//! HTTP/2: one request after the other on one connection.

use std::net::SocketAddr;

use h2::client::{SendRequest, handshake};
use http::Request;
use hyper::body::Bytes;
use tokio::net::TcpStream;

use crate::client::{Answer, HEADERS, HOST, PATH};

/// Sends this number of requests. If the server closes the connection, it is not opened again.
pub fn ask(
    address: SocketAddr,
    coding: Option<&str>,
    count: usize,
    check: impl Fn(Answer) -> Answer,
) -> Option<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.expect("a runtime").block_on(async {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let (mut sender, connection) = handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let mut last = None;
        for _ in 0..count {
            sender = sender.ready().await.expect("the connection is kept");
            last = Some(check(ask_once(&mut sender, coding).await.expect("an answer")));
        }
        drop(sender);
        connection.await.expect("no panic").expect("a good end");
        last
    })
}

async fn ask_once(
    sender: &mut SendRequest<Bytes>,
    coding: Option<&str>,
) -> Result<Answer, h2::Error> {
    let mut request = Request::get(format!("http://{HOST}{PATH}"));
    for (name, value) in HEADERS.into_iter().chain(coding.map(|coding| ("accept-encoding", coding)))
    {
        request = request.header(name, value);
    }
    let request = request.body(()).expect("a request");
    let (answer, _) = sender.send_request(request, true)?;
    let (head, mut stream) = answer.await?.into_parts();
    let mut body = Vec::with_capacity(8192);
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    Ok(Answer { status: head.status.as_u16(), head: String::new(), body })
}
