//! `is-open` and `is-closed`: a question for scripts, with the answer as exit code.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use maintenance_core::flag::spec::Phase;
use maintenance_core::flag::{Flag, Observer};
use maintenance_core::shared::slot::Slot;
use maintenance_core::text::zone;
use rustix::fs::OFlags;

use super::of_servers::OfServers;
use crate::exit::{Exit, Failure, Outcome};
use crate::servers::node::Goal;
use crate::servers::site::Site;
use crate::servers::source::Source;
use crate::settings::Settings;
use crate::spoken::said;
use crate::terminal::{self, Screen};

/// After this time without a change, a flag counts that was edited in place.
const AT_REST: Duration = Duration::from_millis(400);

/// The arguments of both questions.
#[derive(Debug, Args)]
pub(crate) struct Is {
    #[command(flatten)]
    of: OfServers,
    /// Look at the flag file alone, and ask no server
    #[arg(long, conflicts_with = "servers")]
    file: bool,
    /// Write nothing
    #[arg(long, short)]
    quiet: bool,
}

impl Is {
    /// # Errors
    /// Neither a server nor a flag is known, or nobody can tell.
    pub(crate) fn run(&self, settings: &Settings, goal: Goal) -> Outcome {
        let flag = self.of.flag(settings);
        let source = match (self.file, &settings.store) {
            (true, _) => None,
            (false, Some(_)) => Some(self.of.servers.source(settings)?),
            (false, None) => {
                let fleet = self.of.servers.any(settings)?;
                (!fleet.is_empty()).then_some(Source::Servers(fleet))
            }
        };
        let (exit, text, faults) = match (source, flag) {
            (Some(source), flag) => of_servers(&source, flag.as_deref(), goal),
            (None, Some(flag)) => of_file(&flag, goal),
            (None, None) => {
                return Err(Failure::unusable(
                    "no server and no flag to look at; write flag = \"FILE\" into \
                     /etc/maintenancectl.toml, or add --flag FILE",
                ));
            }
        };
        if !self.quiet {
            for fault in faults {
                terminal::warn(&fault);
            }
            let _ = Screen::new().write(&format!("{text}\n")); // nobody may be reading
        }
        Ok(exit)
    }
}

type Found = (Exit, String, Vec<String>);

fn of_servers(source: &Source, flag: Option<&Path>, goal: Goal) -> Found {
    let site = Site::new(source.ask(&|| false).unwrap_or_default(), flag);
    let faults = site.faults().map(|(name, fault)| format!("{name} {fault}"));
    let faults = faults.chain(site.behind()).chain(site.exceptions(goal)).collect();
    (site.answer(goal), site.states_text(), faults)
}

/// What a server would do whose flag this is, by the code of the module.
fn of_file(path: &Path, goal: Goal) -> Found {
    let (slot, zone) = (Slot::default(), zone::of_server());
    let now = Timestamp::now();
    let flag = Flag::new(path.to_owned(), &slot, Duration::ZERO, zone.clone());
    let look = || flag.look(Observer::Child, now, &|| now, &mut |_| {});
    let (mut active, mut report) = (look(), flag.report());
    if active.is_some() && report.content.is_none() {
        // The file looks as if it were being written. It counts once it is at rest.
        thread::sleep(AT_REST);
        (active, report) = (look(), flag.report());
    }
    let shown = path.display();
    if report.is_unseen {
        let error = fs::metadata(path).err().map(|error| error.to_string()).unwrap_or_default();
        let fault = format!("cannot tell whether the flag {shown} exists: {error}");
        return (Exit::Unknown, "unknown".into(), vec![fault]);
    }
    // httpd may be allowed what this user is not. A FIFO is opened without waiting for a writer.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    if let Err(error) = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
        && error.kind() == ErrorKind::PermissionDenied
        && active.is_some()
    {
        let fault = format!("cannot read the flag {shown}: {error}; try it as root");
        return (Exit::Unknown, "unknown".into(), vec![fault]);
    }
    let content = report.content;
    let faults = content.as_ref().and_then(|content| content.error());
    let faults = faults.map(|error| format!("{shown}: {error}")).into_iter().collect();
    let start = content.as_ref().and_then(|content| content.spec().start());
    let text = match (&active, report.phase) {
        (None, None) => format!("open: there is no flag {shown}"),
        (None, Some(Phase::Inactive)) => format!("open: {shown} has closed = false"),
        (None, Some(Phase::Announced)) => {
            let start = start.map(|start| format!(", {}", said(start.at(), now, &zone)));
            format!("open: {shown} announces a closing{}", start.unwrap_or_default())
        }
        (None, Some(_)) => format!("open: the end in {shown} has passed"),
        (Some(flag), _) if flag.is_read_only => format!("read-only: {shown}"),
        (Some(flag), _) if flag.is_reopening => format!("reopening: {shown}"),
        (Some(flag), _) if flag.is_overdue => format!("closed: {shown}, whose end has passed"),
        (Some(_), _) => format!("closed: {shown}"),
    };
    let is_yes = match (goal, &active) {
        (Goal::Open, active) => active.is_none(),
        (Goal::Closed, Some(flag)) => !flag.is_read_only && !flag.is_reopening,
        (Goal::ReadOnly, Some(flag)) => !flag.is_reopening,
        (Goal::Closed | Goal::ReadOnly, None) => false,
    };
    (if is_yes { Exit::Done } else { Exit::No }, text, faults)
}
