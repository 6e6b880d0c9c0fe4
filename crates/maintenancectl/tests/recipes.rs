//! The hooks of docs/notice-recipes.md, run by the command against a server that stands in for
//! those of the recipes.

mod stand_in;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stand_in::{Received, StandIn};

use crate::ground::{Ground, Said};

const ANNOUNCE: [&str; 13] = [
    "announce",
    "--start",
    "2096-11-24 22:00",
    "--end",
    "2096-11-25 01:30",
    "--title",
    "Move & <b>more</b>",
    "-m",
    "\"Soon\" 'it' $(is) `better` \\ größer",
    "--reason",
    "v8",
    "--ticket",
    "CHG-17",
];

/// The message of `ANNOUNCE`, which a shell must not read.
const MESSAGE: &str = ANNOUNCE[8];

/// The scripts of the document by their names.
fn scripts() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/notice-recipes.md");
    let document = fs::read_to_string(path).expect("the document");
    let blocks = document.split("\n```shell\n").skip(1);
    let script = |block: &str| {
        let script = block.split("\n```\n").next().expect("an end");
        let name = script.lines().nth(1).and_then(|line| line.strip_prefix("# /etc/maintenance/"));
        (name.expect("a name in the second line").to_owned(), script.to_owned())
    };
    blocks.map(script).collect()
}

/// A folder whose only hook is that of a recipe, with its hosts and folders moved.
struct Recipe {
    ground: Ground,
    server: StandIn,
}

impl Recipe {
    fn of(name: &str) -> Self {
        let (ground, server) = (Ground::new(), StandIn::start());
        let mut script = scripts().remove(name).expect(name);
        for url in [
            "https://connections.example.com",
            "https://alertmanager.example.com",
            "https://api.statuspage.io",
        ] {
            script = script.replace(url, &server.url());
        }
        for folder in ["/etc/maintenance", "/var/lib/maintenance-hooks"] {
            script = script.replace(folder, ground.path("kept").to_str().expect("text"));
        }
        fs::create_dir(ground.path("kept")).expect("a folder");
        ground.program("hook", script.strip_prefix("#!/bin/sh\n").expect("a script"));
        ground.write(
            "settings.toml",
            "flag = 'maintenance.flag'\nurl = 'https://site.example/'\nhook = ['hook']\n\
             mail_from = 'it@example.com'\nmail_to = ['users@example.com']\n",
        );
        Self { ground, server }
    }

    fn run(&self, words: &[&str]) -> Said {
        let said = self.ground.run(words);
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        said
    }

    /// Runs the command, and returns what the server has received.
    fn send(&self, words: &[&str]) -> Vec<Received> {
        self.run(words);
        self.server.received()
    }

    /// The files in which the hook keeps something.
    fn kept(&self) -> usize {
        fs::read_dir(self.ground.path("kept")).expect("a folder").count()
    }

    /// A server that answers with an error makes the hook fail.
    fn fails_with_the_server(&self, words: &[&str]) {
        self.server.answer(500, "{}");
        let said = self.ground.run(words);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.contains("hook") && said.err.contains("failed with exit code"),
            "{said:?}"
        );
    }
}

fn one(received: Vec<Received>) -> Received {
    assert_eq!(received.len(), 1, "{received:?}");
    received.into_iter().next().expect("one")
}

#[test]
fn every_recipe_is_tried() {
    let names: Vec<_> = scripts().into_keys().collect();
    assert_eq!(names, ["alertmanager", "chat", "connections-banner", "mail", "statuspage"]);
}

/// The example of what a hook reads has the keys that a hook reads.
#[test]
fn the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/notice-recipes.md");
    let document = fs::read_to_string(path).expect("the document");
    let example = document.split("\n```json\n").nth(1).expect("an example");
    let example: Value =
        serde_json::from_str(example.split("\n```\n").next().expect("an end")).expect("JSON");
    let ground = Ground::new();
    ground.program("hook", "cat > told");
    ground.write("settings.toml", "flag = 'maintenance.flag'\nhook = ['hook']\n");
    assert_eq!(ground.run(&ANNOUNCE).code, Some(0));
    let told: Value = serde_json::from_str(&ground.read("told").expect("told")).expect("JSON");
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&example), keys(&told));
    assert_eq!(keys(&example["private"]), keys(&told["private"]));
    for key in keys(&told) {
        assert!(document.contains(&format!("`{key}`")), "{key} is explained");
    }
    for key in keys(&example["event"]) {
        assert!(!told["event"][&key].is_null(), "event.{key}");
    }
}

