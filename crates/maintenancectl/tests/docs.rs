//! docs/maintenancectl.md: its commands run, its example is what `check` says, and its settings can
//! be read.

use std::fs;
use std::path::Path;

use crate::ground::{Ground, said};

/// The blocks of this kind.
fn blocks<'d>(document: &'d str, kind: &str) -> Vec<&'d str> {
    let start = format!("\n```{kind}\n");
    document
        .split(&start)
        .skip(1)
        .map(|rest| rest.split("\n```\n").next().expect("an end"))
        .collect()
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/maintenancectl.md");
    fs::read_to_string(path).expect("the document")
}

#[test]
fn commands() {
    let document = document();
    let ground = Ground::new();
    let settings =
        blocks(&document, "text").into_iter().find(|it| it.starts_with("flag")).expect("settings");
    let moved = |text: &str| text.replace("/etc/apache2", ground.path("").to_str().expect("text"));
    ground.write("settings.toml", moved(settings));
    ground.write("tonight.toml", "start = 2096-11-24 22:00\n");
    let mut number = 0;
    for line in blocks(&document, "console").iter().flat_map(|block| block.lines()) {
        number += 1;
        let line = moved(line.strip_prefix("maintenancectl ").expect("a command"));
        // The shell reads the quotes.
        let mut command = std::process::Command::new("sh");
        let command = command
            .args(["-c", &format!("exec \"$CTL\" {line} --config settings.toml")])
            .env("CTL", env!("CARGO_BIN_EXE_maintenancectl"))
            .env("TZ", crate::ground::BERLIN)
            .env_remove("SUDO_USER")
            .current_dir(ground.path(""));
        let said = said(command.output().expect("run"));
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
    }
    assert!(number >= 12, "{number} commands");
}

#[test]
fn the_example_of_check() {
    let document = document();
    let example = blocks(&document, "text").into_iter().find(|it| it.starts_with("error"));
    let ground = Ground::new();
    ground.write("tonight.toml", "# tonight\nstart = soon\n");
    assert_eq!(ground.line("check tonight.toml").out.trim_end(), example.expect("an example"));
}
