//! What stands in the way of close, announce, extend and open.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::ground::{Ground, me, said};

#[test]
fn its_mode_does_not_depend_on_the_umask() {
    let ground = Ground::new();
    let command = ground.command(&["close"]);
    let program = command.get_program().to_owned();
    let script = "umask 077; exec \"$0\" \"$@\"";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(program)
        .args(command.get_args())
        .current_dir(ground.path(""))
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("run").success());
    let metadata = fs::metadata(ground.path("maintenance.flag")).expect("a flag");
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
}

#[test]
fn who_closes() {
    let ground = Ground::new();
    let is_root = rustix::process::geteuid().is_root();
    let run = |words: &[&str]| {
        let mut command = ground.command(words);
        said(command.env("SUDO_USER", "anna").env("SUDO_UID", "4711").output().expect("run"))
    };
    let said = run(&["close"]);
    // Only root has it from sudo.
    let by = if is_root { "anna".to_owned() } else { me() };
    assert!(said.out.contains(&format!(", by {by}\n")), "{said:?}");
    assert_eq!(ground.read("maintenance.flag"), Some(format!("by = \"{by}\"\n")));
    if is_root {
        // Her own file, without a name in it.
        ground.write("maintenance.flag", "message = 'x'\n");
        std::os::unix::fs::chown(ground.path("maintenance.flag"), Some(4711), None).expect("chown");
        let other = ground.line("open");
        assert_eq!(other.code, Some(1), "{other:?}");
        assert!(other.err.contains("somebody else: 4711, "), "{other:?}");
        assert_eq!(run(&["extend", "--end", "+1h"]).code, Some(0));
        let metadata = fs::metadata(ground.path("maintenance.flag")).expect("a flag");
        assert_eq!(metadata.uid(), 4711, "the owner is kept");
        assert_eq!(run(&["open"]).code, Some(0));
    }
}