/// Hooks that tell the public say nothing before they may.
#[test]
fn secrets() {
    for name in ["chat", "connections-banner", "mail", "statuspage"] {
        let recipe = Recipe::of(name);
        let secret = "start = 2096-11-24 22:00\nannounce_from = 2096-11-20 08:00\nmessage = 'x'\n";
        recipe.ground.write("maintenance.flag", secret);
        for words in [&["extend", "--end", "2096-11-25 02:30"][..], &["open"]] {
            assert_eq!(recipe.send(words).len(), 0, "{name} {words:?}");
        }
        assert_eq!(recipe.kept(), 0, "{name}");
    }
}

#[test]
fn connections_banner() {
    let recipe = Recipe::of("connections-banner");
    recipe.ground.write("kept/connections.netrc", "default login anna password geheim\n");
    let shown = one(recipe.send(&ANNOUNCE));
    assert_eq!((&*shown.method, &*shown.path), ("PUT", "/ic360/ui/api/admin-banner/config.json"));
    assert_eq!(shown.header("content-type"), "application/json");
    assert_eq!(shown.header("authorization"), format!("Basic {}", STANDARD.encode("anna:geheim")));
    let body = shown.json();
    assert_eq!((&body["open"], &body["severity"]), (&true.into(), &"warning".into()));
    let message = body["message"].as_array().expect("an array");
    assert_eq!(message.len(), 1);
    let text = message[0].as_str().expect("text");
    assert!(
        text.starts_with("<b>Move &amp; &lt;b&gt;more&lt;/b&gt;</b> &quot;Soon&quot; "),
        "{text}"
    );
    assert!(
        text.ends_with(" größer (2096-11-24T22:00:00+01:00 – 2096-11-25T01:30:00+01:00) "),
        "{text}"
    );
    let hidden = one(recipe.send(&["open"]));
    assert_eq!(hidden.json()["open"], false);
    recipe.fails_with_the_server(&ANNOUNCE);
}

#[test]
fn chat() {
    let recipe = Recipe::of("chat");
    let config = format!("url = \"{}/services/T/B/s3cret\"\n", recipe.server.url());
    recipe.ground.write("kept/chat.curl", config);
    let post = one(recipe.send(&ANNOUNCE));
    assert_eq!((&*post.method, &*post.path), ("POST", "/services/T/B/s3cret"));
    assert_eq!(post.header("content-type"), "application/json");
    let text = recipe.ground.line("notice").out;
    assert!(text.contains(MESSAGE));
    assert_eq!(post.json(), json!({ "text": text }));
    let post = one(recipe.send(&["open"]));
    assert_eq!(post.json(), json!({ "text": "Move & <b>more</b>: the site is open." }));
    recipe.fails_with_the_server(&ANNOUNCE);
}

