//! What close, announce, extend and open make of a flag.

use crate::ground::{Ground, me};

/// The flag before the command: none, or its content.
type Before = Option<&'static str>;

struct Case {
    before: Before,
    line: &'static str,
    code: i32,
    /// Parts of what is said.
    said: &'static [&'static str],
    /// Parts of the flag afterwards; None if there is no flag. `!` says what must not be there.
    after: Option<&'static [&'static str]>,
}

const fn case(
    before: Before,
    line: &'static str,
    code: i32,
    said: &'static [&'static str],
    after: Option<&'static [&'static str]>,
) -> Case {
    Case { before, line, code, said, after }
}

const ANNOUNCED: Before = Some(
    "# tonight\nstart = 2096-11-24T22:00:00+01:00 # sharp\nend = 2096-11-25T01:30:00+01:00\nby = \
     '{me}'\nticket = 7\n\n[message]\nde = 'Hallo'\n",
);
const CLOSED: Before = Some("by = '{me}'\nend = 2096-11-25T01:30:00+01:00\nmessage = 'x'\n");
const OVERDUE: Before = Some("by = '{me}'\nend = 2020-11-25T01:30:00+01:00\n");
const REOPENED: Before =
    Some("by = '{me}'\nend = 2020-11-25T01:30:00+01:00\nreopen = 'auto'\nticket = 7\n");
const OTHER: Before = Some("by = 'anna'\nreason = 'disks'\n");
const BROKEN: Before = Some("start = soon\n");
const INACTIVE: Before = Some("closed = false\nby = '{me}'\n");
const EMPTY: Before = Some("");
const BY_HAND: Before = Some("message = 'by hand' # note\n");

const SAME: Option<&[&str]> = Some(&["AS BEFORE"]);

