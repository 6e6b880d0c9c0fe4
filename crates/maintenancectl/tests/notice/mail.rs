//! The mail, read by two readers of mails, one of them in another language.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ical::IcalParser;
use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
use serde_json::Value;

use super::{FLAG, MAIL, with_text};
use crate::ground::{Ground, Said};

/// Reads a mail with Python's email package, which also names what is wrong with it.
fn python(mail: &str) -> Value {
    const SCRIPT: &str = "import email, email.policy, json, sys\n\
        mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)\n\
        texts = [part for part in mail.walk() if not part.is_multipart()]\n\
        defects = [str(d) for part in mail.walk() for d in part.defects]\n\
        defects += [str(d) for header in mail.values() for d in header.defects]\n\
        print(json.dumps({'subject': mail['subject'], 'from': mail['from'], 'to': mail['to'],\n\
            'names': sorted(name.lower() for name in mail.keys()), 'defects': defects,\n\
            'method': [part.get_content_type() + ' ' + str(part.get_param('method')) for part in texts],\n\
            'parts': [part.get_content() for part in texts]}))\n";
    let mut reader = Command::new("python3")
        .args(["-c", SCRIPT])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, of the package python3");
    reader.stdin.take().expect("a pipe").write_all(mail.as_bytes()).expect("written");
    let output = reader.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{mail}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The text of the elements with this class.
fn elements(html: &str, class: &str) -> Vec<String> {
    use html5gum::emitters::default::DefaultEmitter;
    use html5gum::{Token, Tokenizer};
    let (mut texts, mut inside) = (vec![], false);
    for token in Tokenizer::new_with_emitter(html, DefaultEmitter::<()>::default()) {
        match token.expect("tokens") {
            Token::StartTag(tag) => {
                let own = tag.attributes.iter().find(|(name, _)| &***name == b"class");
                inside = own.is_some_and(|(_, value)| ***value == *class.as_bytes());
                if inside {
                    texts.push(String::new());
                }
            }
            Token::EndTag(_) => inside = false,
            Token::String(text) if inside => {
                texts.last_mut().expect("one").push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
    }
    texts
}

pub(crate) fn parsed(mail: &str) -> Message<'_> {
    MessageParser::default().parse(mail).expect("a mail")
}

/// The parts of a mail that have no parts: their types and their texts.
pub(crate) fn parts(mail: &Message<'_>) -> Vec<(String, String)> {
    let of = |part: &mail_parser::MessagePart<'_>| {
        let kind = part.content_type().expect("a type");
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().expect("a subtype"));
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => Some((kind, text.replace("\r\n", "\n"))),
            PartType::Multipart(_) => None,
            other => panic!("{kind}: {other:?}"),
        }
    };
    mail.parts.iter().filter_map(of).collect()
}

/// The fields that the settings and the options give, and those that every mail has.
#[test]
fn heads() {
    let ground = Ground::new();
    ground.write("maintenance.flag", FLAG);
    ground.write(
        "settings.toml",
        "flag = 'maintenance.flag'\nmail_from = 'Jörg (IT) <it@example.com>'\n\
         mail_to = ['users@example.com', 'Anna \"A\" Meier <anna@example.com>']\n",
    );
    let mail = ground.line("notice --format eml").out;
    let read = python(&mail);
    assert_eq!(read["from"], "\"Jörg (IT)\" <it@example.com>");
    let to = read["to"].as_str().expect("text");
    assert!(
        to.starts_with("users@example.com, ") && to.ends_with("Meier\" <anna@example.com>"),
        "{to}"
    );
    assert_eq!(read["subject"], "New disks / Neue Platten");
    let names =
        "auto-submitted content-language content-type date from message-id mime-version subject to";
    assert_eq!(read["names"], serde_json::json!(names.split(' ').collect::<Vec<_>>()));
    assert_eq!(
        read["method"],
        serde_json::json!(["text/plain None", "text/html None", "text/calendar PUBLISH"])
    );
    let first = parsed(&mail);
    let id = first.message_id().expect("an ID");
    assert!(id.ends_with("@example.com"), "{mail}");
    assert!(first.date().is_some_and(mail_parser::DateTime::is_valid), "{mail}");
    let again =
        ground.line("notice --format eml --from a@b.example --to c@d.example --lang de").out;
    let other = parsed(&again);
    let address = |field: Option<&mail_parser::Address<'_>>| {
        field.and_then(|field| field.first()?.address()).map(str::to_owned)
    };
    assert_eq!(address(other.from()).as_deref(), Some("a@b.example"));
    assert_eq!(address(other.to()).as_deref(), Some("c@d.example"));
    assert_eq!(other.subject(), Some("Neue Platten"));
    assert_ne!(other.message_id(), Some(id));
    // A flag without a start has no event, and an invitation without one is none.
    ground.write("maintenance.flag", "message = 'x'\n");
    let read = python(&ground.line("notice --format eml").out);
    assert_eq!(read["method"], serde_json::json!(["text/plain None", "text/html None"]));
    ground.write("settings.toml", "flag = 'maintenance.flag'\nmail_from = 'x'\nmail_to = ['y']\n");
    let said = ground.line("notice --format eml");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("mail_from of the settings: \"x\" is not one mail address; write "));
}

