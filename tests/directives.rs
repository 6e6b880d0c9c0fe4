//! The messages of `httpd -t` for wrong directives: the directive, the wrong word, the usage.

mod hints;

use std::fs;
use std::time::{Duration, Instant};

use maintenance_harness::{Httpd, Setup, set_mode};

const ENGINE: &str = "usage: MaintenanceEngine On|Off";
const FLAGS: &str = "usage: MaintenanceFlag PATH...";
const ALLOW: &str = "usage: MaintenanceAllow [none] ADDRESS|NETWORK|host=NAME|file=PATH|";
const PAGE: &str = "usage: MaintenancePage NAME.(html|json|txt)[.LANGUAGE][.j2]...";
const STATUS: &str = "usage: MaintenanceStatus CODE [\"expr=EXPR\"]";
const RETRY_AFTER: &str = "usage: MaintenanceRetryAfter DURATION [spread=DURATION] | off";
const SECRET: &str = "usage: MaintenanceShareSecret PATH";
const NOTICE: &str = "usage: MaintenanceNotice /PATH";
const INTERVAL: &str = "usage: MaintenanceCheckInterval DURATION";

/// The error itself says what to write.
const NO_MORE: &str = "";

/// Ten entities, each of which expands to ten of the previous one.
fn bomb() -> String {
    let entity = |n: usize| format!("<!ENTITY e{} \"{}\">", n + 1, format!("&e{n};").repeat(10));
    let entities: String = (0..10).map(entity).collect();
    let transport = "<Server><Transport Hostname=\"&e10;\"/></Server>";
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE Config [<!ENTITY e0 \"x\">{entities}]>\n<Config>{transport}</Config>"
    )
}

