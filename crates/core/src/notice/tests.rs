//! Each format gives back the very message that it was given, says in each state what it should, and
//! contains nothing that is not public.

use std::collections::BTreeMap;
use std::path::Path;

use html5gum::{DefaultEmitter, Token, Tokenizer};
use ical::IcalParser;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::flag::spec::FlagSpec;

const NOW: &str = "2026-11-28T12:00:00Z";
const HOST: &str = "www.example.com";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn spec(text: &str) -> FlagSpec {
    FlagSpec::parse(text.as_bytes(), &TimeZone::UTC).expect(text)
}

/// A flag with this text in all places that are public, and a start in an hour.
fn with_text(text: &str) -> FlagSpec {
    let text = serde_json::to_string(text).expect("a string of TOML, too");
    spec(&format!(
        "title = {text}\nmessage = {text}\nstart = 2026-11-28T13:00:00Z\n\
         end = 2026-11-28T15:00:00Z"
    ))
}

fn notice(specs: &[FlagSpec]) -> Notice<'_> {
    let modified = Some("2026-11-27T10:00:00Z".parse().expect("a time"));
    let events = specs.iter().enumerate().filter_map(|(number, spec)| {
        let id = EventId::new(HOST, Path::new(&format!("/secret/flag{number}")));
        Event::new(id, spec, modified, spec.phase(now()), now())
    });
    Notice::new(HOST, events.collect())
}

fn english() -> Language {
    Language::choose(None)
}

fn html(notice: &Notice<'_>, language: Language) -> String {
    let bytes = page::render(notice, language, "notice").expect("a page");
    String::from_utf8(bytes).expect("text")
}

fn json(notice: &Notice<'_>) -> serde_json::Value {
    let bytes = json::render(notice, english()).expect("a document");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn calendar(notice: &Notice<'_>) -> String {
    let bytes = calendar::render(notice, english()).expect("a calendar");
    String::from_utf8(bytes).expect("text")
}

fn bar(notice: &Notice<'_>) -> String {
    String::from_utf8(bar::render(notice, english()).expect("a script")).expect("text")
}

/// The texts of the elements with this class, and the number of elements with a name.
fn elements(html: &str, class: &str) -> (Vec<String>, BTreeMap<String, usize>) {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(true);
    let (mut texts, mut names, mut inside) = (vec![], BTreeMap::new(), None);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        match token.expect("tokens") {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                *names.entry(name.clone()).or_default() += 1;
                let own = tag.attributes.iter().find(|(name, _)| &***name == b"class");
                if own.is_some_and(|(_, value)| ***value == *class.as_bytes()) {
                    texts.push(String::new());
                    inside = Some(name);
                }
            }
            Token::EndTag(tag)
                if inside.as_ref().is_some_and(|name| name.as_bytes() == &**tag.name) =>
            {
                inside = None;
            }
            Token::String(text) if inside.is_some() => {
                let last = texts.last_mut().expect("an element");
                last.push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
    }
    (texts, names)
}

/// The events of a calendar: their properties, unfolded and unescaped by another reader than the
/// writer's.
fn entries(calendar: &str) -> Vec<BTreeMap<String, String>> {
    let parsed: Vec<_> = IcalParser::new(calendar.as_bytes()).collect();
    assert_eq!(parsed.len(), 1, "one calendar");
    let parsed = parsed.into_iter().next().expect("one").expect("a calendar");
    let of = |event: ical::parser::ical::component::IcalEvent| {
        let value = |value: Option<String>| unescape(&value.unwrap_or_default());
        event.properties.into_iter().map(|own| (own.name, value(own.value))).collect()
    };
    parsed.events.into_iter().map(of).collect()
}

/// RFC 5545, section 3.3.11
fn unescape(text: &str) -> String {
    let (mut plain, mut chars) = (String::new(), text.chars());
    while let Some(next) = chars.next() {
        match (next, next == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => plain.push('\n'),
                Some(other @ ('\\' | ';' | ',')) => plain.push(other),
                other => panic!("\\{other:?} in {text}"),
            },
            (other, false) => plain.push(other),
        }
    }
    plain
}

