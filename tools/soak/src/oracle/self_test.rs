//! Tests the oracle with fabricated correct and wrong answers before each soak.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::super::content;
use super::super::world::{ADMITTED, Flag, INVITED, LISTED, Trouble, Watched, Words, World};
use super::{Answer, Asked, Failure, Media, Oracle, Outcome, Times};

fn asked() -> Asked {
    Asked {
        who: [127, 0, 0, 9].into(),
        over: "http/1.1",
        method: "GET",
        path: "/",
        media: Media::Html,
        codings: "gzip",
        refused_with: 500,
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let body = Bytes::from(body.into());
    let length = body.len().to_string();
    let lines = headers.iter().copied().chain([("content-length", length.as_str())]);
    let line = |(name, value): (&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    Answer { status, headers: lines.map(line).collect(), body }
}

fn site() -> Answer {
    answer(200, &[("etag", "\"x\"")], content::site("/"))
}

fn refusal(version: u64, message: Option<&str>) -> Answer {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("retry-after", "70"),
        ("vary", "Accept, Accept-Encoding"),
    ];
    answer(500, &headers, content::html(version, message))
}

/// Panics if the oracle accepts a wrong answer or rejects a correct one.
pub fn self_test() {
    let world = Arc::new(World::new());
    let oracle = Oracle::new(Arc::clone(&world));
    let (ask, now) = (asked(), || (Instant::now(), Timestamp::now()));
    let judge = |asked: &Asked, answer: &Answer| {
        let times = Times { sent: now(), received: now() };
        oracle.judge(asked, answer, times).map_err(drop)
    };
    let from = |who| Asked { who, ..asked() };
    let (open, refused) = (Ok(Outcome::Open), Ok(Outcome::Refused));
    let at_once = Duration::ZERO;

    assert_eq!(judge(&ask, &site()), open);
    assert_eq!(judge(&ask, &refusal(1, None)), Err(()), "refused while open");
    assert_eq!(judge(&ask, &answer(404, &[], "")), Err(()), "neither");
    let mut cut = site();
    cut.body.truncate(5);
    assert_eq!(judge(&ask, &cut), Err(()), "cut");
    assert_eq!(judge(&Asked { method: "HEAD", ..asked() }, &site()), Err(()), "HEAD with a body");

    let sent = now();
    world.flag.change(Flag::silent(), &[], at_once, || {});
    let over = Times { sent, received: now() };
    assert_eq!(oracle.judge(&ask, &site(), over), Ok(Outcome::Open), "the state before");
    assert_eq!(oracle.judge(&ask, &refusal(1, None), over), Ok(Outcome::Refused), "and after");
    assert_eq!(judge(&ask, &refusal(1, None)), refused);
    assert_eq!(judge(&ask, &site()), Err(()), "the site while closed");
    assert_eq!(judge(&from(ADMITTED), &site()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(LISTED), &site()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(ADMITTED), &refusal(1, None)), Err(()), "an admitted client refused");
    assert_eq!(judge(&from(LISTED), &refusal(1, None)), Err(()), "a listed client refused");
    assert_eq!(judge(&from(INVITED), &site()), Err(()), "invited by nobody");
    assert_eq!(judge(&ask, &refusal(2, None)), Err(()), "a page that was never there");
    assert_eq!(judge(&ask, &refusal(1, Some("soak message 1"))), Err(()), "a wrong message");
    for (name, value) in [
        ("cache-control", "max-age=60"),
        ("retry-after", "91"),
        ("retry-after", "59"),
        ("content-type", "text/html"),
        ("etag", "\"x\""),
        ("vary", "Accept"),
        ("content-encoding", "gzip"),
        ("content-encoding", "br"),
        ("content-length", "3"),
    ] {
        let mut wrong = refusal(1, None);
        wrong.headers.insert(name, HeaderValue::from_static(value));
        assert_eq!(judge(&ask, &wrong), Err(()), "{name}: {value}");
    }
    let mut twice = refusal(1, None);
    twice.headers.append("cache-control", HeaderValue::from_static("no-store"));
    assert_eq!(judge(&ask, &twice), Err(()), "a header twice");

    let words = Words { message: Some("soak message 7".into()), invites: true, ..Words::default() };
    world.flag.change(Flag::Closed(words), &[], at_once, || {});
    assert_eq!(judge(&ask, &refusal(1, Some("soak message 7"))), refused);
    assert_eq!(judge(&ask, &refusal(1, None)), Err(()), "a message that is missing");
    assert_eq!(judge(&from(INVITED), &site()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(INVITED), &refusal(1, Some("soak message 7"))), Err(()), "invited");

    // On a site that was closed just now, the file's old version may be seen for a while.
    world.html.change(Watched::good(2), &[], at_once, || {});
    for version in [1, 2] {
        assert_eq!(judge(&ask, &refusal(version, Some("soak message 7"))), refused);
    }
    assert_eq!(judge(&ask, &refusal(3, Some("soak message 7"))), Err(()), "of the future");

    let failed = |is_reused, is_cut| {
        let error = "reset".into();
        let failure = Failure { born: Instant::now(), is_reused, is_http2: false, is_cut, error };
        let times = Times { sent: now(), received: now() };
        oracle.excuse(&failure, times).is_ok()
    };
    assert!(!failed(false, false), "nobody was killed");
    world.trouble(Trouble::Restarted, at_once, || {
        assert!(failed(true, false), "a connection that is closed between two requests");
        assert!(!failed(true, true), "a restart cuts no answer");
        assert!(!failed(false, false), "nor a new connection");
    });
    world.trouble(Trouble::Killed, at_once, || assert!(failed(false, true), "killed"));
    std::thread::sleep(super::NOTICED / 100);
    assert!(!failed(false, true), "begun after the child was killed");
}