/// What would become another header field or another receiver is an error that says so.
#[test]
fn injections() {
    let ground = Ground::new();
    ground.write("maintenance.flag", FLAG);
    let run = |option: &str, value: &str| -> Said {
        let words = ["notice", "--format", "eml", "--from", "a@b.example", "--to", "c@d.example"];
        let mut words = words.to_vec();
        if option == "--from" {
            words.drain(3..5);
        }
        ground.run(&[&words[..], &[option, value]].concat())
    };
    let control = "contains a line end or another control character";
    let (long_name, long) = (format!("{} <a@b.example>", "x".repeat(300)), "x".repeat(201));
    for (option, value, cause) in [
        ("--subject", "x\r\nBcc: all@example.com", control),
        ("--subject", "x\nBcc: all@example.com", control),
        ("--subject", "x\ry", control),
        ("--subject", "x\u{1b}[2J", control),
        ("--subject", " ", "the subject is empty"),
        ("--subject", &long, "has more than 200 characters"),
        ("--to", "a@b.example\r\nBcc: all@example.com", control),
        ("--to", "a\n <a@b.example>", control),
        ("--from", "a@b.example\n\nbody", control),
        ("--to", "a@b.example, all@example.com", "is not one mail address"),
        ("--to", "a@b.example all@example.com", "is not one mail address"),
        ("--to", "A <a@b.example>, <all@example.com>", ""),
        ("--to", "nobody", "is not one mail address; write it@example.com"),
        ("--to", "", "is not one mail address"),
        ("--to", "ü@b.example", "is not ASCII"),
        ("--to", "a@bücher.example", "write its domain as xn--"),
        ("--to", &long_name, "is too long"),
    ] {
        let said = run(option, value);
        if cause.is_empty() {
            // Everything before the last address is a name, and stays one.
            assert_eq!(said.code, Some(0), "{said:?}");
            let mail = parsed(&said.out);
            let to = mail.to().expect("addresses").iter().filter_map(|to| to.address());
            assert_eq!(to.collect::<Vec<_>>(), ["c@d.example", "all@example.com"]);
            continue;
        }
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{option} {value:?}: {said:?}");
        assert!(said.err.contains(cause), "{option} {value:?}: {said:?}");
    }
}

/// Each text comes out of each format as it was written, and is nothing else than a text.
#[test]
fn hostile_texts() {
    let (long, wide) = ("ü".repeat(2000), "a😀".repeat(1000));
    let line = "x".repeat(3000);
    let words = "From here on, ".repeat(300);
    let dots = ".\n..\n.x\n\n.\n".repeat(20);
    for text in [
        ".",
        "a\n.\nb\n..\n.c",
        &dots,
        "From here on\nFrom there\n>From",
        "x\r\nBcc: all@example.com\r\n\r\nbody",
        "Subject: forged\n\n--boundary--\n",
        "=?utf-8?b?PGI+?= =?utf-8?q?x?=",
        "= =3D =\n==",
        "Größer, schöner — über alles",
        "👩‍💻 🏳️‍🌈 1️⃣",
        "שלום — مرحبا \u{202e}abc\u{202c}",
        "BEGIN:VEVENT\r\nSUMMARY:forged\r\nEND:VEVENT\nEND:VCALENDAR",
        "a;b,c:d\\n\\;\\,\\\\",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "</title></h1></p><!-- --> & &amp; {{ subject }} {% if x %}",
        "trailing blank \t\nand\ttab",
        &long,
        &wide,
        &line,
        &words,
    ] {
        let ground = Ground::new();
        ground.write("maintenance.flag", with_text(text));
        let text = text.replace("\r\n", "\n");
        let plain = ground.line("notice");
        assert_eq!(plain.code, Some(0), "{plain:?}");
        let message = format!("\n\n{}\n\nThe site will", text.trim_end_matches('\n'));
        assert!(plain.out.contains(&message), "{text:?}: {}", plain.out);

        let mail = ground.line(MAIL).out;
        for line in mail.split('\n') {
            assert!(line.is_ascii() && line.len() <= 998, "{line:?}");
            assert!(
                !line.contains('\r') && !line.starts_with('.') && !line.starts_with("From "),
                "{line:?}"
            );
        }
        let (head, _) = mail.split_once("\n\n").expect("a head");
        assert!(!head.contains("\nBcc"), "{head}");
        let parsed = parsed(&mail);
        let read = parts(&parsed);
        let types: Vec<_> = read.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(types, ["text/plain", "text/html", "text/calendar"], "{text:?}");
        assert_eq!(read[0].1.trim_end(), plain.out.trim_end(), "{text:?}");
        let html = &read[1].1;
        assert_eq!(elements(html, "message"), [&*text], "{html}");
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        let calendar = read[2].1.replace('\n', "\r\n");
        let calendars: Vec<_> = IcalParser::new(calendar.as_bytes()).collect();
        let calendar = calendars.into_iter().next().expect("one").expect("a calendar");
        assert_eq!(calendar.events.len(), 1, "{text:?}");

        let other = python(&mail);
        assert_eq!(other["defects"], Value::Array(vec![]), "{text:?}");
        let same =
            |index: usize| other["parts"][index].as_str().expect("text").replace("\r\n", "\n");
        assert_eq!(same(0).trim_end(), plain.out.trim_end(), "{text:?}");
        assert_eq!(elements(&same(1), "message"), [&*text], "{text:?}");
        let subject = other["subject"].as_str().expect("a subject");
        let title: String = text
            .split('\n')
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
            .replace('\t', " ");
        let shortened: String = title.chars().take(200).collect();
        assert_eq!(subject, shortened.trim(), "{text:?}");
        assert_eq!(parsed.subject(), Some(subject));
    }
}
