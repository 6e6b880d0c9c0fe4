//! A real HAProxy in front of two servers, whose application is stopped while they are closed.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use maintenance_harness::{Client, Httpd, Setup, wait_for};

const PATIENCE: Duration = Duration::from_secs(10);

/// HAProxy, which checks `/healthz` of its servers several times a second.
struct Balancer {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Balancer {
    fn start(servers: &[Httpd]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address")
        };
        let (address, stats) = (port(), folder.path().join("stats"));
        let mut text = format!(
            "global\n  stats socket {}\ndefaults\n  mode http\n  timeout connect 5s\n  \
             timeout client 10s\n  timeout server 10s\nfrontend site\n  bind {address}\n  \
             default_backend servers\nbackend servers\n  option httpchk GET /healthz\n  \
             default-server check inter 100ms fall 2 rise 1\n",
            stats.display()
        );
        for (number, server) in servers.iter().enumerate() {
            text.push_str(&format!("  server s{number} {}\n", server.address()));
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).expect("written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("HAProxy (apt-get install haproxy)");
        let balancer = Self { process, address, folder };
        wait_for("HAProxy has checked its servers", PATIENCE, || balancer.states().len() == 2);
        balancer
    }

    fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address))
    }

    /// `UP` or `DOWN` for each server that has been checked.
    fn states(&self) -> Vec<String> {
        use std::io::{Read, Write};
        let Ok(mut socket) =
            std::os::unix::net::UnixStream::connect(self.folder.path().join("stats"))
        else {
            return vec![];
        };
        let mut text = String::new();
        if socket.write_all(b"show stat\n").is_err() || socket.read_to_string(&mut text).is_err() {
            return vec![];
        }
        let servers = text.lines().filter(|line| line.starts_with("servers,s"));
        let columns = servers.map(|line| line.split(',').collect::<Vec<_>>());
        // The results of the checks are L7OK and the like once there was one, and begin with an asterisk
        // while the next one is on its way.
        columns
            .filter(|columns| columns[36].trim_start_matches("* ").starts_with('L'))
            .map(|columns| columns[17].split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two servers in front of one application, which answers the checks. They keep no connection to it:
/// httpd 2.4.12 waits longer than a shutdown may take until the other side closes it as well.
fn servers(application: SocketAddr, directives: &str) -> Vec<Httpd> {
    let server = |_| {
        let mut httpd = Setup::new(directives)
            .modules(&["proxy", "proxy_http"])
            .directives(&format!("ProxyPass / http://{application}/ retry=0 disablereuse=on"))
            .start();
        httpd.allow_log("AH00957|AH01114"); // the application is stopped
        httpd
    };
    (0..2).map(server).collect()
}

fn round(directives: &str) -> (Vec<String>, u16, String) {
    let application = Setup::new("").start();
    fs::write(application.path("htdocs/healthz"), "well\n").expect("written");
    let servers = servers(application.address(), directives);
    let balancer = Balancer::start(&servers);
    let client = balancer.client();
    wait_for("both are in service", PATIENCE, || balancer.states() == ["UP", "UP"]);
    assert_eq!(client.get("/").body, "hello from httpd\n");
    servers.iter().for_each(Httpd::close);
    drop(application);
    // More than enough for two checks to fail.
    std::thread::sleep(Duration::from_secs(2));
    let answer = client.get("/");
    (balancer.states(), answer.status, answer.body)
}

#[test]
fn a_health_check_keeps_the_servers_in_service() {
    let (states, status, body) = round("MaintenanceHealthCheck /healthz");
    assert_eq!(states, ["UP", "UP"]);
    assert_eq!((status, body.as_str()), (500, maintenance_harness::PAGE));
}

#[test]
fn without_it_people_see_an_error_of_the_balancer() {
    let (states, status, body) = round("");
    assert_eq!(states, ["DOWN", "DOWN"]);
    assert_eq!(status, 503);
    assert!(body.contains("No server is available"), "{body}");
}
