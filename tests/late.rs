//! Requests whose header is completed late. The time of completion counts, and not the time of the
//! first line.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use maintenance_harness::{Httpd, Mpm, Setup, replace_file};

/// A request whose first line the server has received.
struct Begun(TcpStream);

impl Begun {
    fn at(httpd: &Httpd) -> Self {
        let mut stream = TcpStream::connect(httpd.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x.test\r\n").expect("sent");
        Self(stream)
    }

    /// Sends the rest. Returns the status and the header of the answer.
    fn complete(mut self) -> (u16, String) {
        self.0.write_all(b"Connection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("an answer and an end");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), answer)
    }
}

fn wait_until(moment: Timestamp) {
    while Timestamp::now() <= moment {
        thread::sleep(Duration::from_millis(10));
    }
}

fn retry_after(answer: &str) -> u32 {
    let line = answer.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    line.and_then(|value| value.parse().ok()).expect("Retry-After")
}

/// If the start or the end of a closing has passed before the header is complete, it applies.
#[test]
fn the_moment_of_the_decision_counts() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        for lines in ["", "MaintenanceCheckInterval 1h"] {
            let lines = format!("{lines}\nMaintenanceRetryAfter 300");
            // By default a header may take 20 to 40 seconds.
            let setup = Setup::new(&lines).mpm(mpm).modules(&["reqtimeout"]);
            let setup = match mpm {
                Mpm::Prefork => setup.directives("StartServers 8\nMinSpareServers 8"),
                _ => setup,
            };
            let opening = Timestamp::now() + 3.seconds();
            let (start, end) = (opening + 2.seconds(), opening + 4.seconds());
            setup.write("maintenance.flag", format!("start = {start}\nend = {end}"));
            let mut httpd = setup.start();
            httpd.allow_log("overdue: the flag");
            let case = format!("{mpm:?}, {lines}");
            let [early, late] = [(); 2].map(|()| Begun::at(&httpd));
            thread::sleep(Duration::from_millis(200)); // httpd has read the lines
            assert!(Timestamp::now() < start, "this machine is too slow");
            assert_eq!(httpd.client().get("/").status, 200, "{case}: announced");
            wait_until(start);
            let (status, answer) = early.complete();
            assert_eq!(status, 500, "{case}: closed meanwhile");
            assert!((1..=2).contains(&retry_after(&answer)), "{case}: until the end: {answer}");
            wait_until(end);
            let (status, answer) = late.complete();
            assert_eq!((status, retry_after(&answer)), (500, 300), "{case}: overdue: {answer}");
            if lines.contains("1h") {
                continue; // nobody looks at another flag
            }
            let reopened = Begun::at(&httpd);
            let end = Timestamp::now() + 1.second();
            replace_file(&httpd.flag(), format!("end = {end}\nreopen = 'auto'"));
            thread::sleep(Duration::from_millis(200));
            assert_eq!(httpd.client().get("/").status, 500, "{case}: closed again");
            wait_until(end);
            assert_eq!(reopened.complete().0, 200, "{case}: open again");
        }
    }
}
