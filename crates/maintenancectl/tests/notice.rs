//! notice: what users are told of the flag.

mod mail;

use crate::ground::Ground;
pub(crate) use mail::{parsed, parts};

const FLAG: &str = "start = 2096-11-24 22:00\nend = 2096-11-25 01:30\n\
                    title = { de = 'Neue Platten', en = 'New disks' }\n\
                    message = { de = 'Bis gleich', en = 'Back soon' }\n";

const MAIL: &str = "notice --format eml --from it@example.com --to users@example.com";

fn with_text(text: &str) -> String {
    let text = serde_json::to_string(text).expect("text"); // is a string of TOML, too
    format!("start = 2096-11-24 22:00\nend = 2096-11-25 01:30\ntitle = {text}\nmessage = {text}\n")
}

#[test]
fn formats() {
    for (flag, line, code, parts) in [
        (
            Some(FLAG),
            "notice",
            0,
            &[
                "=New disks\n\nBack soon\n\nThe site will be closed during this time.\nBegins: \
                  2096-11-24 22:00 +01:00\nExpected end: 2096-11-25 01:30 +01:00\n\n----------\n\n",
                "Neue Platten\n\nBis gleich\n\nIn dieser Zeit",
            ][..],
        ),
        (
            Some(FLAG),
            "notice --lang de",
            0,
            &["=Neue Platten\n", "Beginn: 2096-11-24 22:00 +01:00\n"],
        ),
        (
            Some(FLAG),
            "notice --lang ja,de-AT",
            0,
            &["=New disks\n", "\n----------\n\nNeue Platten\n"],
        ),
        (
            Some(FLAG),
            "notice --lang de --format html",
            0,
            &["=<!DOCTYPE html>", "Neue Platten</h1>"],
        ),
        (
            Some(FLAG),
            "notice --format ics --host www.example.com",
            0,
            &["=BEGIN:VCALENDAR\r\n", "@www.example.com\r\n", "SUMMARY:New disks\r\n"],
        ),
        (
            Some(FLAG),
            "notice --format json",
            0,
            &["\"status\":\"scheduled\"", "\"name\":\"site.example\"", "\"name\":\"New disks\""],
        ),
        (Some(""), "notice --lang fr", 0, &["=Site en maintenance\n"]),
        (
            Some("start = 2096-11-24 22:00\nclosed = false\n"),
            "notice",
            0,
            &["been cancelled.\nBegins: "],
        ),
        (
            Some("end = 2020-01-01 10:00"),
            "notice --lang en",
            0,
            &["=Down for maintenance\n", "\nThis is taking longer than planned"],
        ),
        (None, "notice", 1, &["=No maintenance is planned\n"]),
        (None, "notice --lang de", 1, &["=Es sind keine Wartungsarbeiten geplant\n"]),
        (None, "notice --format json", 1, &["\"scheduled_maintenances\":[]"]),
        (None, "notice --format ics", 1, &["END:VCALENDAR"]),
        (None, "notice --format html", 1, &["No maintenance is planned</h1>"]),
        (
            None,
            MAIL,
            1,
            &[
                "=maintenancectl: nothing is planned, so there is no mail; announce a maintenance first",
            ],
        ),
        (Some("closed = false"), "notice", 1, &["=No maintenance is planned\n"]),
        (
            Some("start = 2096-11-24 22:00\nannounce_from = 2096-11-20 08:00\n"),
            "notice",
            1,
            &["No maintenance is planned\n", "note: the public learns of it only Tue 20 Nov"],
        ),
        (Some("start = soon"), "notice", 2, &["cannot be used: line 1, column 9", "; correct it"]),
        (
            Some(FLAG),
            "notice --lang de,en --format ics",
            2,
            &["several languages are for text and eml"],
        ),
        (
            Some(FLAG),
            "notice --lang sv",
            2,
            &["\"sv\" is not a language of the notice; write en, de, "],
        ),
        (Some(FLAG), "notice --to a@b.example", 2, &["are for a mail; add --format eml"]),
        (Some(FLAG), "notice --format eml --to a@b.example", 2, &["add --from ADDRESS"]),
        (Some(FLAG), "notice --format eml --from a@b.example", 2, &["add --to ADDRESS"]),
        (Some(FLAG), "notice --out nowhere/x", 2, &["cannot write nowhere/x: "]),
    ] {
        let ground = Ground::new();
        ground
            .write("settings.toml", "flag = 'maintenance.flag'\nurl = 'https://site.example/x'\n");
        if let Some(flag) = flag {
            ground.write("maintenance.flag", flag);
        }
        let said = ground.line(line);
        assert_eq!(said.code, Some(code), "{line}: {said:?}");
        let all = format!("{}{}", said.out, said.err);
        for part in parts {
            let is_there = match part.strip_prefix('=') {
                Some(start) => all.starts_with(start),
                None => all.contains(part),
            };
            assert!(is_there, "{flag:?} {line}: {part}: {all}");
        }
    }
}

