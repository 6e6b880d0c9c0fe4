//! The manual, the completions and the help.

use std::fs;
use std::process::Command;

use crate::ground::{Ground, said};

const PAGES: [&str; 3] =
    ["man8/maintenancectl.8", "man5/maintenance.flag.5", "man5/maintenancectl.toml.5"];

#[test]
fn pages_render_without_warnings() {
    let ground = Ground::new();
    assert_eq!(ground.line("man --dir share").code, Some(0));
    for page in PAGES {
        let path = ground.path("share").join(page);
        let mandoc =
            Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&path).output();
        let mandoc = said(mandoc.expect("mandoc, of the package mandoc"));
        assert!(mandoc.code == Some(0) && mandoc.out.is_empty(), "{page}: {mandoc:?}");
        let man = Command::new("man")
            .args(["--warnings=w", "-Tutf8", "-l"])
            .arg(&path)
            .env("LC_ALL", "C.UTF-8")
            .output();
        let man = said(man.expect("man, of the package man-db"));
        assert!(man.code == Some(0) && man.err.is_empty(), "{page}: {man:?}");
        let name =
            page.rsplit('/').next().and_then(|name| name.rsplit_once('.')).expect("a name").0;
        let shown = ground.run(&["man", name]);
        assert_eq!(shown.out, fs::read_to_string(&path).expect("a page"), "{name}");
    }
    assert_eq!(ground.line("man nothing").code, Some(2));
    assert_eq!(ground.run(&["man", "--dir", "/proc/nowhere"]).code, Some(2));
}

/// In each shell, after the first letters of a verb and of an option.
#[test]
fn completions_load() {
    let ground = Ground::new();
    for shell in ["bash", "zsh", "fish"] {
        ground.write(shell, ground.run(&["completions", shell]).out);
    }
    let bash = "source ./bash; COMP_WORDS=(maintenancectl clo); COMP_CWORD=1; _maintenancectl \
                maintenancectl clo maintenancectl; echo \"${COMPREPLY[@]}\"; \
                COMP_WORDS=(maintenancectl close --read); COMP_CWORD=2; _maintenancectl \
                maintenancectl --read close; echo \"${COMPREPLY[@]}\"";
    let zsh = "autoload -Uz compinit; compinit -u -d ./dump; compdef() { }; source ./zsh; which \
               _maintenancectl _maintenancectl_commands | grep -o \"'close:Close the site now'\\|--read-only\" | sort -u";
    let fish = "source ./fish; complete -C 'maintenancectl clo'; complete -C 'maintenancectl close \
                --read'";
    for (shell, script, expected) in [
        ("bash", bash, "close\n--read-only\n"),
        ("zsh", zsh, "'close:Close the site now'\n--read-only\n"),
        (
            "fish",
            fish,
            "close\tClose the site now\n--read-only\tRefuse only requests that can change something\n",
        ),
    ] {
        let output = Command::new(shell)
            .args(if shell == "bash" { &["--norc", "-c"][..] } else { &["-c"] })
            .arg(script)
            .current_dir(ground.path(""))
            .env("HOME", ground.path(""))
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .output();
        let said = said(output.expect(shell));
        assert_eq!((said.code, &*said.out, &*said.err), (Some(0), expected, ""), "{shell}");
    }
    assert_eq!(ground.line("completions nushell").code, Some(2));
}

#[test]
fn help_fits_a_screen() {
    let ground = Ground::new();
    let said = ground.line("--help");
    assert_eq!(said.code, Some(0));
    let lines: Vec<_> = said.out.lines().collect();
    assert!(lines.len() <= 24, "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", said.out);
    assert_eq!(ground.line("-h").out, said.out);
}

/// The manual must be there when the settings are wrong.
#[test]
fn without_settings() {
    let ground = Ground::new();
    ground.write("settings.toml", "flg = 'x'\n\n[[server]]\nname = 1\n");
    for (line, code) in [("man", 0), ("completions bash", 0), ("--version", 0), ("open", 2)] {
        let said = ground.line(line);
        assert_eq!(said.code, Some(code), "{line}: {said:?}");
    }
    for (content, cause) in [
        ("flg = 'x'\n", "settings.toml:1:1: unknown key \"flg\"; did you mean flag?"),
        ("x = 'x'\n", "settings.toml:1:1: unknown key \"x\"; the keys are flag, allow, "),
        ("flag = 'x'\n[server]\nname = 'x'\n", "settings.toml:2:1: a server is one of several; w"),
        (
            "[server]\nname='x'\n[server]\nname='y'\n",
            "a server is one of several; write [[server]]",
        ),
        ("flag = 'x\n", "settings.toml:1:"),
        ("timeout = 'x'\n", "settings.toml:1:11: \"x\" is not a duration"),
        (
            "[[server]]\nname = 'x'\n",
            "settings.toml:1:1: this server has no status page; write status = ",
        ),
        (
            "[[server]]\nname = 1\n",
            "settings.toml:2:8: invalid type: integer `1`, expected a string",
        ),
    ] {
        ground.write("settings.toml", content);
        let said = ground.line("open");
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(cause), "{cause}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_maintenancectl"));
    let said = said(command.args(["open", "--config", "/nowhere"]).output().expect("run"));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cannot read the settings /nowhere: No such file"), "{said:?}");
}
