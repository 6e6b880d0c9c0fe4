//! `man` and `completions`: what belongs to the command, for packages and for those who have none.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use crate::exit::{Exit, Failure, Outcome};
use crate::manual;

/// Show the manual
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page
    #[arg(value_name = "PAGE", default_value = "maintenancectl")]
    page: Page,
    /// Write all pages to man5 and man8 in this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// The pages of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Page {
    /// The command
    #[value(name = "maintenancectl")]
    Command,
    /// The flag
    #[value(name = "maintenance.flag")]
    Flag,
    /// The settings
    #[value(name = "maintenancectl.toml")]
    Settings,
}

impl Page {
    /// Its place in a folder of manual pages.
    fn path(self) -> &'static str {
        match self {
            Self::Command => "man8/maintenancectl.8",
            Self::Flag => "man5/maintenance.flag.5",
            Self::Settings => "man5/maintenancectl.toml.5",
        }
    }

    fn text(self, command: &clap::Command) -> String {
        match self {
            Self::Command => manual::of_command(command.clone()),
            Self::Flag => manual::FLAG.into(),
            Self::Settings => manual::SETTINGS.into(),
        }
    }
}

impl Man {
    /// Shows or writes what `command` says of itself.
    ///
    /// # Errors
    /// A page cannot be written.
    pub(crate) fn run(self, command: &clap::Command) -> Outcome {
        if let Some(folder) = self.dir {
            for page in Page::value_variants() {
                let path = folder.join(page.path());
                let written = path.parent().map_or(Ok(()), fs::create_dir_all);
                let written = written.and_then(|()| fs::write(&path, page.text(command)));
                written.map_err(|error| {
                    Failure::unusable(format!("cannot write {}: {error}", path.display()))
                })?;
            }
            return Ok(Exit::Done);
        }
        let text = self.page.text(command);
        if !(io::stdout().is_terminal() && show(&text).is_ok()) {
            // A closed pipe is not worth a message.
            let _ = io::stdout().write_all(text.as_bytes());
        }
        Ok(Exit::Done)
    }
}

/// Shows a page as man(1) shows it.
fn show(text: &str) -> io::Result<()> {
    let mut man = Command::new("man").args(["-l", "-"]).stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = man.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    match man.wait()?.success() {
        true => Ok(()),
        false => Err(io::ErrorKind::Other.into()),
    }
}

/// Print the completions for a shell
///
/// For bash, into /usr/share/bash-completion/completions/maintenancectl; for zsh, into
/// /usr/share/zsh/site-functions/_maintenancectl; for fish, into
/// /usr/share/fish/vendor_completions.d/maintenancectl.fish.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    /// # Errors
    /// None.
    pub(crate) fn run(self, mut command: clap::Command) -> Outcome {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "maintenancectl", &mut text);
        let _ = io::stdout().write_all(&text);
        Ok(Exit::Done)
    }
}