#[test]
fn where_it_goes() {
    let ground = Ground::new();
    ground.write("maintenance.flag", FLAG);
    let said = ground.line("notice --out notice.txt");
    assert_eq!((said.code, &*said.out), (Some(0), ""), "{said:?}");
    assert_eq!(ground.read("notice.txt"), Some(ground.line("notice").out));
    ground.write("settings.toml", "flag = 'other.flag'\n");
    assert_eq!(ground.line("notice").code, Some(1));
    assert_eq!(ground.line("notice --flag maintenance.flag").code, Some(0));
}

/// Control characters can do anything on a terminal, and are no text.
#[test]
fn control_characters() {
    let ground = Ground::new();
    ground.write("maintenance.flag", with_text("a\u{1b}[2J\u{7}\u{0}b\u{9b}c\rd"));
    for format in ["text", "eml"] {
        let line = format!("notice --format {format} --lang en");
        let more = if format == "eml" { " --from a@b.example --to c@d.example" } else { "" };
        let out = ground.line(&(line + more)).out;
        let text = match format {
            "eml" => parts(&parsed(&out))[0].1.clone(),
            _ => out,
        };
        assert!(text.contains("a\u{fffd}[2J"), "{format}: {text:?}");
    }
}

/// Nothing of a flag that is for administrators is in any format.
#[test]
fn nothing_private() {
    let private = "by = 'PRIVATE'\nreason = 'PRIVATE'\nticket = 'PRIVATE'\nallow = ['192.0.2.77']\n\
                   retry_after = 4242\nmessage = 'public'\n";
    for more in [
        "start = 2096-11-24 22:00\nend = 2096-11-25 01:30\n",
        "start = 2096-11-24 22:00\nclosed = false\n",
        "refuse = 'writes'\n",
        "admit_percent = 33\n",
        "end = 2020-01-01 10:00\n",
        "",
    ] {
        let ground = Ground::new();
        ground.write("SECRET.flag", format!("{private}{more}[vars]\nx = 'PRIVATE'\n"));
        ground.write("settings.toml", "flag = 'SECRET.flag'\n");
        for format in ["text", "html", "eml", "ics", "json"] {
            let mut line = format!("notice --format {format}");
            if format == "eml" {
                line += " --from it@example.com --to users@example.com";
            }
            let said = ground.line(&line);
            assert_eq!((said.code, &*said.err), (Some(0), ""), "{said:?}");
            let mut texts = vec![said.out.replace("\r\n ", "")];
            if format == "eml" {
                texts.extend(parts(&parsed(&said.out)).into_iter().map(|(_, text)| text));
                assert!(texts[1].contains("public"));
            }
            let folder = ground.path("").display().to_string();
            for text in texts {
                for word in
                    ["PRIVATE", "192.0.2.77", "4242", "SECRET", folder.trim_end_matches('/')]
                {
                    assert!(!text.contains(word), "{word} in {text}");
                }
            }
        }
    }
}