/// The document in the script.
fn payload(script: &str) -> serde_json::Value {
    let (_, rest) = script.split_once("var data = ").expect("the document");
    let mut values = serde_json::Deserializer::from_str(rest).into_iter();
    values.next().expect("a value").expect("JSON")
}

#[test]
fn hostile_messages() {
    let long = "ü".repeat(200);
    let wide = "a😀".repeat(100);
    let lines = "x\r\nBEGIN:VEVENT\r\nSUMMARY:forged\r\nEND:VEVENT\r\n".to_owned();
    let spaces = format!("{}{}", "x".repeat(66), " yy".repeat(80));
    let huge = "long, text; with \\ and 虎".repeat(300);
    for text in [
        "<script>alert(1)</script>",
        "</script><script>alert(1)//",
        "</title></h1></p><img src=x onerror=alert(1)>",
        "<!-- --> <![CDATA[ ]]>",
        "\"'`&amp;&lt;&#60;${x}{{ x }}{% if x %}{# x #}",
        "'DATA'",
        "\\\"}]};alert(1);//",
        "a;b,c:d\\n\\;\\,\\\\",
        "\u{2028}\u{2029}\u{200f}\u{202e}",
        "END:VEVENT\nEND:VCALENDAR\nBEGIN:VCALENDAR",
        "\n leading\n\ttab",
        "שלום — مرحبا",
        &lines,
        &long,
        &wide,
        &spaces,
        &huge,
    ] {
        let specs = [with_text(text)];
        let notice = notice(&specs);
        // The flag's own reader makes line ends the same.
        let text = specs[0].message(None).expect("a message").0;

        let page = html(&notice, english());
        let (messages, names) = elements(&page, "message");
        assert_eq!(messages, [text], "{page}");
        assert_eq!(elements(&page, "title").0, [text]);
        assert_eq!((names.get("script"), names.get("img"), names["h1"]), (Some(&1), None, 1));

        let document = &json(&notice)["scheduled_maintenances"][0];
        assert_eq!(
            (&document["name"], &document["incident_updates"][0]["body"]),
            (&text.into(), &text.into())
        );

        let ics = calendar(&notice);
        for line in ics.split("\r\n") {
            assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
        }
        assert!(ics.ends_with("END:VCALENDAR\r\n"));
        let entries = entries(&ics);
        assert_eq!(entries.len(), 1, "{ics}");
        assert_eq!(entries[0]["SUMMARY"], text, "{ics}");
        let (message, _) = entries[0]["DESCRIPTION"].rsplit_once("\n\n").expect("two parts");
        assert_eq!(message, text);

        let script = bar(&notice);
        assert!(!script.contains("</") && !script.contains(['\u{2028}', '\u{2029}']), "{script}");
        let event = &payload(&script)["events"][0];
        assert_eq!((&event["title"], &event["message"]), (&text.into(), &text.into()));
    }
}

/// Nothing of a flag that is not public is in any format, in any state.
#[test]
fn nothing_private() {
    let private = "by = 'PRIVATE'\nreason = 'PRIVATE'\nticket = 'PRIVATE'\nallow = ['192.0.2.77']\n\
        retry_after = 4242\nmessage = 'public'\n";
    let times = "start = 2026-11-28T13:00:00Z\nend = 2026-11-28T15:00:00Z\n";
    let past = "start = 2026-11-28T10:00:00Z\nend = 2026-11-28T11:00:00Z\n";
    for more in [
        times.to_owned(),
        past.to_owned(),
        format!("{past}reopen = 'auto'\n"),
        format!("{times}closed = false\n"),
        "refuse = 'writes'\n".into(),
        "admit_percent = 33\n".into(),
        String::new(),
    ] {
        let specs = [spec(&format!("{private}{more}[vars]\nx = 'PRIVATE'\n"))];
        let notice = notice(&specs);
        for language in Language::all() {
            let all = [
                page::render(&notice, language, "notice").expect("a page"),
                json::render(&notice, language).expect("a document"),
                calendar::render(&notice, language).expect("a calendar"),
                bar::render(&notice, language).expect("a script"),
            ];
            for bytes in all {
                let text = String::from_utf8(bytes).expect("text").replace("\r\n ", "");
                for word in ["PRIVATE", "192.0.2.77", "4242", "secret", "flag0"] {
                    assert!(!text.contains(word), "{word} in {text}");
                }
            }
        }
    }
}

