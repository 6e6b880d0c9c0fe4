//! Proxied servers for protocols that the shared backend does not speak.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts its connections, and sends each the same bytes after its first data.
pub struct Peer {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Peer {
    pub fn answering(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&accepted), Arc::new(answer));
        // Runs until the tests end, because nothing stops it.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                thread::spawn(move || speak(stream, &answer));
            }
        });
        Self { address, accepted }
    }

    /// How many connections have come so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Continues reading after the answer. Closing a connection with unread data would reset it, and
/// the answer might be lost.
fn speak(mut stream: TcpStream, answer: &[u8]) {
    let mut received = [0; 4096];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read(&mut received);
    let _ = stream.write_all(answer);
    let _ = stream.shutdown(Shutdown::Write);
    while stream.read(&mut received).is_ok_and(|size| size > 0) {}
}

/// `text` as sent by an AJP 1.3 container: headers, one chunk of the body, the end.
pub fn ajp(text: &str) -> Vec<u8> {
    let string = |text: &str| [&length(text.len()), text.as_bytes(), &[0]].concat();
    let headers = [&[4][..], &length(200), &string("OK"), &length(0)].concat();
    let chunk = [&[3][..], &string(text)].concat();
    let end = vec![5, 0]; // and the connection is not used again
    let packet = |content: &Vec<u8>| [b"AB", &length(content.len())[..], content].concat();
    [headers, chunk, end].iter().flat_map(packet).collect()
}

/// `text` as sent by a FastCGI application: output, its end, the request's end.
pub fn fcgi(text: &str) -> Vec<u8> {
    let output = format!("Content-Type: text/plain\r\n\r\n{text}");
    let record = |kind: u8, content: &[u8]| {
        [&[1, kind, 0, 1], &length(content.len())[..], &[0, 0], content].concat()
    };
    [record(6, output.as_bytes()), record(6, b""), record(3, &[0; 8])].concat()
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a short text").to_be_bytes()
}
