//! `refuse = "writes"`: everybody can read, and what can write is refused and waited for.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::status::{ONE_CHILD, STATUS, report, scope};
use maintenance_harness::client::Answer;
use maintenance_harness::{Backend, Client, Httpd, Mpm, Setup, raw, replace_file, wait_for};
use serde_json::{Value, json};

const READ_ONLY: &str = "refuse = 'writes'";

/// A server in which every method comes to the same handler.
fn start(mpm: Mpm, more: &str) -> Httpd {
    let setup = Setup::new(&format!("TraceEnable On\n{STATUS}{more}")).mpm(mpm);
    let setup = setup.http2_where_possible();
    match mpm {
        Mpm::Event => setup.directives(ONE_CHILD).start(),
        _ => setup.start(),
    }
}

fn send(client: &Client, method: &str, path: &str) -> Answer {
    client.send(client.request(method, path))
}

/// The notes of the last requests.
fn notes(httpd: &Httpd, count: usize) -> Vec<String> {
    let lines = httpd.access_log(count);
    let note = |line: &String| line.split(' ').nth(2).unwrap_or_default().to_owned();
    lines.iter().map(note).collect()
}

/// The methods of the registry. All others are refused, including unknown ones.
#[test]
fn methods() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let mut httpd = start(mpm, "");
        httpd.allow_log("AH00135"); // a method that httpd itself does not know
        replace_file(&httpd.flag(), READ_ONLY);
        let safe = "GET HEAD OPTIONS PROPFIND QUERY REPORT SEARCH TRACE";
        let others = "POST PUT DELETE PATCH MKCOL COPY MOVE LOCK PROPPATCH BREW get Get";
        let clients = httpd.clients();
        let protocols = clients.len();
        for client in clients {
            for method in safe.split(' ') {
                let status = send(&client, method, "/").status;
                assert_ne!(status, 500, "{mpm:?} {method}");
            }
            for method in others.split(' ') {
                assert_eq!(send(&client, method, "/").status, 500, "{mpm:?} {method}");
            }
            assert_eq!(client.get("/").body, "hello from httpd\n");
        }
        let (safe, others) = (safe.split(' ').count() + 1, others.split(' ').count());
        let notes = notes(&httpd, protocols * (safe + others));
        let count = |wanted: &str| notes.iter().filter(|note| *note == wanted).count();
        assert_eq!(count("blocked"), protocols * others, "{notes:?}");
        assert_eq!(count("allowed:safe-method"), protocols * safe, "{notes:?}");
        let line = "closed by the flag .* for writes alone, there since";
        assert_eq!(httpd.count_log(line), 1, "{}", httpd.log());
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200);
    }
}

/// What is said in all ten languages, as page, text and JSON.
#[test]
fn what_is_said() {
    let httpd = start(Mpm::Event, "");
    replace_file(&httpd.flag(), "refuse = 'writes'\nend = 2999-01-01T00:00:00Z");
    for (language, text) in [
        ("en", "You can read, but changes cannot be saved at the moment."),
        ("de", "Sie können lesen, aber Änderungen lassen sich zurzeit nicht speichern."),
        ("fr", "aucune modification ne peut être enregistrée pour le moment."),
        ("es", "por el momento no es posible guardar cambios."),
        ("it", "al momento le modifiche non possono essere salvate."),
        ("pt", "de momento não é possível guardar alterações."),
        ("nl", "wijzigingen kunnen op dit moment niet worden opgeslagen."),
        ("pl", "zmian nie można w tej chwili zapisać."),
        ("ja", "変更を保存することはできません。"),
        ("zh-Hans", "暂时无法保存更改。"),
    ] {
        let client = httpd.client();
        for accept in ["text/html", "text/plain", "application/json"] {
            let request = client.request("POST", "/").header("Accept", accept);
            let answer = client.send(request.header("Accept-Language", language));
            assert!(answer.status == 500 && answer.body.contains(text), "{answer:?}");
            let field = answer.header("maintenance").expect("Maintenance");
            assert!(field.starts_with("read-only;end=@"), "{field}");
            let is_json = accept == "application/json";
            assert_eq!(answer.body.contains("\"readOnly\":true"), is_json, "{answer:?}");
            // It must not take the reader away from what could not be saved.
            assert!(!answer.body.contains("location.reload"), "{}", answer.body);
            assert!(!answer.body.contains("http-equiv=\"refresh\""), "{}", answer.body);
        }
    }
    replace_file(&httpd.flag(), "refuse = 'writes'\nmessage = 'Copying the data'");
    let client = httpd.client();
    assert!(send(&client, "POST", "/").body.contains("<p class=\"message\" dir=\"auto\">Copying"));
}

