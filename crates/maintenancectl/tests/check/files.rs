//! The files of the table, and what `check` says of them.

/// The name of a file, its content, whether it can be used, and parts of what is said. `@` stands
/// for the name, and `HASH` for a hash.
pub(super) type Case = (&'static str, &'static [u8], bool, &'static [&'static str]);

pub(super) const FLAGS: &[Case] = &[
    ("a.flag", b"", true, &["=@: closes at once\n"]),
    ("a.flag", b"by = 'x'\n", true, &["=@: closes at once\n"]),
    ("a.flag", b"\xef\xbb\xbfby = 'x'\r\n", true, &["=@: closes at once\n"]),
    ("a.toml", b"closed = false\n", true, &["=@: is open: closed = false\n"]),
    (
        "a.flag",
        b"start = 2096-11-24 22:00\nend = 2096-11-25 01:30\n",
        true,
        &["@: closes at Sat 24 Nov 2096 22:00 CET, in ", ", until Sun 25 Nov 2096 01:30 CET, in "],
    ),
    ("a.flag", b"end = 2020-11-25 01:30\n", true, &["closes at once; the end was Wed 25 Nov 2020"]),
    (
        "a.flag",
        b"end = 2020-11-25 01:30\nreopen = 'auto'\n",
        true,
        &["is open again since Wed 25 Nov 2020 01:30 CET, "],
    ),
    (
        "a.flag",
        b"start = soon\n",
        false,
        &[
            " --> @:1:9\n",
            "\n1 | start = soon\n  |         ^^^^\n",
            "1 error, 0 warnings in 1 file",
        ],
    ),
    (
        "a.flag",
        b"start = 2026-11-28\n",
        false,
        &[
            "error: this is a date without a time\n --> @:1:9",
            "  = help: write 2026-11-22T23:00:00",
        ],
    ),
    (
        "a.flag",
        b"ends = 'x'\nby = 'x'\n",
        true,
        &["warning: unknown key \"ends\"\n --> @:1:1", "= help: did you mean end?"],
    ),
    (
        "a.flag",
        b"starts = 2096-11-28 22:00\n",
        false,
        &["error: unknown key \"starts\"", "did you mean start?"],
    ),
    (
        "a.flag",
        b"[message]\nstart = 2096-11-28 22:00\n",
        false,
        &["error: start belongs above [message]\n --> @:2:1"],
    ),
    (
        "a.flag",
        b"end = 2020-01-01 1:00\nend = 2020-01-01 1:00\n",
        false,
        &[" --> @:2:1", "duplicate key"],
    ),
    (
        "a.flag",
        b"end = 2020-01-01 1:00\nEND = 2020-01-01 1:00\n",
        false,
        &[" --> @:2:1", "this is a second end"],
    ),
    (
        "a.flag",
        b"start = 2096-01-02 1:00\nend = 2096-01-01 1:00\n",
        false,
        &["error: the end is not later than the start\n --> @:2:7"],
    ),
    (
        "a.flag",
        b"reopen = 'auto'\n",
        false,
        &["error: there is no end to reopen at\n --> @:1:10", "= help: write end = "],
    ),
    (
        "a.flag",
        b"reopen = 'gradual'\nend = 2096-01-01 1:00\n",
        false,
        &["needs the time within which it reopens", "write over = \"15m\""],
    ),
    ("a.flag", b"over = '15m'\n", false, &["over is for a gradual reopening\n --> @:1:8"]),
    (
        "a.flag",
        b"refuse = 'all of it'\n",
        false,
        &["error: write \"all\" or \"writes\"\n --> @:1:10"],
    ),
    ("a.flag", b"closed = 'no'\n", false, &["error: this is neither true nor false\n --> @:1:10"]),
    ("a.flag", b"admit_percent = 101\n", false, &["not a whole number from 0 to 100\n --> @:1:17"]),
    ("a.flag", b"message = hello\n", false, &["error: this text is not in quotes\n --> @:1:11"]),
    (
        "a.flag",
        b"message = \xe2\x80\x9ex\xe2\x80\x9c\n",
        false,
        &["error: these are typographic quotes\n --> @:1:11"],
    ),
    (
        "a.flag",
        b"message = 'gr\xfc\xdfe'\n",
        false,
        &["error: this is not UTF-8\n --> @:1:14", "= help: save the file as UTF-8"],
    ),
    ("a.flag", b"\xff\xfea\0=\0", false, &["error: this is UTF-16\n --> @:1:1"]),
    (
        "a.flag",
        b"{\"start\": 1}\n",
        false,
        &["error: this is JSON\n --> @:1:1", "= help: write TOML: start = "],
    ),
    ("a.flag", b"start: 2026-11-28\n", false, &["error: this is YAML\n --> @:1:6"]),
    (
        "a.flag",
        b"allow = ['10.0.0.300', 'x', '10.0.0.1']\n",
        false,
        &[" --> @:1:10\n", "an IPv4 address has four numbers"],
    ),
    (
        "a.flag",
        b"[message]\ndeutsch = 'x'\n",
        true,
        &["warning: \"deutsch\" is not a language\n --> @:2:1", "= help: write de"],
    ),
    (
        "a.flag",
        b"retry_after = 'x'\nadmit_percent = 'y'\nrefuse = 'z'\n",
        false,
        &[" --> @:1:15", " --> @:2:17", " --> @:3:10", "3 errors, 0 warnings in 1 file"],
    ),
];