const CASES: &[Case] = &[
    // close
    case(None, "close", 0, &["closed: ", "maintenance.flag, by {me}"], Some(&["by = \"{me}\"\n"])),
    case(
        None,
        "close --end +2h -m de=Hallo~Welt -m en=Hi --title T --ticket CHG-1 --reason disks",
        0,
        &["  end: ", ", in 2 h; then it stays closed until \"maintenancectl open\""],
        Some(&[
            "end = 2",
            "[message]\nde = \"Hallo Welt\"\nen = \"Hi\"\n",
            "title = \"T\"",
            "ticket = \"CHG-1\"",
            "reason = \"disks\"",
        ]),
    ),
    case(None, "close -m Back~soon", 0, &["closed: "], Some(&["message = \"Back soon\""])),
    case(None, "close -m a=b", 0, &["closed: "], Some(&["message = \"a=b\""])),
    case(None, "close -m de_AT=Hallo", 0, &["closed: "], Some(&["de-AT = \"Hallo\""])),
    case(
        None,
        "close --read-only --end +1h --reopen auto",
        0,
        &[
            "read-only: ",
            "then the site opens by itself",
            "only requests that can change something",
        ],
        Some(&["refuse = \"writes\"", "reopen = \"auto\""]),
    ),
    case(
        None,
        "close --end +1h --reopen gradual",
        0,
        &["then more and more clients pass, and all of them 15 min later"],
        Some(&["reopen = \"gradual\"", "over = \"15m\""]),
    ),
    case(None, "close --end +1h --over 90s", 0, &["1 min later"], Some(&["over = \"90s\""])),
    case(
        None,
        "close --reopen auto",
        2,
        &["would not be valid", "there is no end to reopen at"],
        None,
    ),
    case(
        None,
        "close --end +1h --reopen auto --over 5m",
        2,
        &["--over is for --reopen gradual"],
        None,
    ),
    case(None, "close --end +1h --over 8d", 2, &["at most 7 days"], None),
    case(None, "close --end yesterday", 2, &["--end: \"yesterday\" is not a part of a time"], None),
    case(None, "close --end 2020-01-01~10:00", 2, &["which has passed; write a later time"], None),
    case(None, "close -m a -m b", 2, &["\"a\" has no language; write --message \"en=a\""], None),
    case(None, "close -m de=a -m DE=b", 2, &["two texts in \"de\"; leave one out"], None),
    case(None, "close --reopen never", 2, &["possible values: auto, gradual"], None),
    case(EMPTY, "close --end +1h", 0, &["closed: "], Some(&["end = 2", "by = \"{me}\""])),
    case(
        BY_HAND,
        "close --end +1h",
        0,
        &["closed: "],
        Some(&["message = 'by hand' # note\n", "end = 2"]),
    ),
    case(
        ANNOUNCED,
        "close",
        0,
        &["  end: Sun 25 Nov 2096 01:30 CET, in "],
        Some(&["!start", "end = 2096", "ticket = 7", "de = 'Hallo'"]),
    ),
    case(
        ANNOUNCED,
        "close -m Now",
        0,
        &["closed: "],
        Some(&["message = \"Now\"", "!Hallo", "!start"]),
    ),
    case(CLOSED, "close", 0, &["closed: "], Some(&["by = \"{me}\"\nend = 2096", "message = 'x'"])),
    case(OVERDUE, "close", 0, &["closed: "], Some(&["!end", "!reopen", "!over"])),
    case(REOPENED, "close", 0, &["closed: "], Some(&["by = \"{me}\"", "!end", "!ticket"])),
    case(INACTIVE, "close", 0, &["closed: "], Some(&["!closed", "by = \"{me}\""])),
    case(
        OTHER,
        "close",
        1,
        &["was written by somebody else: anna (file of ", "; ask them, or add --replace"],
        SAME,
    ),
    case(OTHER, "close --replace", 0, &["closed: "], Some(&["by = \"{me}\"", "!disks"])),
    case(
        BROKEN,
        "close",
        1,
        &["cannot be used (line 1, column 9: ", "correct it, or add --replace"],
        SAME,
    ),
    case(
        BROKEN,
        "close --replace --end +1h",
        0,
        &["closed: "],
        Some(&["by = \"{me}\"", "end = 2"]),
    ),
    // announce
    case(
        None,
        "announce --start 2096-11-24~22:00 --end 01:30 -m de=Umzug --reopen gradual --over 30m",
        0,
        &[
            "announced: ",
            "  start: Sat 24 Nov 2096 22:00 CET, in ",
            "  end: Sun 25 Nov 2096 01:30 CET, in ",
            "all of them 30 min later",
            "  to withdraw it: maintenancectl open\n",
        ],
        Some(&[
            "start = 2096-11-24T22:00:00+01:00\nend = 2096-11-25T01:30:00+01:00\nby = \"{me}\"\n",
            "reopen = \"gradual\"\nover = \"30m\"",
        ]),
    ),
    case(
        None,
        "announce --start 2096-11-24~22:00 --end +3h",
        0,
        &["  end: Sun 25 Nov 2096 01:00 CET"],
        Some(&["end = 2096-11-25T01:00:00+01:00"]),
    ),
    case(
        None,
        "announce --start 2096-03-25~02:30 --end +3h",
        0,
        &["note: --start: there is no 02:30 that night, because the clocks go forward"],
        Some(&["start = 2096-03-25T03:30:00+02:00"]),
    ),
    case(
        None,
        "announce --start 2096-11-24~22:00 --end 2096-11-24~21:00",
        2,
        &["--end: the end (Sat 24 Nov 2096 21:00 CET", ") is not later than the start (Sat 24 Nov"],
        None,
    ),
    case(None, "announce --start +1h", 2, &["--end <TIME>"], None),
    case(None, "announce --end +1h", 2, &["--start <TIME>"], None),
    case(
        EMPTY,
        "announce --start +1h --end +1h",
        1,
        &[
            "the site is closed by ",
            "an announcement would open it; open it first, or add --replace",
        ],
        SAME,
    ),
    case(CLOSED, "announce --start +1h --end +1h", 1, &["would open it"], SAME),
    case(OVERDUE, "announce --start +1h --end +1h", 1, &["would open it"], SAME),
    case(
        CLOSED,
        "announce --start +1h --end +1h --replace",
        0,
        &["announced: "],
        Some(&["!message", "start = 2"]),
    ),
    case(
        ANNOUNCED,
        "announce --start 2096-12-01~20:00 --end 23:00 --ticket 8",
        0,
        &["Sat 1 Dec 2096 20:00 CET"],
        Some(&[
            "# tonight\nstart = 2096-12-01T20:00:00+01:00 # sharp\n",
            "end = 2096-12-01T23:00:00+01:00",
            "ticket = \"8\"",
            "de = 'Hallo'",
        ]),
    ),
    case(INACTIVE, "announce --start +1h --end +1h", 0, &["announced: "], Some(&["!closed"])),
    case(REOPENED, "announce --start +1h --end +1h", 0, &["announced: "], Some(&["!ticket"])),
    case(OTHER, "announce --start +1h --end +1h", 1, &["somebody else: anna"], SAME),
    // extend
    case(
        CLOSED,
        "extend --end 2096-11-25~02:30",
        0,
        &["extended: ", "that is 1 h later than before"],
        Some(&["=by = '{me}'\nend = 2096-11-25T02:30:00+01:00\nmessage = 'x'\n"]),
    ),
    case(
        CLOSED,
        "extend --end 2096-11-25~01:00",
        0,
        &["shortened: ", "that is 30 min earlier than before"],
        Some(&["end = 2096-11-25T01:00:00+01:00"]),
    ),
    case(
        ANNOUNCED,
        "extend --end 2096-11-25~03:00",
        0,
        &["1 h 30 min later"],
        Some(&["=# tonight\nstart = 2096-11-24T22:00:00+01:00 # sharp\nend = \
             2096-11-25T03:00:00+01:00\nby = '{me}'\nticket = 7\n\n[message]\nde = 'Hallo'\n"]),
    ),
    case(
        ANNOUNCED,
        "extend --end 2096-11-24~21:00",
        2,
        &["would not be valid", "the end is not later than the start"],
        SAME,
    ),
    case(
        EMPTY,
        "extend --end 2096-11-25~03:00",
        0,
        &["extended: "],
        Some(&["=end = 2096-11-25T03:00:00+01:00\n"]),
    ),
    case(
        None,
        "extend --end +1h",
        1,
        &["there is no ", "use maintenancectl close or announce"],
        None,
    ),
    case(OTHER, "extend --end +1h", 1, &["somebody else: anna"], SAME),
    case(
        OTHER,
        "extend --end +1h --replace",
        0,
        &["extended: "],
        Some(&["by = 'anna'\nreason = 'disks'\nend = 2"]),
    ),
    case(
        BROKEN,
        "extend --end +1h --replace",
        2,
        &["cannot be used: line 1, column 9", "correct it"],
        SAME,
    ),
    case(
        CLOSED,
        "extend --by 30m",
        0,
        &["extended: ", "  end: Sun 25 Nov 2096 02:00 CET", "that is 30 min later than before"],
        Some(&["=by = '{me}'\nend = 2096-11-25T02:00:00+01:00\nmessage = 'x'\n"]),
    ),
    case(ANNOUNCED, "extend --by +1h", 0, &["1 h later"], Some(&["end = 2096-11-25T02:30:00"])),
    case(
        OVERDUE,
        "extend --by 30m",
        2,
        &["--by: the new end would be Wed 25 Nov 2020 02:00", "write --end +30m"],
        SAME,
    ),
    case(EMPTY, "extend --by 90m", 2, &["has no end that --by can move", "--end +90m"], SAME),
    case(CLOSED, "extend --by 30", 2, &["30 has no unit; write 30m"], SAME),
    case(CLOSED, "extend --by 30m --end +1h", 2, &["cannot be used with"], SAME),
    case(CLOSED, "extend", 2, &["--end <TIME>"], SAME),
    // open
    case(None, "open", 0, &["already open: there is no "], None),
    case(CLOSED, "open", 0, &["open: removed ", "written by {me}, "], None),
    case(EMPTY, "open", 0, &["open: removed "], None),
    case(BY_HAND, "open", 0, &["open: removed "], None),
    case(ANNOUNCED, "open", 0, &["withdrawn: ", "announced by {me}"], None),
    case(INACTIVE, "open", 0, &["already open: ", "closed = false"], SAME),
    case(OTHER, "open", 1, &["somebody else: anna"], SAME),
    case(OTHER, "open --replace", 0, &["written by anna (file of "], None),
    case(BROKEN, "open", 1, &["cannot be used"], SAME),
    case(BROKEN, "open --replace", 0, &["open: removed "], None),
    case(
        CLOSED,
        "open --over 15m",
        0,
        &["reopening: ", "  few clients pass now, and all of them from ", ", in 15 min\n"],
        Some(&["reopen = \"gradual\"\nover = \"15m\"", "!end = 2096", "message = 'x'"]),
    ),
    case(
        CLOSED,
        "open --percent 10",
        0,
        &["10 per cent of the clients pass"],
        Some(&["admit_percent = 10", "end = 2096"]),
    ),
    case(CLOSED, "open --percent 10%", 0, &["10 per cent"], Some(&["admit_percent = 10"])),
    case(CLOSED, "open --percent ten", 2, &["not a whole number from 0 to 100; write 10"], SAME),
    case(EMPTY, "open --percent 0", 0, &["0 per cent"], Some(&["=admit_percent = 0\n"])),
    case(
        REOPENED,
        "extend --end +1h",
        0,
        &["extended: ", "  the site was open, and is closed again"],
        Some(&["reopen = 'auto'", "end = 2"]),
    ),
    case(CLOSED, "open --percent 101", 2, &["not a whole number from 0 to 100; write 10"], SAME),
    case(CLOSED, "open --percent 10 --over 5m", 2, &["cannot be used with"], SAME),
    case(CLOSED, "open --over 5", 2, &["5 has no unit; write 5m"], SAME),
    case(ANNOUNCED, "open --over 5m", 1, &["does not close the site now"], SAME),
    case(
        OTHER,
        "open --percent 5 --replace",
        0,
        &["reopening: "],
        Some(&["by = 'anna'", "admit_percent = 5"]),
    ),
    // whatever it is
    case(None, "clos", 2, &["unrecognized subcommand 'clos'", "'close'"], None),
    case(None, "", 2, &["Usage: maintenancectl"], None),
    case(ANNOUNCED, "cancel", 2, &["tip: write maintenancectl open; it also withdraws"], SAME),
    case(CLOSED, "Reopen", 2, &["tip: write maintenancectl open"], SAME),
    case(
        None,
        "help close",
        2,
        &["tip: write maintenancectl --help, or maintenancectl VERB"],
        None,
    ),
    case(None, "close --for 2h", 2, &["tip: write --end +2h\n"], None),
    case(
        None,
        "close --end Sun 01:30",
        2,
        &["tip: write --end TIME, and a time of two words in quotes"],
        None,
    ),
    case(None, "extend 30m", 2, &["tip: write --end TIME, and"], None),
    case(None, "close --reed-only", 2, &["a similar argument exists: '--read-only'"], None),
    case(None, "invite list list", 2, &["unexpected argument 'list'"], None),
];