#[test]
fn what_is_no_file() {
    for (make, cause, help) in [
        ("mkdir", "is a folder, which closes the site", "remove it with: rmdir "),
        ("mkfifo", "is not a regular file, and closes the site", "remove it with: rm "),
        (
            "ln -s elsewhere",
            "is a symbolic link; name the file to which it leads: --flag ",
            "/elsewhere",
        ),
    ] {
        for line in [
            "close",
            "announce --start +1h --end +1h",
            "extend --end +1h",
            "open",
            "close --replace",
        ] {
            let ground = Ground::new();
            let path = ground.path("maintenance.flag");
            let words: Vec<_> = make.split(' ').collect();
            let made = Command::new(words[0]).args(&words[1..]).arg(&path).status();
            assert!(made.expect("run").success());
            let said = ground.line(line);
            assert_eq!(said.code, Some(2), "{make}: {line}: {said:?}");
            assert!(said.err.contains(cause) && said.err.contains(help), "{said:?}");
            assert_eq!(said.err.lines().count(), 1, "{said:?}");
            assert!(fs::symlink_metadata(&path).is_ok(), "{make}: {line}");
        }
    }
    let ground = Ground::new();
    for (flag, cause) in [
        ("nowhere/x.flag", "/nowhere does not exist; create it"),
        ("settings.toml/x.flag", "settings.toml is not a folder; name another file"),
    ] {
        let said = ground.run(&["close", "--flag", flag]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(cause), "{said:?}");
    }
    for (settings, cause) in [
        ("flag = \"\"\n", "settings.toml:1:8: the path is empty; name a file"),
        ("allow = \"\"\n", "settings.toml:1:9: the path is empty; name a file"),
        ("timeout = 0\n", "settings.toml:1:11: 0 leaves no time at all; write 5s"),
        ("timeout = \"0s\"\n", "settings.toml:1:11: 0 leaves no time at all; write 5s"),
    ] {
        ground.write("settings.toml", settings);
        let said = ground.line("open");
        assert!(said.code == Some(2) && said.err.contains(cause), "{settings}: {said:?}");
    }
    ground.write("settings.toml", "timeout = 5\n");
    let said = ground.line("close");
    assert!(
        said.code == Some(2) && said.err.contains("no flag is named; write flag = "),
        "{said:?}"
    );
    let folder = ground.path("folder");
    fs::create_dir(&folder).expect("a folder");
    let said = ground.run(&["close", "--flag", "folder/x.flag"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for flag in ["folder", "folder/", "other/"] {
        let said = ground.run(&["close", "--flag", flag]);
        assert_eq!(said.code, Some(2), "{flag}: {said:?}");
        assert!(said.err.contains("name a file in it: --flag "), "{flag}: {said:?}");
        assert!(said.err.ends_with("/maintenance.flag\n"), "{flag}: {said:?}");
    }
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(&folder, open).expect("for all");
    let said = ground.run(&["close", "--flag", "folder/x.flag", "--end", "+1h"]);
    assert!(said.err.contains("warning: the folder of "), "{said:?}");
    assert!(said.err.contains("is world-writable, so any local user can close"), "{said:?}");
}

/// Of two commands, one writes, and the other is told.
#[test]
fn two_at_once() {
    use rustix::fs::FlockOperation::NonBlockingLockExclusive;
    for (meanwhile, cause) in [
        (Some("by = 'bob'\n"), "was changed meanwhile by bob (file of "),
        (None, "was changed meanwhile: it is gone"),
    ] {
        let ground = Ground::new();
        ground.line("close");
        let hidden = ground.path(".maintenance.flag.maintenancectl");
        let lock = fs::File::create(&hidden).expect("the other command");
        rustix::fs::flock(&lock, NonBlockingLockExclusive).expect("a lock");
        let mut command = ground.command(&["extend", "--end", "+1h"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
        thread::sleep(Duration::from_millis(700));
        match meanwhile {
            Some(content) => {
                fs::write(&hidden, content).expect("written");
                fs::rename(&hidden, ground.path("maintenance.flag")).expect("renamed");
            }
            None => {
                fs::remove_file(ground.path("maintenance.flag")).expect("removed");
                fs::remove_file(&hidden).expect("removed");
            }
        }
        drop(lock);
        let said = said(child.wait_with_output().expect("done"));
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(cause) && said.err.contains("repeat the command"), "{said:?}");
        assert_eq!(ground.read("maintenance.flag").as_deref(), meanwhile);
        assert!(!hidden.exists());
    }
    let ground = Ground::new();
    let lock = fs::File::create(ground.path(".maintenance.flag.maintenancectl")).expect("a lock");
    rustix::fs::flock(&lock, NonBlockingLockExclusive).expect("a lock");
    let said = ground.line("close");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("another maintenancectl is changing "), "{said:?}");
    drop(lock);
    assert_eq!(ground.line("close").code, Some(0), "what was left behind is removed");
    assert_eq!(ground.names(), ["maintenance.flag", "settings.toml"]);
}

/// Mounts of its own for a command, as root or as a user.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg(if rustix::process::geteuid().is_root() { "-m" } else { "-rm" });
    command
}

/// Runs a script as the root of a file system of its own.
fn on_a_file_system(ground: &Ground, script: &str) -> String {
    let command = ground.command(&[]);
    let output = unshare()
        .args(["sh", "-c", script])
        .env("CTL", command.get_program())
        .current_dir(ground.path(""))
        .output()
        .expect("unshare");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).expect("text")
}

#[test]
fn disks_that_cannot_be_written() {
    let ability = unshare().arg("true").output().expect("unshare");
    if !ability.status.success() {
        eprintln!("left out, for nothing can be mounted here: {ability:?}"); // a chroot, a container
        return;
    }
    let ground = Ground::new();
    fs::create_dir(ground.path("disk")).expect("a folder");
    let said = on_a_file_system(
        &ground,
        "set -e; exec 2>&1; mount -t tmpfs -o size=64k tmpfs disk; cd disk; ctl() { \"$CTL\" \"$@\" --flag \
         maintenance.flag || echo \"code $?\"; }; ctl close -m old; dd if=/dev/zero of=full bs=1k \
         2>/dev/null || true; ctl close -m \"$(printf %05000d 0)\"; grep -c old maintenance.flag; \
         ls -A; ctl open; \
         ls -A; ctl close -m \"$(printf %05000d 0)\"; ls -A",
    );
    assert!(said.contains("there is no space left in "), "{said}");
    assert!(said.contains("; it is as it was; free some\n"), "{said}");
    assert!(said.contains("code 2\n1\nfull\nmaintenance.flag\nopen: removed "), "{said}");
    assert!(said.contains("; free some, or close with an empty flag: touch "), "{said}");
    assert!(said.ends_with("\ncode 2\nfull\n"), "{said}");
    let said = on_a_file_system(
        &ground,
        "set -e; exec 2>&1; mount -t tmpfs tmpfs disk; cd disk; ctl() { \"$CTL\" \"$@\" --flag \
         maintenance.flag || echo \"code $?\"; }; ctl close -m old; mkdir folder; mount -o \
         remount,ro disk . \
         2>/dev/null || mount -o remount,ro \"$PWD\"; ctl close -m new; ctl open; \"$CTL\" close \
         --flag folder/x.flag || echo \"code $?\"; grep -c old maintenance.flag",
    );
    let cause = "is read-only; it is as it was; mount it for writing: mount -o remount,rw ";
    assert_eq!(said.matches(cause).count(), 2, "{said}");
    // In a folder of it, too.
    assert_eq!(said.matches(" -o remount,rw ").count(), 3, "{said}");
    assert_eq!(said.matches("/disk\n").count(), 3, "{said}");
    assert_eq!(said.matches("code 2\n").count(), 3, "{said}");
    assert!(said.ends_with("\n1\n"), "{said}");
}