#[test]
fn states() {
    let start = "start = 2026-11-28T13:00:00Z\n";
    let (before, after) = ("start = 2026-11-28T10:00:00Z\n", "end = 2026-11-28T15:00:00Z\n");
    let past = "end = 2026-11-28T11:00:00Z\n";
    // The content, the state, the status in JSON, STATUS and the state in X-MAINTNOTE, and the
    // state in the script.
    for (content, state, json_status, ics_status, bar_state) in [
        (
            format!("{start}{after}"),
            Some("Announced"),
            "scheduled",
            "CONFIRMED CONFIRMED",
            "announced",
        ),
        (format!("{start}announce_from = 2026-11-28T12:00:01Z"), None, "-", "-", "-"),
        (
            format!("{start}announce_from = 2026-11-28T12:00:00Z"),
            Some("Announced"),
            "scheduled",
            "CONFIRMED CONFIRMED",
            "announced",
        ),
        (
            format!("{before}{after}"),
            Some("Closed"),
            "in_progress",
            "CONFIRMED IN-PROCESS",
            "closed",
        ),
        (
            format!("{before}{past}"),
            Some("Closed"),
            "in_progress",
            "CONFIRMED IN-PROCESS",
            "closed",
        ),
        (format!("{before}{past}reopen = 'auto'"), None, "-", "CONFIRMED COMPLETED", "-"),
        (
            format!("{before}{past}reopen = 'gradual'\nover = '2h'"),
            Some("Reopening"),
            "verifying",
            "CONFIRMED IN-PROCESS",
            "closed",
        ),
        (
            format!("{before}refuse = 'writes'"),
            Some("ReadOnly"),
            "in_progress",
            "CONFIRMED IN-PROCESS",
            "read-only",
        ),
        (format!("{start}closed = false"), None, "-", "CANCELLED CANCELLED", "-"),
        (format!("{before}{past}closed = false"), None, "-", "-", "-"),
        ("closed = false".into(), None, "-", "-", "-"),
        (String::new(), Some("Closed"), "in_progress", "-", "closed"),
    ] {
        let specs = [spec(&content)];
        let notice = notice(&specs);
        let found = notice.state().map(|state| format!("{state:?}"));
        assert_eq!(found.as_deref(), state, "{content}");
        let document = json(&notice);
        let status = document["scheduled_maintenances"][0]["status"].as_str().unwrap_or("-");
        assert_eq!(status, json_status, "{content}");
        let entries = entries(&calendar(&notice));
        let status = entries.first().map_or("-".to_owned(), |entry| {
            format!("{} {}", entry["STATUS"], entry["X-MAINTNOTE-STATUS"])
        });
        assert_eq!(status, ics_status, "{content}");
        let script = bar(&notice);
        match bar_state {
            "-" => assert!(script.len() < 512 && !script.contains("var data"), "{script}"),
            state => assert_eq!(payload(&script)["events"][0]["state"], state, "{content}"),
        }
        let page = html(&notice, english());
        let (titles, _) = elements(&page, "title");
        let title = match state {
            None => "No maintenance is planned",
            Some("Announced") => "Planned maintenance",
            Some(_) => "Down for maintenance",
        };
        assert_eq!(titles, [title], "{content}");
        let is_overdue = content.contains(past) && state == Some("Closed");
        assert_eq!(elements(&page, "overdue").0.len(), usize::from(is_overdue), "{content}");
    }
}

