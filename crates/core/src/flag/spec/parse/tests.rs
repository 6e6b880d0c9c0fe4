//! Valid and invalid contents of flags.

use jiff::Timestamp;

use super::*;

fn parse(content: impl AsRef<[u8]>) -> Result<FlagSpec, String> {
    spec(content.as_ref(), &TimeZone::UTC).map_err(|error| error.to_string())
}

#[test]
fn what_is_wrong_and_where() {
    for (content, message) in [
        ("message = ", "line 1, column 1"),
        ("# one\nmessage = \"x", "line 2, column "),
        ("x\n", "line 1, column "),
        ("a = 1\na = 2", "line 2, column 1: duplicate key"),
        ("message = 5", "line 1, column 11: this is not a text; put it in quotes, or"),
        ("message = ['x']", "line 1, column 11: this is not a text; put it in quotes, or"),
        ("[message]\nde = 1", "line 2, column 6: this is not a text; put it in quotes"),
        ("end = 2026-11-22", "line 1, column 7: this is a date without a time; write 2026-"),
        ("end = 22:00:00", "line 1, column 7: this is not a date with a time; write 2026-"),
        ("end = 'tomorrow'", "line 1, column 7: this is not a date with a time"),
        ("end = tomorrow", "line 1, column 7: this is not a date with a time"),
        ("end = 1795994400", "line 1, column 7: this is not a date with a time"),
        ("end = 28.11.2026 22:00", "line 1, column 7: this is not a date with a time"),
        ("end = 2026-11-22 22:00 CET", "line 1, column 7: the offset from UTC is neither"),
        ("end = 2026-02-30T00:00:00Z", "line 1, column "),
        ("end = 9999-12-31T23:59:59Z", "line 1, column 7: "),
        (
            "ümlaut = 1\nend = 2026-11-22T22:00:00Z\nstart = 2026-11-22T22:00:00Z",
            "line 1, column 1",
        ),
        (
            "end = 2026-11-22T22:00:00Z\nstart = 2026-11-22T22:00:00Z",
            "line 1, column 7: the end is not later than the start",
        ),
        ("reopen = 'auto'", "line 1, column 10: there is no end to reopen at"),
        ("reopen = true", "line 1, column 10: this is not a text"),
        ("reopen = 'yes'", "line 1, column 10: write \"auto\" or \"gradual\""),
        ("retry_after = -1", "line 1, column 15: this is neither a duration"),
        ("retry_after = 2147483648", "line 1, column 15: this is neither a duration"),
        ("retry_after = 99999999999999999999999", "line 1, column 15: this is neither a duration"),
        ("retry_after = 1.5", "line 1, column 15: this is neither a duration"),
        ("retry_after = 'soon'", "line 1, column 15: this is neither a duration"),
        ("allow = '10.0.0.1'", "line 1, column 9: this is not an array"),
        ("allow = ['10.0.0.1',\n 'x']", "line 2, column 2: this is neither an address nor"),
        (
            "allow = ['10.1.2.*']",
            "line 1, column 10: this is neither an address nor a network; write 10.1.2.0/24",
        ),
        (
            "allow = ['10.0.0.1,::1']",
            "line 1, column 10: this is neither an address nor a network; quote each",
        ),
        ("allow = ['255.0.0.0']", "line 1, column 10: this is a netmask; write it behind"),
        ("allow = ['10.0.0.1/8']", "line 1, column 10: this has bits set"),
        ("allow = [10]", "line 1, column 10: this is not a text"),
        (
            "title = 5",
            "line 1, column 9: this is not a text; put it in quotes, or write a table of",
        ),
        (
            "title = true",
            "line 1, column 9: this is not a text; put it in quotes, or write a table",
        ),
        ("[title]\nde = 1", "line 2, column 6: this is not a text; put it in quotes"),
        ("by = ['Anna']", "line 1, column 6: this is not a text; write \"Anna\""),
        ("by = true", "line 1, column 6: this is not a text; write \"Anna\""),
        ("reason = {}", "line 1, column 10: this is not a text; write \"move to version 8\""),
        ("reason = 1.5", "line 1, column 10: this is not a text; write \"move to version 8\""),
        ("ticket = 0x10", "line 1, column 10: this is not a text; write \"CHG-4711\""),
        ("ticket = 2026-11-22", "line 1, column 10: this is not a text; write \"CHG-4711\""),
        (
            "announce_from = 'soon'",
            "line 1, column 17: this is not a date with a time; write 2026-",
        ),
        ("announce_from = 2026-11-22", "line 1, column 17: this is a date without a time; write 2"),
        ("closed = 'false'", "line 1, column 10: this is neither true nor false; write closed = f"),
        (
            "admit_percent = -1",
            "line 1, column 17: this is not a whole number from 0 to 100; write",
        ),
        (
            "admit_percent = 101",
            "line 1, column 17: this is not a whole number from 0 to 100; writ",
        ),
        (
            "admit_percent = 256",
            "line 1, column 17: this is not a whole number from 0 to 100; writ",
        ),
        (
            "admit_percent = 10.5",
            "line 1, column 17: this is not a whole number from 0 to 100; wri",
        ),
        (
            "admit_percent = '10'",
            "line 1, column 17: this is not a whole number from 0 to 100; wri",
        ),
        (
            "admit_percent = 0x10",
            "line 1, column 17: this is not a whole number from 0 to 100; wri",
        ),
        (
            "admit_percent = true",
            "line 1, column 17: this is not a whole number from 0 to 100; wri",
        ),
        (
            "over = 0",
            "line 1, column 8: this is not a duration from 1 second to 7 days; write \"15m\"",
        ),
        (
            "over = -5",
            "line 1, column 8: this is not a duration from 1 second to 7 days; write \"15",
        ),
        ("over = '-5m'", "line 1, column 8: this is not a duration from 1 second to 7 days; write"),
        ("over = '8760h'", "line 1, column 8: this is not a duration from 1 second to 7 days; wri"),
        (
            "over = 1.5",
            "line 1, column 8: this is not a duration from 1 second to 7 days; write \"1",
        ),
        (
            "over = 'soon'",
            "line 1, column 8: this is not a duration from 1 second to 7 days; write",
        ),
        (
            "over = '15m'",
            "line 1, column 8: over is for a gradual reopening; write reopen = \"gradu",
        ),
        ("reopen = 'gradual'\nover = '15m'", "line 1, column 10: there is no end to reopen at"),
        (
            "end = 2026-11-22T22:00:00Z\nreopen = 'gradual'",
            "line 2, column 10: \"gradual\" needs the time within which it reopens; write over = \"15m\"",
        ),
        (
            "end = 2026-11-22T22:00:00Z\nreopen = 'auto'\nover = '15m'",
            "line 3, column 8: over is for a gradual reopening; write reopen = \"gradual\"",
        ),
        (
            "end = 2026-11-22T22:00:00Z\nreopen = 'gradual'\novr = '15m'",
            "line 3, column 1: unknown key \"ovr\"; did you mean over?",
        ),
        ("end 22:00", "line 1, column 5: there is no = behind the key; write KEY = VALUE"),
        ("refuse = 'reads'", "line 1, column 10: write \"all\" or \"writes\""),
        ("refuse = 'Writes'", "line 1, column 10: write \"all\" or \"writes\""),
        ("refuse = ['POST']", "line 1, column 10: write \"all\" or \"writes\""),
        ("refuse = true", "line 1, column 10: write \"all\" or \"writes\""),
        ("closed = 0", "line 1, column 10: this is neither true nor false; write closed = false"),
        ("closed = no", "line 1, column 10: this is neither true nor false; write closed = false"),
        ("closed = false\nCLOSED = true", "line 2, column 1: this is a second closed; remove one"),
        ("allow = ['10.0.0.1 until=']", "line 1, column 10: until= has no time; write until=20"),
        (
            "allow = ['10.0.0.1 until=2026-11-28 22:00']",
            "line 1, column 10: the time of until= has a blank; write until=2026-11-28T22:00:00+",
        ),
        (
            "allow = ['10.0.0.1 until=2026-11-28T22:00 until=2026-11-28T22:00']",
            "line 1, column 10: until= stands there twice",
        ),
        (
            "allow = ['until=2026-11-28T22:00']",
            "line 1, column 10: this is neither an address nor a network; write it behind an address",
        ),
        ("allow = ['10.0.0.1 10.0.0.2']", "line 1, column 10: this is neither an address nor a"),
        ("vars = 'x'", "line 1, column 8: this is not a table"),
        ("[vars]\nx = 1", "line 2, column 5: this is not a text"),
    ] {
        let error = parse(content).expect_err(content);
        assert!(error.starts_with(message), "{content}: {error}");
        assert!(!error.contains('\n') && error.len() < 300, "{error}");
    }
    assert_eq!(
        parse(b"message = '\xff'").expect_err("bytes"),
        "line 1, column 12: this is not UTF-8; save the file as UTF-8"
    );
    assert_eq!(
        parse(b"\x7fELF\x02\x01\0\0\xf0\xf0").expect_err("bytes"),
        "line 1, column 9: this is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn what_is_right() {
    for content in [
        "",
        " \n\t\r\n",
        "# nothing yet",
        "\u{feff}",
        "message = ''",
        "message = {}",
        "message = { de = ' ' }",
        "[vars]",
    ] {
        let spec = parse(content).expect(content);
        assert!(spec.is_silent() && spec.warnings.is_empty(), "{content:?}");
    }
    let spec = parse(
        "\u{feff}message = \"a\\r\\nb\\u0000c\"\nmesage = 1\nretry_after = '2m'\r\n\
         allow = ['10.0.0.0/8', '192.168.157', '2001:db8::7']\nvars = { ticket = 'X-1' }",
    )
    .expect("content");
    assert_eq!(spec.message(None), Some(("a\nb\u{fffd}c", None)));
    assert_eq!(spec.warnings, ["line 2: unknown key \"mesage\"; did you mean message?"]);
    assert_eq!(spec.retry_after, Some(120));
    assert_eq!(spec.vars.get("ticket").map(String::as_str), Some("X-1"));
    for (address, passes) in
        [("10.1.2.3", true), ("192.168.157.9", true), ("2001:db8::7", true), ("11.0.0.1", false)]
    {
        let found = spec.allow.find(address.parse().expect("an address"), Timestamp::now);
        assert_eq!(found.is_some(), passes, "{address}");
    }
}

/// The first fault in the file is reported.
#[test]
fn the_first_fault() {
    let yaml = "this is YAML; write TOML";
    for (content, message) in [
        ("start = soon\nend = later", "line 1, column 9: this is not a date"),
        ("end = soon\nstart = later", "line 1, column 7: this is not a date"),
        ("start = 'soon'\nx y", "line 1, column 9: this is not a date"),
        ("x y\nstart = 'soon'", "line 1, column "),
        ("allow = ['x']\n\nretry_after = 'x'\nend = 'x'", "line 1, column 10: this is neither"),
        ("[vars]\nb = 1\na = 2", "line 2, column 5: this is not a text"),
        ("[message]\nfr = 1\nde = 2", "line 2, column 6: this is not a text"),
        ("reopen = 'auto'\nend = 2026-11-22T22:00:00", ""),
        ("reopen = 'auto'\nend: 2026-11-22", "line 2, column 4: this is YAML"),
        ("start = 2026-11-22\nStart = 2026-11-22", "line 1, column 9: this is a date without"),
        ("start = 2026-11-22 1:00\nStart = 1", "line 2, column 1: this is a second start"),
        // certain only where it stands above all tables
        ("[message]\nstart = 2026-11-22 1:00", "line 2, column 1: start belongs above [message]"),
        ("[message]\nde = 'x'\nSTART = 'x'", "line 3, column 1: start belongs above [message]"),
        ("[vars]\nstart = 2026-11-22 1:00", "line 2, column 1: start belongs above [vars]"),
        ("[window]\nstart = 2026-11-22 1:00", "line 2, column 1: start belongs above [window]"),
        (
            "starts = 2026-11-22 1:00",
            "line 1, column 1: unknown key \"starts\"; did you mean start?",
        ),
        ("begin = '2026-11-22 1:00+0100'\nend = 1", "line 1, column 1: unknown key \"begin\"; did"),
        ("starts = 'soon'", "line 1, column 1: unknown key \"starts\"; did you mean start?"),
        (
            "[mesage]\nde = 'x'\nstart = 2026-11-22",
            "line 3, column 1: start belongs above [mesage]",
        ),
        ("starts = 2026-11-22T1:00+0100", "line 1, column 1: unknown key \"starts\"; did"),
        ("reopen = 'auto'\nends = 2026-11-22 1:00", "line 2, column 1: unknown key \"ends\"; did"),
        // no TOML at all
        ("{\"start\": \"2026-11-22\"}", "line 1, column 1: this is JSON; write TOML"),
        (" {\n}", "line 1, column 2: this is JSON; write TOML"),
        ("start: 2026-11-22", yaml),
        ("---\nx: 1", yaml),
        ("message:\n  de: x", yaml),
        ("message = x: y", "line 1, column 11: this text is not in quotes"),
        ("message = We move", "line 1, column 11: this text is not in quotes"),
        ("reopen = auto", "line 1, column 10: this text is not in quotes"),
        ("message = \u{201e}x\u{201c}", "line 1, column 11: these are typographic quotes"),
    ] {
        match parse(content) {
            Ok(_) => assert_eq!(message, "", "{content}"),
            Err(error) => {
                assert!(!message.is_empty() && error.contains(message), "{content}: {error}");
            }
        }
    }
    for big in [false, true] {
        let mark = if big { 0xfeff_u16.to_be_bytes() } else { 0xfeff_u16.to_le_bytes() };
        let bytes = if big { u16::to_be_bytes } else { u16::to_le_bytes };
        let text: Vec<u8> = "start = 1".encode_utf16().flat_map(bytes).collect();
        for content in [&text, &[&mark[..], &text].concat()] {
            let error = parse(content).expect_err("UTF-16");
            assert_eq!(error, "line 1, column 1: this is UTF-16; save the file as UTF-8");
        }
    }
}

/// Faults that do not affect when the scope is closed do not invalidate the rest.
#[test]
fn what_does_not_count() {
    let start = "START = 2026-11-22 22:00 +01";
    for (more, warning) in [
        ("mesage = 'x'", "line 2: unknown key \"mesage\"; did you mean message?"),
        ("starts = 2026-11-23 22:00", "line 2: unknown key \"starts\"; did you mean start?"),
        ("ends = 2026-11-23 22:00", "line 2: unknown key \"ends\"; did you mean end?"),
        ("created = 2026-11-01 22:00", "line 2: unknown key \"created\""),
        ("[message]\nend = 2026-11-23 22:00", "line 3: end belongs above [message]"),
        ("[message]\nallow = ['10.0.0.1']", "line 3: allow belongs above [message]"),
        ("[vars]\nend = 2026-11-23 22:00", "line 3: end belongs above [vars]"),
        ("[title]\nclosed = false", "line 3: closed belongs above [title]"),
        ("[message]\nby = 'Anna'", "line 3: by belongs above [message]"),
        ("headline = 'x'", "line 2: unknown key \"headline\"; did you mean title?"),
        ("read_only = true", "line 2: unknown key \"read_only\"; did you mean refuse?"),
        ("close = false", "line 2: unknown key \"close\"; did you mean closed?"),
        (
            "announce_from = 2026-11-22 22:00+01",
            "line 2: announce_from is not earlier than start; write an earlier time",
        ),
        ("[message]\ndeutsch = 'x'", "line 3: \"deutsch\" is not a language; write de"),
        ("[message]\n'<x>' = 'x'", "line 3: \"<x>\" is not a language; write a language tag"),
    ] {
        let content = format!("{start}\n{more}");
        let spec = parse(&content).expect(&content);
        let at = spec.start().map(|start| start.rfc3339());
        assert_eq!(at.as_deref(), Some("2026-11-22T22:00:00+01:00"), "{content}");
        let [odd] = &spec.warnings[..] else { panic!("{content}: {:?}", spec.warnings) };
        assert!(odd.starts_with(warning), "{content}: {odd}");
    }
    let closes = parse("created = '2026-11-01 22:00'").expect("content");
    let warning = "line 1: unknown key \"created\"; without start, the flag closes at once";
    assert_eq!(closes.warnings, [warning]);
    let kept = parse("from = 'Anna'\nmessage = 'x'").expect("content");
    assert_eq!(kept.warnings, ["line 1: unknown key \"from\"; did you mean start?"]);
    assert_eq!(kept.message(None), Some(("x", None)));
    let many: String = (0..9).map(|n| format!("{}{n} = 1\n", "x".repeat(999))).collect();
    let warnings = parse(&many).expect("content").warnings;
    assert_eq!(warnings.last().map(String::as_str), Some("4 more keys are ignored"));
    assert!(warnings.len() == 6 && warnings.iter().all(|line| line.len() < 100), "{warnings:?}");
}

/// What administrators are told, and the heading.
#[test]
fn further_keys() {
    let spec = parse(
        "Title = { en = 'New disks', de = 'Neue Platten' }\nBY = \" Anna\\n Smith \"\nticket = 4711\n\
         reason = \"move\\u0007\"\nstart = 2026-11-22 22:00Z\nannounce_from = 2026-11-20 08:00Z",
    )
    .expect("content");
    assert_eq!(spec.title(Some("de-AT")), Some(("Neue Platten", Some("de"))));
    assert_eq!(spec.titles(), [(Some("de"), "Neue Platten"), (Some("en"), "New disks")]);
    let told = [spec.by(), spec.ticket(), spec.reason()];
    assert_eq!(told, ["Anna Smith", "4711", "move\u{fffd}"].map(Some));
    let from = spec.announce_from().map(|from| from.rfc3339());
    assert_eq!(from.as_deref(), Some("2026-11-20T08:00:00+00:00"));
    assert!(spec.warnings.is_empty(), "{:?}", spec.warnings);
    for (content, is_silent, is_empty) in [
        ("by = ' '\nreason = ''\ntitle = ''", true, true),
        ("by = 'Anna'", true, false),
        ("ticket = 1", true, false),
        ("title = 'x'", false, false),
    ] {
        let spec = parse(content).expect(content);
        assert_eq!((spec.is_silent(), spec.is_empty()), (is_silent, is_empty), "{content}");
    }
    for (content, is_read_only) in
        [("", false), ("refuse = 'all'", false), ("REFUSE = \"writes\"", true)]
    {
        let spec = parse(content).expect(content);
        assert_eq!((spec.is_read_only(), spec.is_silent()), (is_read_only, !is_read_only));
    }
    let end = "end = 2026-11-22T22:00:00Z";
    for (content, percent, over, open_from) in [
        ("admit_percent = 0".to_owned(), Some(0), None, None),
        ("admit_percent = 100".to_owned(), Some(100), None, None),
        (format!("{end}\nreopen = 'auto'"), None, None, Some("2026-11-22T22:00:00+00:00")),
        (
            format!("{end}\nreopen = 'gradual'\nover = '15m'\nadmit_percent = 5"),
            Some(5),
            Some(900),
            Some("2026-11-22T22:15:00+00:00"),
        ),
        (
            format!("{end}\nreopen = 'gradual'\nOver = 604800"),
            None,
            Some(604_800),
            Some("2026-11-29T22:00:00+00:00"),
        ),
    ] {
        let spec = parse(&content).expect(&content);
        assert_eq!((spec.admit_percent(), spec.over()), (percent, over), "{content}");
        let from = spec.open_from().map(|from| from.rfc3339());
        assert_eq!(from.as_deref(), open_from, "{content}");
        assert_eq!(spec.share().is_some(), percent.is_some() || over.is_some(), "{content}");
        assert!(!spec.is_silent() && spec.warnings.is_empty(), "{content}");
    }
    let without = parse("announce_from = 2026-11-20 08:00Z").expect("content");
    assert_eq!(without.warnings, ["line 1: announce_from does not count without start"]);
    assert_eq!(without.announce_from(), None);
}

/// Keys in any case, times in quotes, and locale names instead of language tags.
#[test]
fn forgiven() {
    let spec = parse(
        "MESSAGE = { de_AT = 'Hallo', EN = 'Hello' }\nStart = '2026-11-22 22:00'\n\
         \"End\" = 2026-11-22T23:00+0000 # later\r\nReopen = 'auto'\nRETRY_AFTER = 5\n",
    )
    .expect("content");
    assert_eq!(spec.message(Some("de-AT")), Some(("Hallo", Some("de-AT"))));
    let times = [spec.start(), spec.end()].map(|time| time.map(|time| time.rfc3339()));
    let expected = ["2026-11-22T22:00:00+00:00", "2026-11-22T23:00:00+00:00"];
    assert_eq!(times, expected.map(|time| Some(time.to_owned())));
    assert!(spec.reopens() && spec.retry_after() == Some(5) && spec.warnings.is_empty());
}

/// Local times over a change of the clocks, for a zone with daylight-saving time.
#[test]
fn local_times() {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
    for (local, rfc3339) in [
        ("2026-01-15T12:00:00", "2026-01-15T12:00:00+01:00"),
        ("2026-07-15 12:00:00", "2026-07-15T12:00:00+02:00"),
        ("2026-10-25T01:59:59", "2026-10-25T01:59:59+02:00"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"), // twice: the first
        ("2026-10-25T03:00:00", "2026-10-25T03:00:00+01:00"),
        ("2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00"), // never
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00"),
        ("2026-10-25T00:30:00Z", "2026-10-25T00:30:00+00:00"),
        ("9999-01-01T00:00:00", "9999-01-01T00:00:00+01:00"),
    ] {
        let content = format!("end = {local}");
        let spec = spec(content.as_bytes(), &berlin).expect(local);
        assert_eq!(spec.end().map(|end| end.rfc3339()).as_deref(), Some(rfc3339), "{local}");
    }
}