pub(super) const PAGES: &[Case] = &[
    ("a.txt.j2", b"{{ message }}\n", true, &["=@: a template\n"]),
    (
        "a.html.de.j2",
        b"{# long #}{{ title }}",
        true,
        &["@: a template, in de\n", "so short that some browsers"],
    ),
    ("a.json", b"{\"a\": 1}", true, &["=@: a page\n"]),
    ("a.html.de", b"", false, &["error: @: the file is empty"]),
    (
        "a.html.deutsch",
        b"x",
        false,
        &["ends in \"deutsch\", which is not a language", "= help: write de"],
    ),
    (
        "a.txt.j2",
        b"\n{{ mesage }} {{ message }}",
        false,
        &["error: there is no variable \"mesage\"\n --> @:2:4\n"],
    ),
    ("a.txt.j2", b"message {{ x }} {{ message|y }}\n", false, &[" --> @:1:"]),
    ("a.txt.j2", b"{{ message\n", false, &["error: ", " --> @:"]),
    (
        "a.txt.j2",
        b"{% if message %}x\n",
        false,
        &["error: unexpected end of input, expected end of block"],
    ),
    (
        "a.json",
        b"{\"a\": 1,\n \"b\" 2}",
        false,
        &["error: the file is not valid JSON: expected `:`\n --> @:2:6\n"],
    ),
    ("a.json.j2", b"{\"a\": \"{{ message }}\"}", false, &["error: @: the file is not valid JSON"]),
    ("a.html", b"<p>gr\xfc\xdfe</p>", false, &["error: this is not UTF-8\n --> @:1:6\n"]),
];

pub(super) const LISTS: &[Case] = &[
    ("a.txt", b"10.0.0.1 # Anna\n10.0.0.0/24\n", true, &["=@: 2 addresses or networks\n"]),
    ("a.txt", b"# x\n\n10.0.0.1\n", true, &["=@: 1 address or network\n"]),
    ("list", b"10.0.0.1", true, &["warning: the last line has no line end", " --> @:1:9"]),
    (
        "list",
        b"10.0.0.1\nnode1\n10.0.0.0/33\nx y\n",
        false,
        &[
            "error: \"node1\" is neither an address nor a network\n --> @:2:1\n",
            "= help: write host=node1 in MaintenanceAllow",
            " --> @:3:1\n",
            " --> @:4:1\n",
            "3 errors, 0 warnings",
        ],
    ),
    (
        "list",
        b"10.0.0.1 10.0.0.2\n",
        false,
        &["error: \"10.0.0.2\" is a second entry\n --> @:1:10\n"],
    ),
    (
        "list",
        b"10.0.0.0 255.255.0.0\n",
        false,
        &["is a netmask\n --> @:1:10\n", "= help: write 10.0.0.0/16"],
    ),
    (
        "list",
        b"10.0.0.1 until=22:00\n",
        false,
        &["what follows until= is not a date with a time", "^"],
    ),
    (
        "list",
        b"10.0.0.1 until=2020-01-01T10:00\n",
        true,
        &["warning: this entry has ended, Wed 1 Jan 2020 10:00 CET, "],
    ),
    ("list", b"\n10.0.0.1\n\xef\xbb\xbf10.0.0.2\n", false, &[" --> @:3:1"]),
];

pub(super) const CONFIGS: &[Case] = &[
    (
        "a.xml",
        b"<Config><Server><Transport Hostname='a'/></Server></Config>",
        true,
        &["=@: 1 host\n"],
    ),
    (
        "config",
        b"<?xml version='1.0'?>\n<Config/>",
        true,
        &["warning: @: the file has no Transport of a Server", "= help: it admits nobody"],
    ),
    (
        "a.xml",
        b"<Config>\n<Server><Transport Hostname='*'/></Server></Config>",
        true,
        &["warning: \"*\" is neither a host name nor an address\n --> @:2:30\n"],
    ),
    (
        "a.xml",
        b"<Config><Server>\n<Transport/></Server></Config>",
        true,
        &["warning: a Transport without a Hostname\n --> @:2:1\n"],
    ),
    (
        "a.xml",
        b"<Config>\n<Server>\n",
        false,
        &["error: the file ends inside <Server>\n --> @:2:10\n"],
    ),
    ("a.xml", b"<Config>\n</Server>\n", false, &["error: ", " --> @:2:1\n"]),
    ("a.xml", b"<html/>", false, &["error: @: the root element is <html>, not <Config>"]),
    ("a.xml", b"text", false, &["error: @: the file is not an XML document"]),
];

pub(super) const INVITATIONS: &[Case] = &[
    ("guests", b"anna HASH until=2096-01-01T10:00 path=/x\n", true, &["=@: 1 invitation\n"]),
    ("guests", b"anna HASH\nbob OTHER # x\n", true, &["=@: 2 invitations\n"]),
    (
        "guests",
        b"anna HASH\nanna OTHER\n",
        false,
        &["error: \"anna\" is the name in line 1, too\n --> @:2:1\n", "2 | anna *****"],
    ),
    (
        "guests",
        b"anna HASH\nbob HASH\n",
        false,
        &["error: this hash stands in line 1, too\n --> @:2:1\n"],
    ),
    (
        "guests",
        b"anna HASH\nbob c2VjcmV0LXNlY3JldC1zZWNyZXQ\n",
        false,
        &["is not a SHA-256 hash", "2 | bob ***************************\n"],
    ),
    (
        "guests",
        b"anna HASH until=2020-01-01T10:00\n",
        true,
        &["warning: the invitation of \"anna\" has ended, Wed 1 Jan 2020"],
    ),
    ("guests", b"anna HASH -\n", false, &["leave out the - that sha256sum prints"]),
];
