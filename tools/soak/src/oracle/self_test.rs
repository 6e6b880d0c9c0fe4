//! Tests the oracle with fabricated correct and wrong answers before each soak.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::super::content;
use super::super::world::{
    ADMITTED, FILE_GRACE, Flag, Guest, INVITED, LISTED, Share, Trouble, Watched, Words, World,
};
use super::{Answer, Asked, Failure, Media, Oracle, Outcome, Times, Token};

fn asked() -> Asked {
    Asked {
        who: [127, 0, 0, 9].into(),
        token: Token::None,
        is_secure: false,
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

/// The site for an admitted client.
fn private() -> Answer {
    let headers = [("etag", "\"x\""), ("cache-control", "private, no-store")];
    answer(200, &headers, content::site("/"))
}

fn refusal(version: u64, message: Option<&str>) -> Answer {
    let headers = [
        ("maintenance", "closed"),
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
    assert_eq!(judge(&ask, &private()), Err(()), "the site while closed");
    assert_eq!(judge(&from(ADMITTED), &private()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(ADMITTED), &site()), Err(()), "for caches");
    assert_eq!(judge(&from(LISTED), &private()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(ADMITTED), &refusal(1, None)), Err(()), "an admitted client refused");
    assert_eq!(judge(&from(LISTED), &refusal(1, None)), Err(()), "a listed client refused");
    assert_eq!(judge(&from(INVITED), &private()), Err(()), "invited by nobody");
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
        ("maintenance", "read-only"),
        ("set-cookie", "maintenance-ticket=x"),
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
    assert_eq!(judge(&from(INVITED), &private()), Ok(Outcome::Allowed));
    assert_eq!(judge(&from(INVITED), &refusal(1, Some("soak message 7"))), Err(()), "invited");

    // On a site that was closed just now, the file's old version may be seen for a while.
    world.html.change(Watched::good(2), &[], at_once, || {});
    for version in [1, 2] {
        assert_eq!(judge(&ask, &refusal(version, Some("soak message 7"))), refused);
    }
    assert_eq!(judge(&ask, &refusal(3, Some("soak message 7"))), Err(()), "of the future");

    health();
    invitations();
    writes();
    shares();

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

/// An oracle for a site with this flag, and a function that has it judge.
fn closed_by(words: Words) -> (Arc<World>, impl Fn(&Asked, &Answer) -> Result<Outcome, ()>) {
    let world = Arc::new(World::new());
    let oracle = Oracle::new(Arc::clone(&world));
    world.flag.change(Flag::Closed(words), &[], Duration::ZERO, || {});
    let judge = move |asked: &Asked, answer: &Answer| {
        let now = (Instant::now(), Timestamp::now());
        oracle.judge(asked, answer, Times { sent: now, received: now }).map_err(drop)
    };
    (world, judge)
}

/// A refusal with other header fields.
fn refusal_with(fields: &[(&'static str, &'static str)]) -> Answer {
    let mut answer = refusal(1, None);
    for (name, value) in fields {
        answer.headers.insert(*name, HeaderValue::from_static(value));
    }
    answer
}

fn health() {
    let (world, judge) = closed_by(Words::default());
    let ask = Asked { path: content::HEALTH, ..asked() };
    let healthy = answer(200, &[("cache-control", "no-store")], "closed for maintenance\n");
    assert_eq!(judge(&ask, &healthy), Ok(Outcome::Healthy));
    assert_eq!(judge(&ask, &refusal(1, None)), Err(()), "a health check refused");
    assert_eq!(judge(&Asked { who: ADMITTED, ..ask.clone() }, &private()), Err(()), "the site's");
    assert_eq!(judge(&Asked { method: "POST", ..ask.clone() }, &healthy), Err(()), "a POST");
    assert_eq!(judge(&asked(), &healthy), Err(()), "another path");
    world.flag.change(Flag::Open, &[], Duration::ZERO, || {});
    assert_eq!(judge(&ask, &healthy), Err(()), "while open");
}

fn invitations() {
    let (world, judge) = closed_by(Words::default());
    let ask = |token| Asked { token, ..asked() };
    let link = |set: &str| {
        let fields = [("cache-control", "no-store"), ("location", "/"), ("set-cookie", set)];
        answer(303, &fields[..if set.is_empty() { 2 } else { 3 }], "")
    };
    let set = |guest| link(&format!("maintenance-invite={}; Path=/", content::secret(guest)));
    let (refused, linked) = (refusal(1, None), Ok(Outcome::Linked));
    for guest in [Guest::Anna, Guest::Vendor] {
        assert_eq!(judge(&ask(Token::Cookie(guest)), &private()), Ok(Outcome::Allowed));
        assert_eq!(judge(&ask(Token::Cookie(guest)), &refused), Err(()), "{guest:?} refused");
        assert_eq!(judge(&ask(Token::Link(guest)), &set(guest)), linked);
        assert_eq!(judge(&ask(Token::Link(guest)), &refused), Err(()), "{guest:?} refused");
        assert_eq!(judge(&ask(Token::Link(guest)), &link("")), Err(()), "no cookie");
        assert_eq!(judge(&ask(Token::Link(guest)), &private()), Err(()), "no redirection");
    }
    assert_eq!(judge(&ask(Token::Link(Guest::Anna)), &set(Guest::Vendor)), Err(()), "of another");
    assert_eq!(judge(&asked(), &set(Guest::Anna)), Err(()), "no link");
    let stranger = [Token::Cookie(Guest::Stranger), Token::Link(Guest::Stranger)].map(ask);
    for ask in &stranger {
        assert_eq!(judge(ask, &refused), Ok(Outcome::Refused));
        assert_eq!(judge(ask, &private()), Err(()), "a stranger");
        assert_eq!(judge(ask, &set(Guest::Stranger)), Err(()), "a stranger");
    }

    std::thread::sleep(FILE_GRACE);
    world.guests.change(Watched::good(2), &[], Duration::ZERO, || {});
    let vendor = ask(Token::Cookie(Guest::Vendor));
    assert_eq!(judge(&vendor, &private()), Ok(Outcome::Allowed), "revoked just now");
    assert_eq!(judge(&vendor, &refused), Ok(Outcome::Refused));
    std::thread::sleep(FILE_GRACE);
    assert_eq!(judge(&vendor, &private()), Err(()), "revoked");
    assert_eq!(judge(&ask(Token::Cookie(Guest::Anna)), &refused), Err(()), "not revoked");

    world.flag.change(Flag::Open, &[], Duration::ZERO, || {});
    assert_eq!(judge(&stranger[1], &link("")), linked, "while open");
    assert_eq!(judge(&stranger[1], &site()), Err(()), "the secret stays in the link");
    assert_eq!(judge(&ask(Token::Link(Guest::Anna)), &set(Guest::Anna)), Err(()), "while open");
}

fn writes() {
    let (_world, judge) = closed_by(Words { writes_only: true, ..Words::default() });
    let post = Asked { method: "POST", ..asked() };
    let refused = refusal_with(&[("maintenance", "read-only")]);
    assert_eq!(judge(&asked(), &site()), Ok(Outcome::Allowed));
    assert_eq!(judge(&asked(), &private()), Err(()), "for nobody else");
    assert_eq!(judge(&asked(), &refused), Err(()), "a GET refused");
    assert_eq!(judge(&post, &refused), Ok(Outcome::Refused));
    assert_eq!(judge(&post, &refusal(1, None)), Err(()), "refused as if closed for all");
    assert_eq!(judge(&post, &site()), Err(()), "a POST");
    assert_eq!(judge(&Asked { who: ADMITTED, ..asked() }, &site()), Err(()), "for caches");
    assert_eq!(judge(&Asked { who: ADMITTED, ..post }, &private()), Ok(Outcome::Allowed));
}

fn shares() {
    let share = |percent| Words { share: Some(Share { percent, over: None }), ..Words::default() };
    let (world, judge) = closed_by(share(0));
    let change = |words| world.flag.change(Flag::Closed(words), &[], Duration::ZERO, || {});
    let ticket = ("set-cookie", "maintenance-ticket=AAAAAAAAAAAAAAAAAAAAAA; Path=/");
    let refused = refusal_with(&[("maintenance", "reopening"), ticket]);
    let with_ticket = Asked { token: Token::Ticket(b'B'), ..asked() };
    let allowed = Ok(Outcome::Allowed);
    assert_eq!(judge(&asked(), &private()), Err(()), "one of none");
    assert_eq!(judge(&asked(), &refusal_with(&[ticket])), Ok(Outcome::Refused));
    assert_eq!(judge(&asked(), &refused), Err(()), "closed for all");
    assert_eq!(judge(&asked(), &refusal(1, None)), Err(()), "no ticket");
    assert_eq!(judge(&with_ticket, &refusal(1, None)), Ok(Outcome::Refused));
    assert_eq!(judge(&with_ticket, &refusal_with(&[ticket])), Err(()), "a second ticket");
    change(share(100));
    assert_eq!(judge(&asked(), &private()), allowed);
    assert_eq!(judge(&asked(), &refused), Err(()), "one of all");
    change(share(30));
    assert_eq!(judge(&asked(), &refused), Ok(Outcome::Refused));
    assert_eq!(judge(&asked(), &private()), Err(()), "refused at the same share before");
    assert_eq!(judge(&with_ticket, &private()), allowed, "another client");
    change(share(20));
    assert_eq!(judge(&asked(), &private()), Err(()), "refused at a larger share before");
    change(share(40));
    assert_eq!(judge(&with_ticket, &refused), Err(()), "let in at a smaller share before");
    assert_eq!(judge(&asked(), &private()), allowed, "this share is larger");
    assert_eq!(judge(&asked(), &refused), Err(()), "let in before");
    let end = Some(content::after(Timestamp::now(), -50));
    let rising = Share { percent: 0, over: Some(100) };
    change(Words { end, share: Some(rising), ..Words::default() });
    assert_eq!(judge(&asked(), &refused), Err(()), "half of the way");
}
