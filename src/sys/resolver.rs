//! Resolves names at start and restart, within a time limit.
//!
//! The system's resolver can neither be interrupted nor left running in a thread: httpd unloads
//! this module at the next restart, and the thread would return to code that no longer exists.
//! Therefore a forked process does the work, and is killed when the time is up.

use std::collections::BTreeSet;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::error_log;
use crate::sys::bindings::APLOG_WARNING;
use maintenance_core::file::watched::listed;
use maintenance_core::net::hosts::{self, Resolved};

/// The time limit for all names together.
const LIMIT: Duration = Duration::from_secs(5);

/// How many names are resolved concurrently.
const WORKERS: usize = 16;

/// What the resolver has answered within the time limit.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answers {
    /// The addresses of all names that resolve.
    pub(crate) resolved: Resolved,
    /// Names without an address. The answer to all other names came too late.
    unknown: BTreeSet<String>,
}

/// Asks for the addresses of all names.
pub(crate) fn resolve(mut names: Vec<String>) -> Answers {
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Answers::default();
    }
    in_child(&names).unwrap_or_else(|error| {
        error_log::write(None, APLOG_WARNING, &format!("cannot resolve names: {error}"));
        Answers::default()
    })
}

/// Warns about names of `host=` that do not resolve.
pub(crate) fn tell_hosts<'a>(names: impl Iterator<Item = &'a str>, answers: &Answers) {
    let gone = names.filter(|name| !answers.resolved.contains_key(*name));
    let (unknown, late): (BTreeSet<_>, BTreeSet<_>) =
        gone.partition(|name| answers.unknown.contains(*name));
    let in_time = format!(" within {} s", LIMIT.as_secs());
    for (names, limit) in [(unknown, ""), (late, &in_time)] {
        let names: Vec<_> = names.into_iter().collect();
        if let Some(message) = failure(&names, limit) {
            error_log::write(None, APLOG_WARNING, &message);
        }
    }
}

/// The warning about these names, if there are any.
fn failure(names: &[&str], limit: &str) -> Option<String> {
    let (noun, verb, they) = match names {
        [] => return None,
        [_] => ("name", "does", "it admits"),
        _ => ("names", "do", "they admit"),
    };
    let names = listed(names, ", ");
    Some(format!(
        "the {noun} {names} {verb} not resolve{limit}; {they} nobody until the next restart"
    ))
}

fn in_child(names: &[String]) -> std::io::Result<Answers> {
    let (reader, writer) = pipe()?;
    // SAFETY: the child calls no function of httpd and ends with _exit, which runs no cleanups.
    // glibc keeps its own locks usable in the child.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => {
            // SAFETY: asks the kernel to end this process with its parent, because it has inherited
            // the parent's listening sockets.
            #[cfg(target_os = "linux")]
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            }
            drop(reader);
            let written = std::panic::catch_unwind(|| write_all(names, writer));
            // SAFETY: ends this process.
            unsafe { libc::_exit(i32::from(written.is_err())) }
        }
        child => {
            drop(writer);
            let text = read_until(reader, Instant::now() + LIMIT);
            // SAFETY: our own child, which nothing else waits for. Until it has been waited for,
            // its number cannot belong to another process.
            unsafe {
                let status = std::ptr::null_mut();
                if libc::waitpid(child, status, libc::WNOHANG) == 0 {
                    libc::kill(child, libc::SIGKILL);
                    while libc::waitpid(child, status, 0) == -1
                        && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
                    {
                    }
                }
            }
            Ok(parse(&text))
        }
    }
}

/// Runs in the child: writes a line for each address as soon as it is known, and one with the name
/// alone if it has none.
fn write_all(names: &[String], writer: PipeWriter) {
    let (queue, writer) = (Mutex::new(names.iter()), Mutex::new(writer));
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(names.len()) {
            scope.spawn(|| {
                while let Some(name) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let addresses = hosts::resolve(name);
                    let lines: String = match &addresses[..] {
                        [] => format!("{name}\n"),
                        found => {
                            found.iter().map(|address| format!("{name} {address}\n")).collect()
                        }
                    };
                    if let Ok(mut writer) = writer.lock() {
                        let _ = writer.write_all(lines.as_bytes());
                    }
                }
            });
        }
    });
}

/// Reads until the other end is closed or the time is up.
fn read_until(mut reader: PipeReader, deadline: Instant) -> String {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut ready = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let wait = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one pollfd, which outlives the call.
        let count = unsafe { libc::poll(&mut ready, 1, wait) };
        if count == 0 {
            break;
        }
        if count == -1 {
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => continue,
                _ => break,
            }
        }
        match reader.read(&mut chunk) {
            Ok(size) if size > 0 => text.extend_from_slice(chunk.get(..size).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn parse(text: &str) -> Answers {
    let mut answers = Answers::default();
    // A last line without a newline has been cut off.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines() {
        let Some((name, address)) = line.split_once(' ') else {
            answers.unknown.insert(line.to_owned());
            continue;
        };
        if let Ok(address) = address.parse() {
            answers.resolved.entry(name.to_owned()).or_default().push(address);
        }
    }
    answers
}
