//! `make install` and `make uninstall`, with an apxs that has a folder of the test for httpd's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Machine(tempfile::TempDir);

impl Machine {
    /// `folders` are those that httpd's configuration has.
    fn new(folders: &[&str]) -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        for folder in ["etc", "modules"].iter().chain(folders) {
            fs::create_dir_all(machine.path(folder)).expect("folders");
        }
        let root = machine.path("").display().to_string();
        let apxs = format!(
            "#!/bin/sh\ncase $2 in LIBEXECDIR) echo {root}modules;; *) echo {root}etc;; esac\n"
        );
        fs::write(machine.path("apxs"), apxs).expect("written");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(machine.path("apxs"), executable).expect("executable");
        fs::write(machine.path("module.so"), "a module").expect("written");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, word: &Path) -> (bool, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("httpd-test/install-module.sh");
        let mut command = Command::new(script);
        let command = command.arg(word).env("APXS", self.path("apxs")).env_remove("DESTDIR");
        let output = command.output().expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    }

    fn install(&self) {
        let (is_good, said) = self.run(&self.path("module.so"));
        assert!(is_good && self.path("modules/mod_maintenance.so").exists(), "{said}");
    }

    fn uninstall(&self, is_possible: bool, expected: &[&str]) {
        let (is_good, said) = self.run(Path::new("--uninstall"));
        assert_eq!(is_good, is_possible, "{said}");
        assert!(expected.iter().all(|text| said.contains(text)), "{said}");
        assert_eq!(self.path("modules/mod_maintenance.so").exists(), !is_possible, "{said}");
    }
}

#[test]
fn one_configuration_file() {
    let machine = Machine::new(&[]);
    let config = machine.path("etc/httpd.conf");
    machine.install();
    fs::write(&config, "LoadModule maintenance_module modules/mod_maintenance.so\n")
        .expect("written");
    machine.uninstall(false, &["httpd.conf:1:LoadModule", "restart httpd"]);
    fs::write(&config, "# LoadModule maintenance_module x\nMaintenanceFlag a.flag\n")
        .expect("written");
    machine.uninstall(true, &["httpd.conf:2:MaintenanceFlag", "apachectl -t"]);
    machine.uninstall(true, &[]);
}

#[test]
fn as_on_debian() {
    let machine = Machine::new(&["etc/mods-available", "etc/mods-enabled"]);
    let conf = machine.path("etc/mods-available/maintenance.conf");
    let load = machine.path("etc/mods-available/maintenance.load");
    let enabled = machine.path("etc/mods-enabled/maintenance.load");
    machine.install();
    symlink("../mods-available/maintenance.load", &enabled).expect("a link");
    machine.uninstall(false, &["a2dismod maintenance"]);
    assert!(load.exists() && conf.exists());
    fs::remove_file(&enabled).expect("removed");
    machine.uninstall(true, &[]);
    assert!(!load.exists() && !conf.exists());
    machine.install();
    fs::write(&conf, "MaintenanceFlag mine.flag\n").expect("written");
    machine.uninstall(true, &["maintenance.conf, which was edited"]);
    assert!(conf.exists());
}