/// Every flag has to let a request pass, and the text is true for all of them.
#[test]
fn several_flags() {
    let httpd = start(
        Mpm::Event,
        "MaintenanceFlag outer.flag\n<Location /in>\nMaintenanceFlag inner.flag\n</Location>\n\
         MaintenanceAllow path=/in/login \"expr=%{QUERY_STRING} == 'search'\"",
    );
    let writes = "refuse = 'writes'\nmessage = 'the %'";
    let all = "message = 'the %'";
    for (outer, inner, get, post, shown) in [
        (Some(writes), None, 404, 500, Some("the outer")),
        (None, Some(writes), 404, 500, Some("the inner")),
        (Some(writes), Some(writes), 404, 500, Some("the inner")),
        (Some(all), Some(writes), 500, 500, Some("the outer")),
        (Some(writes), Some(all), 500, 500, Some("the inner")),
        (Some(all), Some("refuse = 'writes'\nallow = ['127.0.0.1']"), 500, 500, Some("the outer")),
        (Some("refuse = 'writes'"), Some("allow = ['127.0.0.1']"), 404, 500, None),
    ] {
        for (name, content) in [("outer", outer), ("inner", inner)] {
            let path = httpd.path(&format!("{name}.flag"));
            match content {
                Some(content) => replace_file(&path, content.replace('%', name)),
                None => drop(std::fs::remove_file(&path)),
            }
        }
        let client = httpd.client();
        let [read, written] = ["GET", "POST"].map(|method| send(&client, method, "/in/x"));
        assert_eq!((read.status, written.status), (get, post), "{outer:?} {inner:?}");
        if let Some(shown) = shown {
            assert!(written.body.contains(shown), "{outer:?} {inner:?}: {}", written.body);
        }
        let says_read = written.body.contains("You can read, but");
        assert_eq!(says_read, get == 404, "{outer:?} {inner:?}");
        // Exceptions for requests that only read.
        for path in ["/in/login", "/in/x?search"] {
            assert_eq!(send(&client, "POST", path).status, 404, "{path}");
        }
    }
}

/// While something that can write runs, the data must not be copied; what reads does not matter,
/// until the flag closes for all.
#[test]
fn what_can_still_write() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let backend = Backend::start();
        let setup = Setup::new("ProxyPass /status !").mpm(mpm).proxy_to(&backend);
        let setup = match mpm {
            Mpm::Event => setup.directives(ONE_CHILD),
            _ => setup.directives("StartServers 8\nMinSpareServers 8"),
        };
        let httpd = setup.directives(STATUS).start();
        let hold = |method: &'static str, path: &'static str| {
            let (client, held) = (Arc::new(httpd.client()), backend.held());
            let running = thread::spawn(move || client.send(client.request(method, path)).status);
            wait_for(path, Duration::from_secs(15), || backend.held() > held);
            running
        };
        let counts = || {
            let report = report(&httpd.client());
            let flight = &scope(&report, "maintenance.test", None)["in_flight"];
            let names = ["requests", "from_before_closing", "writing_from_before_closing"];
            let counts = names.map(|name| flight[name].as_u64().expect(name));
            (report["state"].as_str().expect("a state").to_owned(), counts)
        };
        let says = |words: &str| {
            let html = httpd.client().get("/status?format=html").body;
            assert!(html.contains(words), "{words}: {html}");
        };
        let reading = hold("GET", "/hold/read");
        let writing = hold("POST", "/hold/write");
        assert_eq!(counts(), ("open".into(), [2, 0, 0]));
        replace_file(&httpd.flag(), READ_ONLY);
        assert_eq!(counts(), ("read_only".into(), [2, 1, 1]));
        says("request from before that can write is still running");
        let later = hold("GET", "/hold/later");
        assert_eq!(counts(), ("read_only".into(), [3, 1, 1]));
        backend.release("write");
        assert_eq!(writing.join().expect("an answer"), 200);
        wait_for("the end", Duration::from_secs(5), || counts().1 == [2, 0, 0]);
        says("No request from before that can write is running: the data");
        says("All 2 scopes are read-only.");
        // A request that was admitted to read would be refused now.
        replace_file(&httpd.flag(), "");
        assert_eq!(counts(), ("closed".into(), [2, 2, 0]));
        says("None of them can write.");
        for (name, running) in [("read", reading), ("later", later)] {
            backend.release(name);
            assert_eq!(running.join().expect("an answer"), 200, "{name}");
        }
        wait_for("the end", Duration::from_secs(5), || counts().1 == [0, 0, 0]);
        let report = report(&httpd.client());
        let allowed = &scope(&report, "maintenance.test", None)["totals"]["allowed_by"];
        assert_eq!(allowed["safe-method"], 1, "{allowed}");
    }
}

