//! Clients can make the module render and store pages: renderings are shared, and their size is
//! limited.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};

use maintenance_harness::{Httpd, Mpm, Setup, replace_file};

/// The languages of the built-in pages.
const LANGUAGES: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "zh-Hans"];

const ONE_CHILD: &str = "LogLevel maintenance:debug\nStartServers 1\nMinSpareServers 1\n\
    MaxSpareServers 1\nServerLimit 1\nMaxRequestWorkers 1\nMaintenanceStatus 404";

/// A server with one child and this number of virtual hosts, each with its own allowlist.
fn with_hosts(count: usize, directives: &str) -> Setup {
    let mut config = format!("{ONE_CHILD}\n{directives}\n");
    for number in 0..count {
        let _ = writeln!(
            config,
            "<VirtualHost *>\nServerName h{number}.test\nMaintenanceAllow 10.0.{}.{}\n</VirtualHost>",
            number / 250,
            1 + number % 250
        );
    }
    Setup::new(&config).mpm(Mpm::Prefork)
}

/// Words that compress badly.
fn message(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(14);
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// The private memory of the only child, in bytes.
fn memory(httpd: &Httpd) -> u64 {
    let children = httpd.processes();
    let child = children.iter().find(|pid| **pid != httpd.pid()).expect("a child");
    let status = fs::read_to_string(format!("/proc/{child}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a size");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    1024 * kilobytes
}

/// The bytes of an answer.
fn ask(address: SocketAddr, host: &str, language: &str, coding: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nAccept-Language: {language}\r\n\
         Accept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", answer.escape_ascii());
    answer
}

/// How many bytes the child grows when every host is requested in each language and two codings.
fn growth(httpd: &Httpd, hosts: usize) -> u64 {
    ask(httpd.address(), "h0.test", "en", "br");
    let before = memory(httpd);
    for number in 0..hosts {
        let host = format!("h{number}.test");
        for language in LANGUAGES {
            for coding in ["gzip", "br"] {
                ask(httpd.address(), &host, language, coding);
            }
        }
    }
    memory(httpd).saturating_sub(before)
}

const MIB: u64 = 1024 * 1024;

/// Hosts with the same answer share its bytes.
#[test]
fn shared_by_hosts() {
    const HOSTS: usize = 60;
    let own = "MaintenancePage ours.html.j2";
    for (directives, content) in
        [(own, String::new()), (own, format!("message = '{}'", message(16 * 1024)))]
    {
        let setup = with_hosts(HOSTS, directives);
        setup.write("ours.html.j2", format!("<!--{}-->{{{{ message }}}}", "x".repeat(600)));
        let mut httpd = setup.start();
        httpd.allow_log("AH00161"); // of having one child only
        replace_file(&httpd.flag(), &content);
        let grown = growth(&httpd, HOSTS);
        println!("{directives:?}, {} bytes in the flag: {} KiB", content.len(), grown / 1024);
        assert!(grown < 4 * MIB, "{directives:?}: {grown}");
        let rendered = httpd.count_log("was rendered");
        assert!(rendered <= LANGUAGES.len(), "{directives:?}: {rendered}");
    }
}

/// A page that names the host is rendered for each host, and not all renderings are kept.
#[test]
fn bounded_where_each_host_has_its_own() {
    const HOSTS: usize = 80;
    let pages: String = LANGUAGES.iter().map(|tag| format!(" ours.html.{tag}.j2")).collect();
    let setup = with_hosts(HOSTS, &format!("MaintenancePage{pages}"));
    for tag in LANGUAGES {
        let page = format!("<!--{}-->{{{{ host }}}} {tag} {{{{ message }}}}", "x".repeat(600));
        setup.write(&format!("ours.html.{tag}.j2"), page);
    }
    let mut httpd = setup.start();
    httpd.allow_log("AH00161");
    replace_file(&httpd.flag(), format!("message = '{}'", message(16 * 1024)));
    let grown = growth(&httpd, HOSTS);
    println!("pages with the name of the host: {} KiB", grown / 1024);
    assert!(grown < 26 * MIB, "{grown}"); // 16 MiB, and what an allocator adds
    assert_eq!(httpd.count_log("was rendered"), HOSTS * LANGUAGES.len(), "each once");
    let answer = ask(httpd.address(), "h3.test", "de", "identity");
    assert!(String::from_utf8_lossy(&answer).contains("h3.test de "));
}

/// Ten overlapping sections that all affect refusals, in every combination: each answer is correct,
/// and renderings are shared by combinations.
#[test]
fn any_combination_of_sections() {
    const SECTIONS: [char; 10] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
    let mut config = format!("{ONE_CHILD}\n");
    for (number, letter) in SECTIONS.into_iter().enumerate() {
        let _ = write!(
            config,
            "<LocationMatch \"{letter}\">\nMaintenanceStatus {}\nMaintenanceStatus {} \
             \"expr=%{{REQUEST_METHOD}} == 'M{number}'\"\nMaintenancePage {letter}.html.j2\n\
             MaintenanceRetryAfter {number}m\n</LocationMatch>\n",
            500 + number,
            520 + number,
        );
    }
    let setup = Setup::new(&config).mpm(Mpm::Prefork);
    for letter in SECTIONS {
        let page = format!("<!--{}-->{{{{ status }}}} {letter}", "x".repeat(600));
        setup.write(&format!("{letter}.html.j2"), page);
    }
    let mut httpd = setup.start();
    httpd.allow_log("AH00161");
    httpd.close();
    let combination = |number: usize| -> String {
        let letters = SECTIONS.iter().enumerate();
        letters.filter(|(bit, _)| number >> bit & 1 == 1).map(|(_, letter)| letter).collect()
    };
    let client = httpd.client();
    let mut seen = HashSet::new();
    let all = 1 << SECTIONS.len();
    for number in (1..all).chain([1, 3, all - 1, all / 2]) {
        let path = combination(number);
        let innermost = number.ilog2() as usize;
        for (method, base) in [("GET".to_owned(), 500), (format!("M{innermost}"), 520)] {
            // Only every second combination, to limit the time.
            if base == 520 && number % 16 != 0 {
                continue;
            }
            let answer = client.send(client.request(&method, &format!("/{path}")));
            let status = base + innermost;
            assert_eq!(usize::from(answer.status), status, "{path} {method}");
            let end = format!("{status} {}", SECTIONS[innermost]);
            assert!(answer.body.ends_with(&end), "{path} {method}: {}", answer.body);
            let wait = answer.header("retry-after").expect("Retry-After");
            assert_eq!(wait, (60 * innermost).to_string(), "{path}");
            seen.insert(status);
        }
    }
    assert_eq!(httpd.count_log("was rendered"), seen.len(), "each once");
}

/// However a template gets the name of its virtual host, each host gets its own.
#[test]
fn each_host_by_its_own_name() {
    let names = |setup: &Setup| {
        for (file, template) in [
            ("page.html.j2", "{% set host = host %}this is {{ host }}"),
            ("page.html.de.j2", "{% with host = host %}this is {{ host }}{% endwith %}"),
            ("page.html.fr.j2", "this is {{ host|upper|lower }}"),
        ] {
            setup.write(file, format!("{template}{}", " ".repeat(600)));
        }
    };
    let setup = with_hosts(3, "MaintenancePage page.html.j2 page.html.de.j2 page.html.fr.j2");
    names(&setup);
    let mut httpd = setup.start();
    httpd.allow_log("AH00161"); // of the only child
    httpd.close();
    for language in ["en", "de", "fr"] {
        for host in ["h0.test", "h1.test", "h2.test", "h0.test"] {
            let answer = ask(httpd.address(), host, language, "identity");
            let body = String::from_utf8_lossy(&answer).into_owned();
            assert!(body.contains(&format!("this is {host} ")), "{language} {host}: {body}");
        }
    }
}