/// A folder that every user can enter, with a copy of the command: other users may not reach the folder
/// of the build.
fn for_everybody() -> (tempfile::TempDir, PathBuf) {
    let ground = tempfile::tempdir().expect("a folder");
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let binary = ground.path().join("maintenancectl");
    fs::copy(env!("CARGO_BIN_EXE_maintenancectl"), &binary).expect("a copy");
    (ground, binary)
}

/// As a user without rights.
#[test]
fn without_permission() {
    let (ground, binary) = for_everybody();
    let folder = ground.path().join("folder");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("maintenance.flag"), "").expect("a flag");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("a mode");
    // Root may write everywhere.
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
            command.arg(&binary);
            command
        }
        false => Command::new(&binary),
    };
    let flag = folder.join("maintenance.flag");
    let said = said(command.args(["close", "--flag"]).arg(&flag).output().expect("run"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains(" may not write files in "), "{said:?}");
    assert!(said.err.contains("; it is as it was; run the command with sudo"), "{said:?}");
    assert_eq!(fs::read(&flag).expect("a flag"), b"");
}

/// What a killed command of somebody else has left behind is removed in a folder that is one's own.
#[test]
fn left_behind_by_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody else is here
    }
    let (ground, binary) = for_everybody();
    let folder = ground.path().join("folder");
    fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::chown(&folder, Some(65534), None).expect("chown");
    let left = folder.join(".x.flag.maintenancectl");
    fs::write(&left, "half").expect("written");
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).expect("a mode");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    let flag = folder.join("x.flag");
    let said =
        said(command.arg(&binary).args(["close", "--flag"]).arg(&flag).output().expect("run"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(flag.exists() && !left.exists());
}

/// With nobody to read what it says, the command does its work and ends as usual.
#[test]
fn nobody_reads_what_it_says() {
    let ground = Ground::new();
    for line in ["close --end +1h", "extend --end +2h", "open"] {
        let mut command = ground.command(&line.split(' ').collect::<Vec<_>>());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let errors = writer.try_clone().expect("the same pipe");
        let status = command.stdout(writer).stderr(errors).status().expect("run");
        assert_eq!(status.code(), Some(0), "{line}");
    }
    assert_eq!(ground.read("maintenance.flag"), None);
}

/// A program that reads the flag during the writes always reads a whole one.
#[test]
fn never_half_a_flag() {
    let ground = Ground::new();
    let text = "x".repeat(20_000);
    assert_eq!(ground.run(&["close", "--end", "+1h", "-m", &text]).code, Some(0));
    let path = ground.path("maintenance.flag");
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                let content = fs::read_to_string(&path).expect("a flag at every moment");
                assert!(content.starts_with("by = ") || content.starts_with("end = "));
                let is_whole = content.ends_with('\n') && content.contains("x\"\n");
                assert!(is_whole, "{} bytes", content.len());
                reads += 1;
            }
            reads
        });
        for _ in 0..50 {
            for line in ["extend --end +2h", "open --percent 10", "close", "extend --end +1h"] {
                assert_eq!(ground.line(line).code, Some(0));
            }
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().expect("whole flags")
    });
    assert!(reads > 200, "{reads}");
}
