use super::*;

/// The hashes of `secret` and `other`.
const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const OTHER: &str = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

fn read(text: impl AsRef<[u8]>) -> Result<String, String> {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let read = parse(text.as_ref(), &zone).map_err(|error| error.to_string())?;
    let line = |invitation: &Arc<Invitation>| {
        let Invitation { name, until, path, line, .. } = &**invitation;
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        let path = path.as_ref().map_or_else(String::new, |path| format!(" {}", path.as_str()));
        format!("{line}:{name}{until}{path}")
    };
    Ok(read.iter().map(line).collect::<Vec<_>>().join(", "))
}

/// `$` stands for a hash, and `%` for another one.
fn complete(text: &str) -> String {
    text.replace('$', HASH).replace('%', OTHER)
}

#[test]
fn files() {
    for (text, expected) in [
        ("anna $\n", "1:anna"),
        ("anna $", "1:anna"),
        ("\u{feff}anna $\r\n\r\nbert % # a vendor\r\n", "1:anna, 3:bert"),
        ("# nobody yet\n", ""),
        (" \tanna\t $ \n", "1:anna"),
        ("anna.schmidt@example.com $\nJürgen %\n", "1:anna.schmidt@example.com, 2:Jürgen"),
        ("anna $ path=/x", "1:anna /x"),
        ("anna $ until=2026-11-28T22:00", "1:anna until 2026-11-28T21:00:00Z"),
        ("anna $ PATH=/x/ Until=2026-11-28T22:00+0200", "1:anna until 2026-11-28T20:00:00Z /x/"),
        ("anna $#comment", "1:anna"),
    ] {
        assert_eq!(read(complete(text)).as_deref(), Ok(expected), "{text:?}");
    }
    let upper = format!("anna {}", HASH.to_uppercase());
    let read = parse(upper.as_bytes(), &TimeZone::UTC).expect("upper case");
    // The second time, it is known already.
    for _ in 0..2 {
        let found = read.find(b"secret");
        assert_eq!(found.map(|invitation| invitation.name.clone()).as_deref(), Some("anna"));
        for other in [&b"secret "[..], b"Secret", b"", b"secret\0"] {
            assert_eq!(read.find(other), None, "{}", other.escape_ascii());
        }
    }
}

#[test]
fn what_is_none() {
    let secret = "kq3W0nGvxP7Yb2mJ9sRt5A";
    let empty = SecretHash::of_nothing().to_hex();
    for (text, message) in [
        ("", "is empty; to admit nobody"),
        ("\u{feff} \r\n", "is empty"),
        ("\n\nanna\n", "line 3: there is no hash behind the name; write NAME HASH"),
        ("anna until=2026-11-28T22:00", "line 1: there is no hash behind the name"),
        ("$", "line 1: there is no name in front of the hash"),
        ("$ anna", "line 1: there is no name in front of the hash"),
        ("anna abc123", "line 1: the hash has 6 hexadecimal digits instead of the 64"),
        (&format!("anna {HASH}0"), "line 1: the hash has 65 hexadecimal digits"),
        (&format!("anna {secret}"), "line 1: the second word is not a SHA-256 hash"),
        (&format!("anna {secret}=="), "line 1: the second word is not a SHA-256 hash"),
        (&format!("anna schmidt {HASH}"), "line 1: the second word is not a SHA-256 hash"),
        (&format!("anna {}", HASH.replace('b', "g")), "line 1: the second word is not a SHA-"),
        (&format!("anna {empty}"), "line 1: this is the hash of an empty text"),
        ("anna $\nbert %\nanna %", "line 3: \"anna\" is the name in line 1, too; write another"),
        ("anna $\nbert $", "line 2: this hash stands in line 1, too; make a secret for each"),
        ("anna $ -", "line 1: leave out the - that sha256sum prints behind the hash"),
        (&format!("anna $ {secret}"), "line 1: a word behind the hash begins with neither"),
        ("anna $ role=admin", "line 1: a word behind the hash begins with neither until= nor"),
        ("anna $ until=", "line 1: until= has no time; write until=2026-11-22T23:00:00+01:00"),
        (
            "anna $ until=2026-11-28 22:00 path=/x",
            "line 1: the time of until= has a blank; write until=2026-11-28T22:00:00+01:00",
        ),
        ("anna $ until=2026-11-28T22:00 until=2026-11-28T22:00", "line 1: until= stands there"),
        ("anna $ path=/x path=/y", "line 1: path= stands there twice; leave one of them"),
        ("anna $ path=x", "line 1: \"path=x\" does not begin with /; write path=/x"),
        ("anna $ path=/", "line 1: \"path=/\" would exempt everything"),
        ("a\u{200b}b $", "line 1: the name is longer than 64 characters or has invisible ones"),
        (&format!("{} $", "n".repeat(65)), "line 1: the name is longer than 64 characters"),
    ] {
        let error = read(complete(text)).expect_err(text);
        assert!(error.starts_with(message), "{text:?}: {error}");
        assert!(!error.contains(secret) && !error.contains(&HASH[..16]), "{error}");
    }
    for utf16 in [&b"\xff\xfea\x00n\x00"[..], b"a\x00n\x00"] {
        assert_eq!(read(utf16), Err("is UTF-16; save it as UTF-8".to_owned()));
    }
    let latin = [complete("anna $\n").as_bytes(), b"J\xfcrgen x"].concat();
    assert_eq!(read(latin), Err("line 2: this is not UTF-8; save the file as UTF-8".to_owned()));
}

#[test]
fn many() {
    let hash = |n: u32| SecretHash::of(n.to_string().as_bytes()).expect("a hash");
    let line = |n: u32| format!("guest{n} {}\n", hash(n).to_hex());
    let text: String = (0..100_000).map(line).collect();
    assert!((text.len() as u64) < MAX_SIZE);
    let read = parse(text.as_bytes(), &TimeZone::UTC).expect("many");
    assert_eq!((read.len(), read.expired(Timestamp::MAX)), (100_000, 0));
    // More than are known at a time.
    for n in (0..500).chain([77_777, 99_999]).cycle().take(2000) {
        let found = read.find(n.to_string().as_bytes());
        assert_eq!(found.map(|found| found.line), Some(n + 1));
    }
    assert_eq!(read.find(b"100000"), None);
}
