//! allow and invite.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::ground::{Ground, me};

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The file before, the words, the exit code, a part of what is said, and the file afterwards, where
/// `ME` is the user. None: as before.
type Case = (&'static str, &'static str, i32, &'static str, Option<&'static str>);

const ALLOW: &[Case] = &[
    ("# x\n", "192.0.2.7", 0, "allowed: 192.0.2.7 for good, by ", Some("# x\n192.0.2.7 # by ME\n")),
    (
        "10.0.0.1",
        "192.0.2.0/24",
        0,
        "allowed: 192.0.2.0/24 ",
        Some("10.0.0.1\n192.0.2.0/24 # by ME\n"),
    ),
    (
        "# x\n",
        "2001:db8::7 --until 2096-11-24~22:00",
        0,
        "allowed: 2001:db8::7 until Sat 24 Nov 2096 22:00 CET, in ",
        Some("# x\n2001:db8::7 until=2096-11-24T22:00:00+01:00 # by ME\n"),
    ),
    (
        "a\n",
        "192.0.2.7",
        2,
        "cannot be used: line 1: \"a\" is neither an address nor a network",
        None,
    ),
    (
        "192.0.2.7 # Anna\n",
        "192.0.2.7",
        0,
        "already allowed: 192.0.2.7 for good, by line 1 of ",
        None,
    ),
    ("192.0.2.7 # Anna\n", "192.0.2.7 --for 2h", 0, "already allowed: 192.0.2.7 for good", None),
    ("10.0.0.0/24\n", "10.0.0.0/24", 0, "already allowed", None),
    (
        "10.0.0.1\r\n192.0.2.7 until=2020-01-01T10:00 # Anna\r\n",
        "192.0.2.7 --until 2096-11-24~22:00",
        0,
        "allowed: 192.0.2.7 until Sat 24 Nov 2096",
        Some("10.0.0.1\r\n192.0.2.7 until=2096-11-24T22:00:00+01:00 # Anna\r\n"),
    ),
    (
        "192.0.2.7 until=2096-01-01T10:00\r\n",
        "192.0.2.7",
        0,
        "allowed: 192.0.2.7 for good",
        Some("192.0.2.7\r\n"),
    ),
    ("# x\n", "node1", 2, "\"node1\" is neither an address nor a network; write host=node1", None),
    ("# x\n", "10.0.0.300", 2, "an IPv4 address has four numbers from 0 to 255", None),
    ("# x\n", "10.0.0.1~10.0.0.2", 2, "is a second entry", None),
    ("# x\n", "10.0.0.1~until=2096-01-01T10:00", 2, "write the end as --for or --until", None),
    ("# x\n", "10.0.0.1 --for 2", 2, "--for: 2 has no unit; write 2m for minutes", None),
    ("# x\n", "10.0.0.1 --until 2020-01-01~10:00", 2, "--until: \"2020-01-01 10:00\" is ", None),
    ("# x\n", "10.0.0.1 --until 22:00 --for 2h", 2, "cannot be used with", None),
    ("# x\n", "list", 2, "\"list\" is not an address; write maintenancectl allow 192.0.2.7", None),
    ("# x\n", "", 2, "<ADDRESS>", None),
];

#[test]
fn addresses() {
    for (before, words, code, part, after) in ALLOW {
        let ground = Ground::new();
        ground.write("list", before);
        let line = format!("allow --file list {words}");
        let said = ground.line(line.trim());
        let place = format!("{before:?}: {line}: {said:?}");
        assert_eq!(said.code, Some(*code), "{place}");
        let said = if *code == 0 { &said.out } else { &said.err };
        assert!(said.contains(part), "{part}: {place}");
        let after = after.unwrap_or(before).replace("ME", &me());
        assert_eq!(ground.read("list"), Some(after), "{place}");
        assert_eq!(ground.names().len(), 2, "{place}");
    }
}