#[test]
fn wrong_words() {
    let long = "x/".repeat(2048);
    let cases: &[(&str, &str, &str)] = &[
        ("MaintenanceEngine", "MaintenanceEngine: nothing follows", ENGINE),
        ("MaintenanceEngine Yes", "\"Yes\" is neither On nor Off", ENGINE),
        ("MaintenanceEngine \"\"", "\"\" is neither On nor Off", ENGINE),
        ("MaintenanceEngine On Off", "\"Off\" is one word too many", ENGINE),
        ("MaintenanceFlag", "MaintenanceFlag: nothing follows", FLAGS),
        ("MaintenanceFlag \"\"", "MaintenanceFlag: an empty word names no file", FLAGS),
        ("MaintenanceFlag a \"\"", "an empty word names no file", FLAGS),
        (&format!("MaintenanceFlag /{long}"), "the path of 4097 characters is longer", NO_MORE),
        (
            &format!("MaintenanceFlag {}", "x".repeat(256)),
            "is longer than the file system",
            NO_MORE,
        ),
        ("MaintenanceAllow", "MaintenanceAllow: nothing follows", ALLOW),
        ("MaintenanceAllow \"\"", "MaintenanceAllow: an empty word admits nobody", ALLOW),
        (
            "MaintenanceAllow 10.0.0.300",
            "\"10.0.0.300\" is neither an address nor a network",
            "an IPv4 address has four numbers from 0 to 255",
        ),
        (
            "MaintenanceAllow 10.0.0.1 10.0.0.0/33",
            "\"10.0.0.0/33\" has a prefix length that is not a number from 0 to 32",
            NO_MORE,
        ),
        (
            "MaintenanceAllow 2001:db8::/129",
            "\"2001:db8::/129\" has a prefix length that is not a number from 0 to 128",
            NO_MORE,
        ),
        (
            "MaintenanceAllow 10.0.0.0/255.0.255.0",
            "\"10.0.0.0/255.0.255.0\" has a netmask with ones to the right of zeros",
            NO_MORE,
        ),
        (
            "MaintenanceAllow 10.0.0.7/8",
            "\"10.0.0.7/8\" has bits set to the right of its prefix; its network is 10.0.0.0/8",
            NO_MORE,
        ),
        ("MaintenanceAllow 2001:db8::7/32", "its network is 2001:db8::/32", NO_MORE),
        ("MaintenanceAllow env=", "\"env=\" does not name an environment variable", NO_MORE),
        ("MaintenanceAllow 10.0.0.1 none", "\"none\" must be the first word", NO_MORE),
        (
            "MaintenanceAllow node1.example.com",
            "is neither an address nor a network",
            "; write host=node1.example.com",
        ),
        (
            "MaintenanceAllow all",
            "\"all\" is neither an address nor a network",
            "; to admit everybody, write MaintenanceEngine Off",
        ),
        (
            "MaintenanceAllow from 10.0.0.1",
            "\"from\" is neither an address nor a network; unlike",
            "; leave it out",
        ),
        ("MaintenanceAllow [::1]", "is neither an address nor a network", "; write ::1"),
        ("MaintenanceAllow host=", "\"host=\" does not name a host", NO_MORE),
        (
            "MaintenanceAllow host=10.0.0.1",
            "\"host=10.0.0.1\" does not name a host",
            "; write 10.0.0.1",
        ),
        (
            "MaintenanceAllow path=healthz",
            "\"path=healthz\" does not begin with /",
            "; write path=/healthz",
        ),
        (
            "MaintenanceAllow path=/",
            "\"path=/\" would exempt everything",
            "; write MaintenanceEngine Off instead",
        ),
        ("MaintenanceAllow path=/a/../b", "\"path=/a/../b\" contains /.", NO_MORE),
        ("MaintenanceAllow \"expr=%{X\"", "\"expr=%{X\" is not a valid expression: ", NO_MORE),
        ("MaintenanceAllow \"expr=-R 'x' &&\"", "is not a valid expression: ", NO_MORE),
        ("MaintenanceAllow expr=", "is not a valid expression: ", NO_MORE),
        ("MaintenanceAllow file=missing", "/missing\" cannot be read: No such file", NO_MORE),
        ("MaintenanceAllow file=folder.html", "/folder.html\" is not a regular file", NO_MORE),
        ("MaintenanceAllow file=fifo.html", "/fifo.html\" is not a regular file", NO_MORE),
        (
            "MaintenanceAllow file=empty.html",
            "/empty.html\" is empty; to admit nobody, leave",
            NO_MORE,
        ),
        (
            "MaintenanceAllow file=wrong.txt",
            "/wrong.txt\" line 3: \"10.0.0.300\" is neither an address nor",
            "; an IPv4 address has four numbers from 0 to 255",
        ),
        ("MaintenanceAllow file=binary.txt", "/binary.txt\" line 1: \"\\\\x7fELF\\\\x00", NO_MORE),
        ("MaintenanceAllow file=line.txt", "/line.txt\" line 1: \"1111", NO_MORE),
        ("MaintenanceAllow file=huge.xml", "/huge.xml\" has 52428800 bytes; at most", NO_MORE),
        (
            "MaintenanceAllow plugin-cfg=huge.xml",
            "/huge.xml\" has 52428800 bytes; at most",
            NO_MORE,
        ),
        (
            "MaintenanceAllow plugin-cfg=bomb.xml",
            "/bomb.xml\" line 2: the DOCTYPE declares entities",
            NO_MORE,
        ),
        (
            "MaintenanceAllow plugin-cfg=cut.xml",
            "/cut.xml\" line 3: the file ends inside <Server>",
            NO_MORE,
        ),
        ("MaintenanceAllow plugin-cfg=wrong.txt", "/wrong.txt\" is not an XML document", NO_MORE),
        ("MaintenanceAllow plugin-cfg=good.html", "/good.html\" the root element is <p>", NO_MORE),
        (
            "MaintenanceAllow \"10.0.0.1 10.0.0.2\"",
            "\"10.0.0.1 10.0.0.2\" is neither an address nor",
            "; write each without quotes",
        ),
        ("MaintenancePage", "MaintenancePage: nothing follows", PAGE),
        ("MaintenancePage \"\"", "an empty word names no page", PAGE),
        ("MaintenancePage missing.html", "missing.html\" cannot be read: No such file", NO_MORE),
        ("MaintenancePage folder.html", "folder.html\" is not a regular file", NO_MORE),
        ("MaintenancePage fifo.html", "fifo.html\" is not a regular file", NO_MORE),
        ("MaintenancePage empty.html", "empty.html\" is empty", NO_MORE),
        (
            "MaintenancePage large.html",
            "large.html\" has 1048577 bytes; at most 1048576 are allowed",
            NO_MORE,
        ),
        ("MaintenancePage latin1.html", "latin1.html\" is not UTF-8 (byte 2)", NO_MORE),
        (
            "MaintenancePage page.php",
            "page.php\" does not end in .html, .htm, .json or .txt",
            NO_MORE,
        ),
        (
            "MaintenancePage good.html good.html",
            "is a second page of its type and language",
            NO_MORE,
        ),
        (
            "MaintenancePage good.html.de\nMaintenancePage good.html.DE",
            "/good.html.DE\" is a second page of its type and language",
            NO_MORE,
        ),
        ("MaintenancePage wrong.json", "/wrong.json\" is not valid JSON: ", NO_MORE),
        ("MaintenancePage open.html.j2", "/open.html.j2\" line 2: ", NO_MORE),
        ("MaintenancePage unknown.html.j2", "\" uses unknown variables: mesage", NO_MORE),
        ("MaintenancePage filter.html.j2", "/filter.html.j2\" line 3: ", NO_MORE),
        ("MaintenancePage include.html.j2", "/include.html.j2\" line 2: ", NO_MORE),
        ("MaintenancePage endless.html.j2", "uses unknown variables: range", NO_MORE),
        ("MaintenancePage unquoted.json.j2", "/unquoted.json.j2\" is not valid JSON: ", NO_MORE),
        ("MaintenanceStatus", "MaintenanceStatus: nothing follows", STATUS),
        (
            "MaintenanceStatus 200",
            "\"200\" is not the status code of an error",
            "; write one from 400 to 599",
        ),
        (
            "MaintenanceStatus 1000",
            "\"1000\" is not the status code of an error",
            "; write one from 400 to 599",
        ),
        (
            "MaintenanceStatus abc",
            "\"abc\" is not the status code of an error",
            "; write one from 400 to 599",
        ),
        ("MaintenanceStatus 503 404", "\"404\" is not \"expr=EXPR\"", STATUS),
        ("MaintenanceStatus 503 \"expr=((\"", "\"expr=((\" is not a valid expression: ", NO_MORE),
        ("MaintenanceStatus 503 expr=true 404", "\"404\" is one word too many", STATUS),
        ("MaintenanceRetryAfter", "MaintenanceRetryAfter: nothing follows", RETRY_AFTER),
        ("MaintenanceRetryAfter soon", "\"soon\" is not a duration", NO_MORE),
        ("MaintenanceRetryAfter -5", "\"-5\" is not a duration", NO_MORE),
        ("MaintenanceRetryAfter 99999999999", "\"99999999999\" is not a duration", NO_MORE),
        ("MaintenanceRetryAfter 5m 1m", "\"1m\" is not spread=DURATION", "; write spread=1m"),
        ("MaintenanceRetryAfter 5m spread=x", "\"x\" is not a duration", NO_MORE),
        ("MaintenanceRetryAfter off 5m", "\"5m\" is one word too many", RETRY_AFTER),
        ("MaintenanceCheckInterval", "MaintenanceCheckInterval: nothing follows", INTERVAL),
        ("MaintenanceCheckInterval often", "\"often\" is not a duration", NO_MORE),
        ("MaintenanceNotice", "MaintenanceNotice: nothing follows", NOTICE),
        ("MaintenanceNotice \"\"", "an empty word is not a path", NOTICE),
        ("MaintenanceNotice /a /b", "\"/b\" is one word too many", NOTICE),
        ("MaintenanceNotice notice", "\"notice\" does not begin with /", "; write /notice"),
        ("MaintenanceNotice /", "\"/\" would take the place of the whole site", "; write a path"),
        ("MaintenanceNotice /notice/", "\"/notice/\" ends with /", "; write /notice"),
        ("MaintenanceNotice /a//b", "\"/a//b\" contains //", NO_MORE),
        ("MaintenanceNotice /a/../b", "\"/a/../b\" contains /../", NO_MORE),
        ("MaintenanceNotice /n%20", "\"/n%20\" contains %", NO_MORE),
        ("MaintenanceNotice /n*", "\"/n*\" contains *", "; write the whole path"),
        ("MaintenanceShareSecret", "MaintenanceShareSecret: nothing follows", SECRET),
        ("MaintenanceShareSecret \"\"", "an empty word names no file", SECRET),
        ("MaintenanceShareSecret a b", "\"b\" is one word too many", SECRET),
        ("MaintenanceShareSecret none", "/none\" cannot be read: No such file", NO_MORE),
        ("MaintenanceShareSecret htdocs", "/htdocs\" is not a regular file", NO_MORE),
        ("MaintenanceShareSecret /dev/null", "\"/dev/null\" is not a regular file", NO_MORE),
        ("MaintenanceCheckInterval 1s 2s", "\"2s\" is one word too many", INTERVAL),
    ];
    for (line, fault, expected) in cases {
        let setup = Setup::new(line);
        fs::create_dir(setup.path("folder.html")).expect("a folder");
        rustix::fs::mkfifoat(rustix::fs::CWD, setup.path("fifo.html"), 0o600.into())
            .expect("a FIFO");
        setup.write("empty.html", "");
        setup.write("large.html", vec![b'x'; 1024 * 1024 + 1]);
        setup.write("latin1.html", b"Gr\xfc\xdfe");
        setup.write("good.html", "<p>good");
        setup.write("good.html.de", "<p>gut");
        setup.write("good.html.DE", "<p>gut");
        setup.write("wrong.json", "{\"a\":}");
        setup.write("open.html.j2", "<p>\n{{ message");
        setup.write("unknown.html.j2", "<p>{{ mesage }}");
        setup.write("filter.html.j2", "<p>\n\n{{ message|shout }}");
        setup.write("include.html.j2", "<p>\n{% include \"/etc/passwd\" %}");
        setup.write("endless.html.j2", "<p>{% for i in range(99999) %}x{% endfor %}");
        setup.write(
            "unquoted.json.j2",
            "{\"status\": {{ status }}, \"x\": {% if end %}x{% endif %}}",
        );
        setup.write("wrong.txt", "10.0.0.1\n# comment\n10.0.0.300\n");
        setup.write("binary.txt", b"\x7fELF\0\0");
        setup.write("line.txt", "1".repeat(1024 * 1024));
        let huge = fs::File::create(setup.path("huge.xml")).expect("a file");
        huge.set_len(50 * 1024 * 1024).expect("a size");
        setup.write("bomb.xml", bomb());
        setup.write("cut.xml", "<Config>\n<ServerCluster>\n<Server>");
        let start = Instant::now();
        let (good, said) = setup.test_config();
        assert!(!good, "{line} was accepted");
        assert!(start.elapsed() < Duration::from_secs(5), "{line}: {:?}", start.elapsed());
        let directive = line.rsplit("\nMaintenance").next().expect("text");
        let name = directive.split_whitespace().next().expect("a name");
        assert!(said.contains(name), "{line}: {said}");
        assert!(said.contains(fault), "{line}: {said}");
        assert!(said.contains(expected), "{line}: {said}");
        assert!(said.contains("httpd.conf"), "{line}: no file and line: {said}");
        assert_eq!(said.contains("usage:"), expected.starts_with("usage:"), "{line}: {said}");
        let message = said.lines().find(|line| line.starts_with("Maintenance")).expect(&said);
        assert!(message.len() < 400, "{line}: longer than two lines: {message}");
    }
}

