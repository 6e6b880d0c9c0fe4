//! Hooks: the administrator's own programs, which are told of a change after it.

mod change;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use maintenance_core::text;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

pub(crate) use change::{Action, Change};

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::session::Session;
use crate::settings::Settings;

/// How long a hook may run.
const LIMIT: Duration = Duration::from_secs(30);

/// How often the command looks whether a hook has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Which programs are told of the change.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HookOptions {
    /// A program that is told of the change, as well as those of the settings
    #[arg(long = "hook", value_name = "PROGRAM")]
    hooks: Vec<PathBuf>,
    /// Do not run the hooks of the settings
    #[arg(long)]
    no_hooks: bool,
}

/// How a hook failed.
enum Wrong {
    Start(io::Error),
    End(ExitStatus),
    Late(Duration),
    Interrupted,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) if error.kind() == ErrorKind::NotFound => {
                write!(out, "does not exist, or its interpreter does not; correct its path")
            }
            Self::Start(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(out, "may not be run; make it executable: chmod +x")
            }
            Self::Start(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                write!(out, "is not a program; begin a script with #!/bin/sh")
            }
            Self::Start(error) => write!(out, "cannot be run: {error}"),
            Self::End(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(out, "failed with exit code {code}"),
                (None, Some(signal)) => write!(out, "was ended by signal {signal}"),
                (None, None) => write!(out, "failed"),
            },
            Self::Late(limit) => write!(
                out,
                "did not end within {} s and was stopped; raise hook_timeout in the settings if it \
                 needs longer",
                limit.as_secs()
            ),
            Self::Interrupted => write!(out, "was stopped by Ctrl-C"),
        }
    }
}

impl HookOptions {
    /// Tells all hooks of a change that has been made. They cannot undo it: a failure is said, and
    /// the others are still told.
    pub(crate) fn run(&self, settings: &Settings, session: &Session, change: &Change<'_>) -> Exit {
        let own = self.hooks.iter();
        let all: Vec<_> = settings.hooks.iter().filter(|_| !self.no_hooks).chain(own).collect();
        if all.is_empty() {
            return Exit::Done;
        }
        let host = settings.host();
        let json = match change.json(&host, session) {
            Ok(json) => json,
            Err(error) => {
                note!("maintenancectl: warning: no hook is told of the change: {error}");
                return Exit::Unusable;
            }
        };
        let limit = settings.hook_timeout.unwrap_or(LIMIT);
        let interrupt = Interrupt::watch();
        let mut exit = Exit::Done;
        for path in all {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            if let Err(wrong) = tell(&path, &json, limit, &interrupt) {
                let shown = path.display().to_string();
                let shown = text::shown(&shown);
                note!("maintenancectl: warning: the hook {shown} {wrong}; the change stands");
                exit = match wrong {
                    Wrong::Interrupted => return Exit::Interrupted,
                    _ => Exit::Unusable,
                };
            }
        }
        exit
    }
}

fn tell(path: &Path, json: &[u8], limit: Duration, interrupt: &Interrupt) -> Result<(), Wrong> {
    // Standard output may be JSON, or be read by a script.
    let output = || io::stderr().as_fd().try_clone_to_owned().map_or(Stdio::null(), Stdio::from);
    let mut command = Command::new::<&OsStr>(path.as_ref());
    let command = command.stdin(Stdio::piped()).stdout(output()).stderr(output());
    let mut child = command.process_group(0).spawn().map_err(Wrong::Start)?;
    if let Some(mut input) = child.stdin.take() {
        // A hook need not read, and must not be waited for while it does not.
        let json = json.to_vec();
        thread::spawn(move || drop(input.write_all(&json)));
    }
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Wrong::End(status)),
            Ok(None) => {}
            Err(error) => return Err(Wrong::Start(error)),
        }
        if interrupt.is_there() || start.elapsed() >= limit {
            stop(&mut child);
            return Err(match interrupt.is_there() {
                true => Wrong::Interrupted,
                false => Wrong::Late(limit),
            });
        }
        thread::sleep(LOOK);
    }
}

/// Ends a hook and the programs that it has started.
fn stop(child: &mut Child) {
    // The child has not been waited for, so its number is not another process's.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    let _ = child.wait();
}

/// The exit code of a verb that has told hooks, and then has waited.
pub(crate) fn both(waited: Exit, told: Exit) -> Exit {
    if waited == Exit::Done { told } else { waited }
}