/// Another start is an update of the same event.
#[test]
fn calendar_events() {
    let first = [with_text("x")];
    let ics = calendar(&notice(&first));
    let entry = &entries(&ics)[0];
    assert_eq!(entry["DTSTART"], "20261128T130000Z");
    assert_eq!(entry["DTEND"], "20261128T150000Z");
    assert_eq!(entry["DTSTAMP"], "20261127T100000Z");
    assert_eq!(entry["SEQUENCE"], (1_795_773_600_i64 - 1_577_836_800).to_string());
    assert_eq!(entry["X-MAINTNOTE-IMPACT"], "OUTAGE");
    assert!(ics.contains("BEGIN:VALARM\r\n") && ics.contains("TRIGGER:-PT900S\r\n"), "{ics}");
    assert_eq!(ics, calendar(&notice(&first)), "the bytes are the same on every server");
    assert_eq!(entry["DESCRIPTION"], "x\n\nThe site will be closed during this time.");
    let window = "start = 2026-11-20T13:00:00Z\nend = 2026-11-20T15:00:00Z\nreopen = 'auto'\n";
    for (text, description) in [("", None), ("message = 'x'", Some("x"))] {
        let over = [spec(&format!("{window}{text}"))];
        let entry = &entries(&calendar(&notice(&over)))[0];
        assert_eq!(entry["X-MAINTNOTE-STATUS"], "COMPLETED");
        assert_eq!(entry.get("DESCRIPTION").map(String::as_str), description, "{text}");
    }
    let moved = [spec("start = 2026-12-01T13:00:00Z\nmessage = 'later'")];
    let later = &entries(&calendar(&notice(&moved)))[0];
    assert_eq!(later["UID"], entry["UID"]);
    assert_eq!(later["DTSTART"], "20261201T130000Z");
    let of = |host: &str, path: &str| EventId::new(host, Path::new(path));
    assert_ne!(of("a", "/x"), of("b", "/x"));
    assert_ne!(of("a", "/x"), of("a", "/y"));
    assert_ne!(of("a", "b/x"), of("ab", "/x"));
}

/// RFC 5546 wants METHOD and ORGANIZER in a mail, and RFC 5545 wants neither in a calendar to
/// subscribe to.
#[test]
fn invitations() {
    let specs = [with_text("x")];
    let notice = notice(&specs);
    let bytes = calendar::publish(&notice, english(), "it@example.com").expect("a calendar");
    let ics = String::from_utf8(bytes).expect("text");
    assert!(ics.contains("\r\nMETHOD:PUBLISH\r\n"), "{ics}");
    assert_eq!(entries(&ics)[0]["ORGANIZER"], "mailto:it@example.com");
    let plain: Vec<_> = ics.lines().filter(|line| !line.starts_with("METHOD")).collect();
    let plain: Vec<_> = plain.into_iter().filter(|line| !line.starts_with("ORGANIZER")).collect();
    assert_eq!(plain, calendar(&notice).lines().collect::<Vec<_>>());
}

/// All languages, each with its texts; and several flags in order of urgency.
#[test]
fn languages_and_order() {
    let specs = [
        spec("start = 2026-11-29T13:00:00Z\ntitle = 'later'"),
        spec("start = 2026-11-28T13:00:00Z\ntitle = { en = 'next', de = 'bald' }"),
        spec("title = 'now'"),
        spec(
            "start = 2026-11-28T10:00:00Z\nend = 2026-11-28T11:00:00Z\nreopen = 'auto'\n\
              title = 'over'",
        ),
    ];
    let notice = notice(&specs);
    assert_eq!(elements(&html(&notice, english()), "title").0, ["now", "next", "later"]);
    let german = Language::choose(Some(b"de"));
    assert_eq!(elements(&html(&notice, german), "title").0, ["now", "bald", "later"]);
    assert_eq!(Language::all().count(), 10);
    for language in Language::all() {
        let nothing = Notice::new("", vec![]);
        let (titles, _) = elements(&html(&nothing, language), "title");
        assert_eq!(titles, [language.texts().nothing]);
        let page = html(&notice, language);
        assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
        assert!(page.contains(language.texts().begins), "{page}");
        let script = bar::render(&notice, language).expect("a script");
        assert!(script.len() < 12 * 1024, "{} bytes", script.len());
    }
    let many: Vec<_> = (0..2 * MAX_EVENTS).map(|_| spec("")).collect();
    let events = (0..).zip(&many).filter_map(|(number, spec)| {
        let id = EventId::new(HOST, Path::new(&format!("/{number}")));
        Event::new(id, spec, None, spec.phase(now()), now())
    });
    let notice = Notice::new(HOST, events.collect());
    let document = json(&notice);
    assert_eq!(document["scheduled_maintenances"].as_array().map(Vec::len), Some(MAX_EVENTS));
    assert_eq!(elements(&html(&notice, english()), "title").0.len(), MAX_EVENTS);
}