/// The contexts in which each directive is allowed, and the messages in all other contexts.
#[test]
fn contexts() {
    let server = "; write it outside of all sections";
    let host = "; write it outside of all sections or in <VirtualHost>";
    let location = "outside of all sections, in <VirtualHost>, <Location> or <LocationMatch>";
    let directives = [
        ("MaintenanceCheckInterval 1s", server),
        ("MaintenanceNotice /notice", host),
        ("MaintenanceShareSecret conf/httpd.conf", server),
        ("MaintenanceEngine On", host),
        ("MaintenanceFlag x", location),
        ("MaintenanceAllow 10.1", location),
        ("MaintenancePage good.html", location),
        ("MaintenanceStatus 503", location),
        ("MaintenanceRetryAfter 5m", location),
    ];
    let sections: &[(&str, &str, &[&str])] = &[
        ("<IfDefine !X>", "</IfDefine>", &[server, host, location]),
        ("<VirtualHost *>", "</VirtualHost>", &[host, location]),
        ("<Location /x>", "</Location>", &[location]),
        ("<LOCATION /x>", "</LOCATION>", &[location]),
        ("<LocationMatch ^/x>", "</LocationMatch>", &[location]),
        ("<VirtualHost *>\n<Location /x>", "</Location>\n</VirtualHost>", &[location]),
        ("<Location /x>\n<IfDefine !X>", "</IfDefine>\n</Location>", &[location]),
        ("<Directory />", "</Directory>", &[]),
        ("<DirectoryMatch />", "</DirectoryMatch>", &[]),
        ("<Files x>", "</Files>", &[]),
        ("<If true>", "</If>", &[]),
        ("<Location /x>\n<If true>", "</If>\n</Location>", &[]),
        ("<Location /x>\n<Limit GET>", "</Limit>\n</Location>", &[]),
        ("<Location /x>\n<LimitExcept GET>", "</LimitExcept>\n</Location>", &[]),
    ];
    for (begin, end, allowed) in sections {
        let mut setup = Setup::new("");
        setup.write("good.html", "<p>good");
        for (line, places) in directives {
            let (good, said) = setup.test_lines(&format!("{begin}\n{line}\n{end}"));
            let name = line.split_whitespace().next().expect("a name");
            assert_eq!(good, allowed.contains(&places), "{begin} {line}: {said}");
            let complaint = format!("{name}: not allowed in <");
            assert!(good || (said.contains(&complaint) && said.contains(places)), "{begin} {said}");
        }
    }
}

