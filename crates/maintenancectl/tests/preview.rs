//! preview: the page for a flag.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::ground::Ground;

const FLAG: &str = "end = 2096-11-25 01:30\ntitle = { de = 'Neue Platten', en = 'New disks' }\n\
                    message = { de = 'Bis gleich', en = 'Back soon' }\nretry_after = 60\n";

#[test]
fn pages() {
    for (line, code, parts) in [
        ("preview", 0, &["<!DOCTYPE html>", "<html lang=\"en\">", "New disks", "Back soon"][..]),
        ("preview --lang de", 0, &["<html lang=\"de\">", "Neue Platten", "Bis gleich"]),
        ("preview --lang fr,~de;q=0.5", 0, &["<html lang=\"fr\">", "New disks"]),
        ("preview --accept json", 0, &["{\"detail\":", "\"title\":\"New disks\""]),
        ("preview --accept application/json --lang de", 0, &["\"title\":\"Neue Platten\""]),
        ("preview --accept text --lang de", 0, &["=Neue Platten\n\n", "Bis gleich"]),
        (
            "preview --accept text --headers --lang de",
            0,
            &[
                "=HTTP/1.1 500 Maintenance\nContent-Type: text/plain; charset=utf-8\n",
                "\nContent-Language: de\n",
                "\nRetry-After: ",
                "\nCache-Control: no-store\nMaintenance: closed;end=@",
                "\nVary: Accept, Accept-Language",
                "\n\nNeue Platten\n",
            ],
        ),
        (
            "preview --page own.html.j2 --host h.example",
            0,
            &["=<p>Back soon from h.example 500</p>"],
        ),
        ("preview --page own.html.j2 --page own.html.de --lang de", 0, &["=<p>nur deutsch</p>"]),
        ("preview --page own.php", 2, &["does not end in .html, .htm, .json or .txt"]),
        ("preview --page nowhere.html", 2, &["nowhere.html\" cannot be read"]),
        ("preview --page own.html.de --page own.html.de", 2, &["is a second page of its type"]),
        ("preview --flag nowhere.flag", 2, &["there is no ", "nowhere.flag; name another flag"]),
        ("preview --flag bad.flag", 2, &["cannot be used: line 1, column 9", "; correct it"]),
        ("preview --flag read.flag --accept text", 0, &["changes cannot be saved at the moment"]),
        ("preview --out nowhere/x", 2, &["cannot write nowhere/x: "]),
    ] {
        let ground = Ground::new();
        ground.write("maintenance.flag", FLAG);
        ground.write("bad.flag", "start = soon\n");
        ground.write("read.flag", "refuse = 'writes'\n");
        ground.write("own.html.j2", "<p>{{ message }} from {{ host }} {{ status }}</p>");
        ground.write("own.html.de", "<p>nur deutsch</p>");
        let said = ground.line(line);
        assert_eq!(said.code, Some(code), "{line}: {said:?}");
        let all = format!("{}{}", said.out, said.err);
        for part in parts {
            let is_there = match part.strip_prefix('=') {
                Some(start) => all.starts_with(start),
                None => all.contains(part),
            };
            assert!(is_there, "{line}: {part}: {all}");
        }
    }
    // without a flag
    let ground = Ground::new();
    let said = ground.line("preview --accept text");
    assert!(said.out.contains("maintenance"), "{said:?}");
    ground.write("settings.toml", "pages = ['own.txt']\n");
    ground.write("own.txt", "ours\n");
    assert_eq!(ground.line("preview --accept text").out, "ours\n");
}

#[test]
fn where_it_goes() {
    let ground = Ground::new();
    let said = ground.line("preview --out page.html");
    assert_eq!((said.code, &*said.out), (Some(0), ""), "{said:?}");
    assert!(ground.read("page.html").expect("a page").starts_with("<!DOCTYPE html>"));
    // A browser that writes down what it is to open.
    let browser = ground.path("xdg-open");
    fs::write(&browser, "#!/bin/sh\nread -r line < \"$1\"\necho \"$1 $line\" > opened\n")
        .expect("w");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("a mode");
    let run = |words: &[&str], path: &str| {
        let mut command = ground.command(words);
        let command = command.env("PATH", path).env("TMPDIR", ground.path(""));
        crate::ground::said(command.output().expect("run"))
    };
    let path = ground.path("").display().to_string();
    let said = run(&["preview", "--open"], &path);
    assert_eq!((said.code, &*said.out), (Some(0), ""), "{said:?}");
    let opened = ground.read("opened").expect("opened");
    assert!(opened.contains("/maintenance-preview-"), "{opened}");
    assert!(opened.ends_with(".html <!DOCTYPE html>\n"), "{opened}");
    run(&["preview", "--open", "--out", "page.html"], &path);
    assert_eq!(ground.read("opened").as_deref(), Some("page.html <!DOCTYPE html>\n"));
    let said = run(&["preview", "--open"], "/nowhere");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("there is no browser here; copy "), "{said:?}");
}