/// A share that rises, and then stays where `--percent` puts it.
#[test]
fn a_share_that_stays() {
    let ground = Ground::new();
    ground.write("maintenance.flag", "message = 'x'\n");
    assert_eq!(ground.line("open --over 15m").code, Some(0));
    let said = ground.line("open --percent 10");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.out.contains("  end: "), "{said:?}");
    let flag = ground.read("maintenance.flag").expect("a flag");
    assert_eq!(flag, "message = 'x'\nadmit_percent = 10\n");
    // The share can rise again from there.
    assert_eq!(ground.line("open --over 15m").code, Some(0));
    let flag = ground.read("maintenance.flag").expect("a flag");
    assert!(
        flag.contains("admit_percent = 10\n") && flag.contains("reopen = \"gradual\""),
        "{flag}"
    );
}

/// A share that stays ends a reopening that has begun, and no other plan.
#[test]
fn a_reopening_is_stopped() {
    let ground = Ground::new();
    for line in ["close --end +1h", "open --over 1h", "open --percent 10"] {
        assert_eq!(ground.line(line).code, Some(0), "{line}");
    }
    let by = format!("by = \"{}\"\n", me());
    assert_eq!(ground.read("maintenance.flag"), Some(by + "admit_percent = 10\n"));
    for line in ["close --end +1h --reopen gradual", "open --percent 10"] {
        assert_eq!(ground.line(line).code, Some(0), "{line}");
    }
    let flag = ground.read("maintenance.flag").expect("a flag");
    for part in ["end = ", "reopen = \"gradual\"\nover = \"15m\"\n", "admit_percent = 10\n"] {
        assert!(flag.contains(part), "{part}: {flag}");
    }
}