#[test]
fn good_words() {
    for line in [
        "MaintenanceEngine on",
        "MaintenanceEngine OFF",
        "MaintenanceFlag a.flag /var/lib/b.flag \"with blanks.flag\"",
        "MaintenanceAllow none",
        "MaintenanceAllow none 10.0.0.1",
        "MaintenanceAllow 10.0.0.1 10.1 192.168.157. 10.0.0.0/255.0.0.0 ::1 2001:db8::/32 env=X",
        "MaintenanceAllow \"10.0.0.1\" '10.0.0.2'",
        "MaintenanceAllow host=does-not-exist.invalid",
        "MaintenanceAllow path=/healthz path=/static/ path=/.well-known/acme-challenge",
        "MaintenanceFlag ./off",
        "MaintenanceAllow env=no-gzip env=X.Y",
        "MaintenanceAllow \"expr=%{HTTP_USER_AGENT} == 'probe'\"",
        "MaintenanceAllow file=list.txt \"file=with blanks.txt\" file=published.txt",
        "MaintenancePage good.html",
        "MaintenancePage \"with blanks.htm\"",
        "MaintenanceStatus 400\nMaintenanceStatus 599",
        "<VirtualHost *>\nMaintenanceEngine Off\nMaintenanceFlag x\nMaintenanceAllow 10.1\nMaintenancePage good.html\nMaintenanceStatus 503\n</VirtualHost>",
        "<IfModule mod_maintenance.c>\nMaintenanceStatus 503\n</IfModule>",
        "<IfModule maintenance_module>\nMaintenanceStatus 503\n</IfModule>",
        "MaintenancePage good.html good.html.de good.json.j2 good.txt.pt-BR.j2",
        "MaintenanceStatus 503 \"expr=%{HTTP_USER_AGENT} =~ /bot/\"\nMaintenanceStatus 500",
        "MaintenanceCheckInterval 0\nMaintenanceCheckInterval 500ms",
        "<Location />\nMaintenanceStatus 503 \"expr=true\"\nMaintenanceAllow none file=list.txt\n</Location>",
        "MaintenanceRetryAfter 5m spread=90s\nMaintenanceRetryAfter off\nMaintenanceRetryAfter 0",
    ] {
        let setup = Setup::new(line);
        setup.write("good.html", "<p>good");
        setup.write("good.html.de", "<p>gut");
        setup.write("good.json.j2", "{\"message\": {{ message }}, \"vars\": {{ vars|tojson }}}");
        setup.write(
            "good.txt.pt-BR.j2",
            "{{ message }} {{ vars.anything }}{% if end %}{{ end }}{% endif %}",
        );
        setup.write("with blanks.htm", "<p>good");
        setup.write("list.txt", "\u{feff}10.0.0.1 # one\r\n\r\n#\r\n10.1\r\n");
        setup.write("with blanks.txt", "# nobody");
        setup.write("published.txt", "173.245.48.0/20\n2400:cb00::/32");
        let (good, said) = setup.test_config();
        assert!(good, "{line}: {said}");
    }
}