#[test]
fn alertmanager() {
    let recipe = Recipe::of("alertmanager");
    recipe.server.answer(200, r#"{"silenceID":"s-1"}"#);
    let silence = one(recipe.send(&ANNOUNCE));
    assert_eq!((&*silence.method, &*silence.path), ("POST", "/api/v2/silences"));
    assert_eq!(silence.header("content-type"), "application/json");
    let expected = |end: &str| {
        json!({
            "matchers":
                [{ "name": "site", "value": "site.example", "isRegex": false, "isEqual": true }],
            "startsAt": "2096-11-24T22:00:00+01:00",
            "endsAt": end,
            "createdBy": crate::ground::me(),
            "comment": "Move & <b>more</b>, v8, CHG-17",
        })
    };
    assert_eq!(silence.json(), expected("2096-11-25T01:30:00+01:00"));
    // Alertmanager can give another ID to a silence that it has changed.
    recipe.server.answer(200, r#"{"silenceID":"s-2"}"#);
    let moved = one(recipe.send(&["extend", "--end", "2096-11-25 02:30"]));
    let mut expected = expected("2096-11-25T02:30:00+01:00");
    expected["id"] = "s-1".into();
    assert_eq!(moved.json(), expected);
    recipe.server.answer(200, "");
    let ended = one(recipe.send(&["open"]));
    assert_eq!((&*ended.method, &*ended.path), ("DELETE", "/api/v2/silence/s-2"));
    assert_eq!((ended.body.len(), recipe.kept()), (0, 0));
    // Nothing was silenced, so there is nothing to end.
    recipe.run(&["close", "--no-hooks"]);
    assert_eq!(recipe.send(&["open"]).len(), 0);
    // Without an end, and first without an answer.
    recipe.fails_with_the_server(&["close"]);
    recipe.run(&["open", "--no-hooks"]);
    recipe.server.received();
    recipe.server.answer(200, r#"{"silenceID":"s-3"}"#);
    let silence = one(recipe.send(&["close"])).json();
    let time = |key: &str| -> jiff::Timestamp {
        silence[key].as_str().and_then(|time| time.parse().ok()).expect(key)
    };
    let hours = time("endsAt").duration_since(time("startsAt")).as_hours();
    assert!((11..=12).contains(&hours), "{silence}");
    recipe.fails_with_the_server(&["open"]);
    assert_eq!(recipe.kept(), 1, "the silence is still known");
}

#[test]
fn statuspage() {
    let recipe = Recipe::of("statuspage");
    recipe.ground.write("kept/statuspage.curl", "header = \"Authorization: OAuth s3cret\"\n");
    recipe.server.answer(201, r#"{"id":"p31zjtct2jer"}"#);
    let incident = one(recipe.send(&ANNOUNCE));
    assert_eq!((&*incident.method, &*incident.path), ("POST", "/v1/pages/PAGE_ID/incidents"));
    assert_eq!(incident.header("content-type"), "application/json");
    assert_eq!(incident.header("authorization"), "OAuth s3cret");
    let body = incident.json();
    let text = recipe.ground.line("notice").out;
    assert!(!body.to_string().contains("CHG-17"), "{body}");
    let expected = json!({ "incident": {
        "name": "Move & <b>more</b>",
        "status": "scheduled",
        "body": text,
        "scheduled_for": "2096-11-24T22:00:00+01:00",
        "scheduled_until": "2096-11-25T01:30:00+01:00",
    }});
    assert_eq!(body, expected);
    for (words, status) in [
        (&["extend", "--end", "2096-11-25 02:30"][..], "scheduled"),
        (&["close"], "in_progress"),
        (&["open", "--percent", "10"], "verifying"),
        (&["open"], "completed"),
    ] {
        let update = one(recipe.send(words));
        let path = "/v1/pages/PAGE_ID/incidents/p31zjtct2jer";
        assert_eq!((&*update.method, &*update.path), ("PATCH", path), "{words:?}");
        let incident = &update.json()["incident"];
        assert_eq!(incident["status"], status, "{words:?}");
        let is_open = status == "completed";
        assert_eq!(incident["scheduled_until"] == Value::Null, is_open, "{words:?}");
        assert_eq!(recipe.kept(), if is_open { 1 } else { 2 }, "{words:?}: and statuspage.curl");
    }
    recipe.fails_with_the_server(&ANNOUNCE);
    assert_eq!(recipe.kept(), 1, "there is no incident");
}

#[test]
fn mail() {
    let recipe = Recipe::of("mail");
    recipe.ground.program("sendmail", "echo \"$@\" > arguments; cat > sent");
    let ctl =
        format!("exec {} --config settings.toml \"$@\"", env!("CARGO_BIN_EXE_maintenancectl"));
    recipe.ground.program("maintenancectl", &ctl);
    let path = std::env::var("PATH").expect("PATH");
    let path = format!("{}:{path}", recipe.ground.path("").display());
    let run = |words: &[&str]| {
        let mut command = recipe.ground.command(words);
        let said = crate::ground::said(command.env("PATH", &path).output().expect("run"));
        assert_eq!(said.code, Some(0), "{said:?}");
        let sent = recipe.ground.read("sent");
        drop(fs::remove_file(recipe.ground.path("sent")));
        sent
    };
    let mail = run(&ANNOUNCE).expect("a mail");
    assert_eq!(recipe.ground.read("arguments").as_deref(), Some("-t\n"));
    assert!(mail.contains("\nTo: users@example.com\n"), "{mail}");
    let parsed = crate::notice::parsed(&mail);
    assert_eq!(parsed.subject(), Some("site.example: Move & <b>more</b>"));
    assert!(crate::notice::parts(&parsed)[0].1.contains(MESSAGE));
    assert!(run(&["extend", "--end", "2096-11-25 02:30"]).is_some());
    assert_eq!(run(&["close"]), None);
    assert_eq!(run(&["open"]), None);
}