#[test]
fn what_the_flag_says_afterwards() {
    let me = me();
    let ours = |text: &str| text.replace("{me}", &me);
    for Case { before, line, code, said, after } in CASES {
        let ground = Ground::new();
        let before = before.map(ours);
        if let Some(content) = &before {
            ground.write("maintenance.flag", content);
        }
        let result = match *line {
            "" => ground.run(&[]),
            line => ground.line(line),
        };
        let place = format!("{before:?}: {line}: {result:?}");
        assert_eq!(result.code, Some(*code), "{place}");
        let (quiet, loud) =
            if *code == 0 { (&result.err, &result.out) } else { (&result.out, &result.err) };
        // The folder of the tests can be below /tmp.
        let is_odd = |line: &str| !line.contains("note: ") && !line.contains(" is below /tmp");
        assert!(!quiet.lines().any(is_odd), "{place}");
        let all = format!("{quiet}{loud}");
        for part in *said {
            assert!(all.contains(&ours(part)), "{part}: {place}");
        }
        let found = ground.read("maintenance.flag");
        assert_eq!(found.is_some(), after.is_some(), "{place}");
        for part in after.unwrap_or_default() {
            let found = found.as_deref().expect("a flag");
            let part = ours(part);
            match part.split_at_checked(1) {
                Some(("!", absent)) => assert!(!found.contains(absent), "{found} {place}"),
                Some(("=", whole)) => assert_eq!(found, whole, "{place}"),
                _ if part == "AS BEFORE" => assert_eq!(Some(found), before.as_deref(), "{place}"),
                _ => assert!(found.contains(&part), "{part}: {found}: {place}"),
            }
        }
        let is_left = |name: &String| !["maintenance.flag", "settings.toml"].contains(&&**name);
        assert!(!ground.names().iter().any(is_left), "{:?}: {place}", ground.names());
    }
}