#[test]
fn files_of_lists() {
    let ground = Ground::new();
    // a new file
    assert_eq!(ground.line("allow --file list 192.0.2.7 --for 2h").code, Some(0));
    let list = ground.read("list").expect("a list");
    assert!(list.starts_with("# Addresses that pass while the site is closed\n192.0.2.7 until=2"));
    let mode =
        |name: &str| fs::metadata(ground.path(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode("list"), 0o644);
    // The mode of an old one stays, and a link, too.
    fs::set_permissions(ground.path("list"), fs::Permissions::from_mode(0o640)).expect("a mode");
    symlink(ground.path("list"), ground.path("link")).expect("a link");
    assert_eq!(ground.line("allow --file link 192.0.2.8").code, Some(0));
    assert!(fs::symlink_metadata(ground.path("link")).expect("a link").is_symlink());
    assert!(ground.read("list").expect("a list").contains("192.0.2.8"));
    assert_eq!(mode("list"), 0o640);
    // that of the settings
    ground.write("settings.toml", "allow = \"list\"\ninvitations = \"guests\"\n");
    assert_eq!(ground.line("allow 192.0.2.9").code, Some(0));
    assert!(ground.read("list").expect("a list").contains("192.0.2.9"));
    assert_eq!(ground.line("invite add anna").code, Some(0));
    assert_eq!(mode("guests"), 0o644);
    ground.write("settings.toml", "");
    for (line, part) in [
        ("allow 192.0.2.9", "no file is named; add --file FILE, or write allow = \"FILE\""),
        ("invite list", "write invitations = \"FILE\" into /etc/maintenancectl.toml"),
        ("allow 192.0.2.9 --file .", "is not a regular file"),
        ("allow 192.0.2.9 --file nowhere/list", "nowhere does not exist; create it"),
    ] {
        let said = ground.line(line);
        assert_eq!(said.code, Some(2), "{line}: {said:?}");
        assert!(said.err.contains(part), "{line}: {said:?}");
    }
}

const INVITE: &[Case] = &[
    ("", "list", 0, "", None),
    (
        "anna HASH until=2096-11-24T22:00 path=/x\nbob OTHER\n",
        "list",
        0,
        "anna  until Sat 24 Nov 2096 22:00 CET, in ",
        None,
    ),
    ("anna HASH until=2020-11-24T22:00\n", "list", 0, "anna  ended Tue 24 Nov 2020", None),
    ("anna HASH\n", "revoke anna", 0, "revoked: anna", Some("# nobody is invited\n")),
    ("# x\nanna HASH\nbob OTHER # y\n", "revoke anna", 0, "revoked", Some("# x\nbob OTHER # y\n")),
    ("anna HASH\n", "revoke bob", 1, "has no invitation of bob; invited are anna", None),
    ("# x\n", "revoke bob", 1, "has no invitation of bob; nobody is invited", None),
    ("anna HASH\n", "add anna", 1, "anna is invited already, in line 1 of ", None),
    ("anna\n", "add bob", 2, "cannot be used: line 1: there is no hash behind the name", None),
    ("# x\n", "add a~b", 2, "\"a b\" is not a name; write one word", None),
    ("# x\n", "add a#b", 2, "\"a#b\" is not a name", None),
    ("# x\n", "add anna --path x", 2, "\"path=x\" does not begin with /; write path=/x", None),
    ("# x\n", "add anna --for soon", 2, "--for: \"soon\" is not a duration", None),
    (
        "# x\n",
        "add anna --url www.example.com",
        2,
        "is not a URL; write https://www.example.com/",
        None,
    ),
    ("# x\n", "add anna --url ftp://x/", 2, "is not a URL", None),
    ("# x\n", "", 2, "Usage: maintenancectl invite", None),
];

#[test]
fn invitations() {
    let other = HASH.replace('b', "c");
    for (before, words, code, part, after) in INVITE {
        let ground = Ground::new();
        let hashes = |text: &str| text.replace("HASH", HASH).replace("OTHER", &other);
        if !before.is_empty() {
            ground.write("guests", hashes(before));
        }
        let line = format!("invite --file guests {words}");
        let said = ground.line(line.trim());
        let place = format!("{before:?}: {line}: {said:?}");
        assert_eq!(said.code, Some(*code), "{place}");
        let said = if *code == 0 { &said.out } else { &said.err };
        assert!(said.contains(part), "{part}: {place}");
        let after = hashes(after.unwrap_or(before));
        assert_eq!(ground.read("guests").unwrap_or_default(), after, "{place}");
    }
}

/// What the command cannot read, it does not replace.
#[test]
fn lists_that_are_no_text() {
    for (name, line) in [
        ("guests", "invite add bob"),
        ("guests", "invite list"),
        ("guests", "invite revoke anna"),
        ("list", "allow 192.0.2.7"),
    ] {
        let ground = Ground::new();
        let content = [b"# B\xe4rbel\n", "anna HASH\n".replace("HASH", HASH).as_bytes()].concat();
        ground.write(name, &content);
        let said = ground.line(&format!("{line} --file {name}"));
        assert_eq!(said.code, Some(2), "{line}: {said:?}");
        assert!(said.err.contains("cannot be used: it is not UTF-8; see "), "{line}: {said:?}");
        assert_eq!(fs::read(ground.path(name)).expect("a file"), content, "{line}");
    }
}

#[test]
fn links() {
    for (options, start) in [
        ("--url https://www.example.com", "https://www.example.com/?maintenance-invite="),
        ("--url https://www.example.com/", "https://www.example.com/?maintenance-invite="),
        ("--url https://h/?a=b#c", "https://h/?a=b&maintenance-invite="),
        ("--url https://h --path /wiki", "https://h/wiki?maintenance-invite="),
        ("--url https://h/wiki/x --path /wiki", "https://h/wiki/x?maintenance-invite="),
        ("", "?maintenance-invite="),
    ] {
        let ground = Ground::new();
        let line = format!("invite add anna --for 2h --file guests {options}");
        let said = ground.line(line.trim());
        assert_eq!(said.code, Some(0), "{said:?}");
        let secret = said.out.strip_prefix(start).expect(&said.out).trim_end();
        assert!(said.err.contains("anna is invited until ") && said.err.contains(", in 2 h"));
        assert!(secret.len() >= 22, "at least 128 bits: {secret}");
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(secret.bytes().all(is_safe), "{secret}");
        // The hash is the one that sha256sum prints, and the secret is in no file.
        let script = format!("printf %s {secret} | sha256sum");
        let hash = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
        let hash = String::from_utf8(hash.stdout).expect("text");
        let guests = ground.read("guests").expect("guests");
        let entry = format!("anna {} until=2", hash.split(' ').next().expect("a hash"));
        assert!(guests.contains(&entry), "{guests}");
        assert!(!guests.contains(secret));
        let again = ground.line("check --kind invitations guests");
        assert_eq!((again.code, &*again.out), (Some(0), "guests: 1 invitation\n"));
        let other = ground.line("invite add bob --file guests");
        assert_ne!(other.out.trim_end().rsplit('=').next(), Some(secret));
        assert!(other.err.contains("bob is invited for good; maintenancectl invite revoke bob"));
    }
}
