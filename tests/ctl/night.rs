//! The night of docs/night.md, played with the real command on three real servers, each with its own
//! flag and lists, as on three machines.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use maintenance_harness::{Httpd, Maintenancectl, Said, Setup, set_mode, wait_for};
use regex::Regex;

use crate::drain::lasting::{SOCKET, Slow, open};
use crate::status::STATUS;

/// The backend is dropped first, so that no request waits for it when a server stops.
struct Night {
    backend: Slow,
    servers: Vec<Httpd>,
    /// The command on the machine of each server.
    commands: Vec<Maintenancectl>,
}

impl Night {
    fn start() -> Self {
        let backend = Slow::start();
        let server = |_| {
            let setup = Setup::new(STATUS).modules(&["proxy", "proxy_http", "proxy_wstunnel"]);
            for list in ["allow.txt", "guests.txt"] {
                set_mode(&setup.write(list, "# nobody yet\n"), 0o644);
            }
            setup
                .directives("MaintenanceAllow file=allow.txt invite=guests.txt\nExtendedStatus On")
                .directives(&format!(
                    "ProxyPass /socket ws://{0}/socket\nProxyPass /text http://{0}/text",
                    backend.address
                ))
                .start()
        };
        let servers: Vec<_> = (0..3).map(server).collect();
        let all: String = servers
            .iter()
            .zip(1..)
            .map(|(httpd, number)| {
                format!("[[server]]\nname = \"web{number}\"\nstatus = \"{}/status\"\n", httpd.url())
            })
            .collect();
        let command = |httpd: &Httpd| {
            let files = [httpd.flag(), httpd.path("allow.txt"), httpd.path("guests.txt")];
            let [flag, allow, guests] = files.map(|file| file.display().to_string());
            let url = httpd.url();
            Maintenancectl::with(&format!(
                "flag = \"{flag}\"\nallow = \"{allow}\"\ninvitations = \"{guests}\"\nurl = \"{url}/\"\n{all}"
            ))
        };
        let commands = servers.iter().map(command).collect();
        Self { backend, servers, commands }
    }

    /// Runs the command on the machine of a server. What it writes has to match `out` as a whole,
    /// with `FLAG` for the path of the flag, `TIME` for a time, and `...` for anything in a line.
    #[track_caller]
    fn on(&self, server: usize, words: &str, code: i32, out: &str) -> Said {
        let said = self.commands[server].run(words);
        assert_eq!(said.code, Some(code), "{words}: {said:?}");
        let pattern = regex::escape(out)
            .replace("FLAG", &regex::escape(&self.servers[server].flag().display().to_string()))
            .replace(
                "TIME",
                r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d\d:\d\d(:\d\d)? UTC, (now|in .*|.* ago)",
            )
            .replace(r"\.\.\.", ".*");
        let pattern = Regex::new(&format!("^{pattern}$")).expect("a pattern");
        assert!(pattern.is_match(&said.out), "{words}: {said:?}\n{pattern}");
        said
    }

    #[track_caller]
    fn everywhere(&self, words: &str, code: i32, out: &str) {
        (0..self.servers.len()).for_each(|server| drop(self.on(server, words, code, out)));
    }

    fn ask(&self, address: &str) -> Vec<u16> {
        let ask = |httpd: &Httpd| httpd.client_from(address).get("/").status;
        self.servers.iter().map(ask).collect()
    }
}

const STAYS: &str = "; then it stays closed until \"maintenancectl open\"\n";

