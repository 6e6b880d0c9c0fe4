//! A fast client that sends all its requests on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct KeepAlive {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    connections: usize,
}

impl KeepAlive {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, connections: 0 }
    }

    /// The status of a GET. Opens a new connection if the previous answer closed it.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> u16 {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect(),
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let (mut status, mut length, mut closes) = (None, None, false);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).expect("a line");
            let line = line.trim_end();
            match line.split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().ok(),
                Some(("Connection", value)) => closes = value == "close",
                Some(_) => {}
                None if line.is_empty() => break,
                None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
            }
        }
        let length = length.expect("a length");
        let body = std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink());
        assert_eq!(body.ok(), Some(length), "a whole answer");
        self.stream = (!closes).then_some(stream);
        status.expect("a status")
    }

    /// The number of connections opened so far.
    pub fn connections(&self) -> usize {
        self.connections
    }

    fn connect(&mut self) -> BufReader<TcpStream> {
        self.connections += 1;
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        BufReader::new(stream)
    }
}