/// The state in all forms of the report.
#[test]
fn the_state() {
    let mut httpd = start(Mpm::Event, "");
    httpd.allow_log("overdue: the flag");
    for content in [READ_ONLY, "refuse = 'writes'\nend = 2020-01-01T00:00:00Z"] {
        replace_file(&httpd.flag(), content);
        let seen = report(&httpd.client());
        assert_eq!((&seen["state"], &seen["closed_scopes"]), (&json!("read_only"), &json!(0)));
        assert_eq!(seen["flags"][0]["refuse"], "writes");
        let metrics = httpd.client().get("/status?format=prometheus").body;
        assert!(metrics.contains("state=\"read_only\"} 1"), "{metrics}");
        let html = httpd.client().get("/status?format=html").body;
        for part in ["<h1 id=\"state\">Read-only</h1>", "<dd>writes alone (read-only)</dd>"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let path = "/status?client=192.0.2.1&format=json";
        let forecast: Value = serde_json::from_str(&httpd.client().get(path).body).expect(path);
        let now = &forecast["preflight"]["answers"][0]["now"];
        assert_eq!(now["verdict"], "allowed:safe-method");
        let reason = now["reason"].as_str().expect("a reason");
        assert!(reason.ends_with("maintenance.flag refuses writes alone"), "{reason}");
    }
}

/// An announced read-only time, and content that cannot be used.
#[test]
fn announced_and_wrong() {
    let mut httpd = start(Mpm::Event, "");
    replace_file(&httpd.flag(), "refuse = 'writes'\nstart = 2999-01-01T00:00:00Z");
    assert_eq!(send(&httpd.client(), "POST", "/").status, 200, "not yet");
    assert_eq!(httpd.count_log("the flag .* closes for writes alone at 2999-"), 1);
    httpd.allow_log("cannot be used|unknown key");
    for (content, message) in [
        ("refuse = 'reads'", "write \"all\" or \"writes\""),
        ("refuse = 'Writes'", "write \"all\" or \"writes\""),
        ("refuse = ['POST']", "write \"all\" or \"writes\""),
        ("refuse = writes", "write \"all\" or \"writes\"|not in quotes"),
        ("read_only = true", "did you mean refuse"),
        ("refuze = 'writes'", "did you mean refuse"),
    ] {
        replace_file(&httpd.flag(), content);
        wait_for(message, Duration::from_secs(5), || {
            assert_eq!(httpd.client().get("/").status, 500, "{content} closes for all");
            httpd.count_log(message) > 0
        });
    }
}

/// A method is what the request line says, also in strange ones.
#[test]
fn raw_request_lines() {
    let mut httpd = start(Mpm::Event, "");
    httpd.allow_log("AH00135"); // a method that httpd itself does not know
    replace_file(&httpd.flag(), READ_ONLY);
    for (method, passes) in [("GET", true), ("GETT", false), ("gET", false), ("PRI", true)] {
        let request = format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw(httpd.address(), request.as_bytes());
        assert_eq!(!answer.starts_with("HTTP/1.1 500 "), passes, "{method}: {answer}");
    }
}