#[test]
fn on_three_servers() {
    let night = Night::start();
    let start = |server: usize, words: &str| night.commands[server].start(words);
    night.on(0, "is-open", 0, "open on all 3 servers\n");

    // The day before.
    let announced = format!(
        "announced: FLAG, by ...\n  start: TIME\n  end: TIME{STAYS}  to withdraw it: maintenancectl open\n"
    );
    night.everywhere("announce --start +1h --end +2h -m en=Soon -m de=Bald", 0, &announced);
    night.on(0, "is-open", 0, "announced on all 3 servers\n");
    assert_eq!(night.ask("127.0.0.3"), [200; 3]);
    let said = night.commands[0].run("explain --client 127.0.0.3");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("while closed: is refused with 500"), "{said:?}");

    // The closing, with a slow request on the second server and a WebSocket on the third.
    let slow = open(&night.servers[1], "/text", "", "some text");
    let socket = open(&night.servers[2], "/socket", SOCKET, "101 Switching");
    let closed = format!("closed: FLAG, by ...\n  end: TIME{STAYS}");
    night.on(0, "close", 0, &closed);
    night.on(1, "close", 0, &closed);
    night.on(0, "is-closed", 2, "closed on web1, web2; announced on web3\n");
    let close = start(2, "close --wait --ignore-upgraded");
    wait_for("all are closed", Duration::from_secs(10), || night.ask("127.0.0.3") == [500; 3]);
    let said = night.commands[0].run("wait --ignore-upgraded --timeout 1s");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("on web2"), "{said:?}");
    night.backend.end(|target| target == "/text");
    let said: Said = close.wait_with_output().expect("it ends").into();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out.ends_with("nothing from before the closing runs any more.\n")
            || said.out.contains("WebSocket"),
        "{said:?}"
    );
    let said = night.commands[0].run("wait --timeout 1s");
    assert_eq!(said.code, Some(1), "a WebSocket is still there: {said:?}");
    assert!(said.err.contains("web3"), "{said:?}");
    night.backend.end(|_| true);
    drop((slow, socket));
    let done = "All 3 servers are closed, and nothing from before the closing runs any more.\n";
    night.on(0, "wait --timeout 20s", 0, done);

    // The work: the vendor by his address, Anna by a link.
    night.everywhere("allow 127.0.0.3 --for 2h", 0, "allowed: 127.0.0.3 until TIME, by ...\n");
    wait_for("he is let in", Duration::from_secs(5), || night.ask("127.0.0.3") == [200; 3]);
    let said = night.commands[1].run("invite add anna --for 2h");
    assert_eq!(said.code, Some(0), "{said:?}");
    let link = said.out.split_whitespace().find(|word| word.contains("maintenance-invite="));
    let target = link.expect("a link").strip_prefix(&night.servers[1].url()).expect("the site");
    let client = night.servers[1].client();
    let mut followed = client.get(target);
    wait_for("the link is known", Duration::from_secs(5), || {
        followed = client.get(target);
        followed.status == 303
    });
    let cookie = followed.header("set-cookie").expect("a cookie").split(';').next();
    let cookie = cookie.expect("a pair");
    // Each child rereads the file within a second.
    wait_for("she is let in", Duration::from_secs(5), || {
        client.send(client.request("GET", "/").header("Cookie", cookie)).status == 200
    });
    let extended =
        format!("extended: FLAG, by ...\n  end: TIME{STAYS}  that is ... later than before\n");
    night.everywhere("extend --end +4h", 0, &extended);
    let said = night.commands[2].run("status");
    assert!(said.code == Some(0) && said.out.starts_with("Closed on all 3 servers\n"), "{said:?}");

    // A tenth of the users first, then all.
    night.everywhere(
        "open --percent 10",
        0,
        &format!("reopening: FLAG, by ...\n  end: TIME{STAYS}  10 per cent of the clients pass\n"),
    );
    night.on(0, "is-open", 1, "reopening on all 3 servers\n");
    night.everywhere("open", 0, "open: removed FLAG, written by ..., TIME\n");
    night.on(0, "is-open", 0, "open on all 3 servers\n");
    assert_eq!(night.ask("127.0.0.4"), [200; 3]);
    night.everywhere("open", 0, "already open: there is no FLAG\n");
}

/// Clients see the whole page or the whole site at each moment, and the flag is never half written.
#[test]
fn closed_and_opened_under_load() {
    const ROUNDS: usize = 60;
    const CLIENTS: usize = 8;
    let httpd = Setup::new("").start();
    let command = Maintenancectl::with(&format!("flag = \"{}\"\n", httpd.flag().display()));
    let site = httpd.client().get("/").body;
    let is_over = AtomicBool::new(false);
    let over = || is_over.load(Ordering::Relaxed);
    let (answers, refused) = thread::scope(|scope| {
        let client = || {
            let (client, mut answers, mut refused) = (httpd.client(), 0, 0);
            while !over() {
                let answer = client.get("/");
                match answer.status {
                    200 => assert_eq!(answer.body, site),
                    _ => {
                        answer.assert_refused();
                        assert!(answer.body.contains("</html>"), "{answer:?}");
                        refused += 1;
                    }
                }
                answers += 1;
            }
            (answers, refused)
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let flag = scope.spawn(|| {
            while !over() {
                if let Ok(content) = fs::read_to_string(httpd.flag()) {
                    assert!(content.starts_with("by = ") && content.ends_with('\n'), "{content:?}");
                }
            }
        });
        let end = AtTheEnd(&is_over);
        for _ in 0..rounds(ROUNDS) {
            assert_eq!(command.run("close").code, Some(0));
            httpd.client().get("/").assert_refused();
            assert_eq!(command.run("open").code, Some(0));
            assert_eq!(httpd.client().get("/").status, 200);
        }
        drop(end);
        flag.join().expect("no half a flag");
        let counts = clients.into_iter().map(|client| client.join().expect("whole answers"));
        counts.fold((0, 0), |(all, some), (answers, refused)| (all + answers, some + refused))
    });
    println!("{answers} answers, {refused} of them refusals");
    assert!(refused > 0 && refused < answers);
}

/// Ends the other threads, also after a failed assertion.
struct AtTheEnd<'a>(&'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As many as ROUNDS says, if it is set.
fn rounds(usual: usize) -> usize {
    std::env::var("ROUNDS").map_or(usual, |rounds| rounds.parse().expect("a number"))
}
