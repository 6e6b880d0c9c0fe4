//! Announcements with mistakes.

use std::thread;
use std::time::Duration;

use maintenance_harness::{Httpd, Setup, replace_file, set_mode};

/// However the time of an announcement is spelled: if it is unambiguous, the site stays open.
#[test]
fn stay_open() {
    let httpd = Httpd::start("");
    for (number, content) in (1..).zip([
        "start = '2999-11-28T22:00:00+01:00'",
        "start = \"2999-11-28T22:00+0100\"",
        "start = '2999-11-28 22:00 +01'",
        "Start = 2999-11-28T21:00:00Z",
        "\"START\" = '2999-11-28 21:00'",
        "message = 'x'\r\nSTART = 2999-11-28T22:00+0100 # in the evening\r\nEnd = 2999-11-29 0:00Z\r\n",
        "start = 2999-11-28T21:00:00+0000",
        "start = 2999-11-28 21:00\nreopn = 'auto'\nmesage = 'x'",
        "start = 2999-11-28 21:00\n[Message]\nde_DE = 'x'\ndeutsch = 'x'\nend = 2999-11-29 21:00",
    ]) {
        replace_file(&httpd.flag(), content);
        assert_eq!(httpd.client().get("/").status, 200, "{content}: {}", httpd.log());
        let closes = "the flag .* closes at 2999-11-28 2[12]:00";
        assert_eq!(httpd.count_log(closes), number, "{content}: {}", httpd.log());
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200, "{content}");
    }
    assert_eq!(httpd.count_log("closed by"), 0, "{}", httpd.log());
    let mut httpd = httpd;
    httpd.allow_log("maintenance:warn.*in the flag .*, line");
}

/// If the time is ambiguous, the site is closed, and the log says what to write instead.
#[test]
fn close_where_they_are_in_doubt() {
    let utf16: Vec<u8> =
        "start = 2999-11-28T22:00:00Z".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xff\xfe", utf16.as_slice()].concat();
    let cases: &[(&[u8], &str)] = &[
        (
            b"[message]\nde = 'x'\nstart = 2999-11-28T22:00:00Z",
            "line 3, column 1: start belongs above \\[message\\]",
        ),
        (
            b"[message]\nstart = '2999-11-28 22:00'",
            "line 2, column 1: start belongs above \\[message\\]",
        ),
        (
            b"message = 'x'\nstarts = 2999-11-28T22:00:00Z",
            "line 2, column 1: unknown key .*starts.*; did you mean start\\?",
        ),
        (b"{\"start\": \"2999-11-28T22:00:00Z\"}", "line 1, column 1: this is JSON"),
        (b"message: x\nstart: 2999-11-28T22:00:00Z", "line 1, column 8: this is YAML"),
        (&utf16, "line 1, column 1: this is UTF-16"),
        (&with_mark, "line 1, column 1: this is UTF-16"),
        (b"start = soon\nend = later", "line 1, column 9: this is not a date with a time"),
    ];
    for (content, cause) in cases {
        let mut httpd = Httpd::start("");
        replace_file(&httpd.flag(), content);
        httpd.client().get("/").assert_refused();
        thread::sleep(Duration::from_millis(400));
        httpd.client().get("/").assert_refused();
        httpd.expect_log(&format!("error.*the content of the flag .* cannot be used: {cause}"));
    }
}

/// Programs learn of an announced closing from the answers of the open site, those of errors, of
/// internal redirects and of httpd's own cache among them, and of nothing once it is withdrawn.
#[test]
fn are_in_a_header_field() {
    let setup = Setup::new(
        "ErrorDocument 404 /index.html\nRedirect gone /gone\nCacheEnable disk /cached.txt\n\
         CacheRoot \"${ROOT}/cache\"\nCacheDefaultExpire 3600\nCacheIgnoreNoLastMod On",
    );
    let setup = setup.modules(&["alias", "cache", "cache_disk"]);
    setup.write("htdocs/cached.txt", "cached");
    std::fs::create_dir(setup.path("cache")).expect("a folder");
    set_mode(&setup.path("cache"), 0o777);
    let httpd = setup.start();
    let client = httpd.client();
    let field = |path: &str| {
        let answer = client.get(path);
        let values = answer.headers.get_all("maintenance").iter();
        let values: Vec<_> = values.map(|value| value.to_str().expect("text")).collect();
        (answer.status, (!values.is_empty()).then(|| values.join(", ")))
    };
    let announced = "announced;start=@4070908800;end=@4070912400";
    let paths =
        [("/", 200), ("/none", 404), ("/gone", 410), ("/index.html", 200), ("/cached.txt", 200)];
    for (content, expected, paths) in [
        (None, None, &paths[..4]), // what is stored later is stored with the announcement in force
        (
            Some("start = 2099-01-01T00:00Z\nend = 2099-01-01T01:00Z"),
            Some(announced.to_owned()),
            &paths[..],
        ),
        (
            Some("start = 2099-01-01T00:00Z\nend = 2099-01-01T02:00Z"),
            Some(announced.replace("12400", "16000")),
            &paths[..],
        ),
        (Some("start = 2099-01-01T00:00Z\nannounce_from = 2098-01-01T00:00Z"), None, &paths[..]),
        (
            Some("start = 2099-01-01T00:00Z\nannounce_from = 2026-01-01T00:00Z"),
            Some("announced;start=@4070908800".into()),
            &paths[..],
        ),
        (Some("closed = false"), None, &paths[..]),
        (None, None, &paths[..]),
    ] {
        match content {
            Some(content) => replace_file(&httpd.flag(), content),
            None => drop(std::fs::remove_file(httpd.flag())),
        }
        for (path, status) in paths {
            assert_eq!(field(path), (*status, expected.clone()), "{path} {content:?}");
        }
    }
}
