//! packaging/install-command.sh, which `make install` and the packages use.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::ground::{Ground, said};

const FILES: [&str; 9] = [
    "bin/maintenancectl",
    "lib/systemd/system/maintenancectl-follow.service",
    "lib/sysusers.d/maintenancectl.conf",
    "share/bash-completion/completions/maintenancectl",
    "share/fish/vendor_completions.d/maintenancectl.fish",
    "share/man/man5/maintenance.flag.5",
    "share/man/man5/maintenancectl.toml.5",
    "share/man/man8/maintenancectl.8",
    "share/zsh/site-functions/_maintenancectl",
];

fn files(folder: &Path) -> Vec<String> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
        match path.is_dir() {
            true => files.extend(self::files(&path).into_iter().map(|it| format!("{name}/{it}"))),
            false => files.push(name),
        }
    }
    files.sort();
    files
}

#[test]
fn install_and_uninstall() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/install-command.sh");
    for (prefix, zsh) in
        [(None, FILES[8]), (Some("/usr"), "share/zsh/vendor-completions/_maintenancectl")]
    {
        let ground = Ground::new();
        let root = ground.path("root");
        let run = |word: &str| {
            let mut command = Command::new(&script);
            let command = command.arg(word).env("DESTDIR", &root).env_remove("PREFIX");
            if let Some(prefix) = prefix {
                command.env("PREFIX", prefix);
            }
            said(command.output().expect("run"))
        };
        let said = run(env!("CARGO_BIN_EXE_maintenancectl"));
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{said:?}");
        let folder = root.join(prefix.unwrap_or("/usr/local").trim_start_matches('/'));
        let mut expected = FILES.to_vec();
        expected[8] = zsh;
        assert_eq!(files(&folder), expected);
        let unit = fs::read_to_string(folder.join(FILES[1])).expect("the unit");
        let start =
            format!("\nExecStart={}/bin/maintenancectl follow\n", prefix.unwrap_or("/usr/local"));
        assert!(unit.contains(&start), "{unit}");
        let is_empty = |name: &&&str| fs::metadata(folder.join(name)).expect("a file").len() == 0;
        assert_eq!(expected.iter().find(is_empty), None);
        assert_eq!(run("--uninstall").code, Some(0));
        assert_eq!(files(&root), vec![""; 0]);
        assert_eq!(run("--uninstall").code, Some(0), "a second time");
    }
}