/// All 200 words on a line are used (httpd's TAKE_ARGV would drop everything after the 64th).
#[test]
fn long_lines() {
    let line: String = (0..200).map(|n| format!(" 127.9.9.{n}")).collect();
    let httpd = Httpd::start(&format!("MaintenanceAllow{line} 127.0.0.7"));
    httpd.close();
    assert_eq!(httpd.client_from("127.0.0.7").get("/").status, 200);
    httpd.client_from("127.0.0.8").get("/").assert_refused();
}

#[test]
fn unreadable_page() {
    let mut setup = Setup::new("MaintenancePage secret.html");
    if rustix::process::geteuid().is_root() {
        // In some containers root may not read files of other users.
        let without = "-dac_override,-dac_read_search";
        setup = setup.wrapper(&["setpriv", "--inh-caps", without, "--bounding-set", without]);
    }
    set_mode(&setup.write("secret.html", "<p>secret"), 0);
    let (good, said) = setup.test_config();
    assert!(!good && said.contains("secret.html\" cannot be read: Permission denied"), "{said}");
}

#[test]
fn htaccess() {
    let mut httpd = Setup::new("<Directory />\nAllowOverride All\n</Directory>").start();
    let file = httpd.path("htdocs/.htaccess");
    fs::write(&file, "MaintenanceEngine Off\n").expect("a file");
    let answer = httpd.client().get("/");
    assert_eq!(answer.status, 500);
    httpd.expect_log("htaccess: MaintenanceEngine not allowed here");
    // The line has no effect on the gate either.
    fs::remove_file(&file).expect("removed");
    httpd.close();
    httpd.client().get("/").assert_refused();
}
