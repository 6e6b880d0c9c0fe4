//! `check`: whether the module can use the files.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use maintenance_core::file;
use maintenance_core::flag::spec::{FlagSpec, Phase};
use maintenance_core::flag::{ActiveFlag, Content};
use maintenance_core::text::zone;

use crate::check::{Checked, Circumstances, Finding, Kind, Severity, human, json};
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::spoken::now;

/// The largest file of any kind, in bytes.
const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// Check flags, pages and lists before you put them in place
///
/// Reads the files as the module does, and shows every error with its line and what to write
/// instead. The kind is known from the settings, the name (NAME.flag, NAME.html.de, plugin-cfg.xml)
/// or the content; otherwise, --kind says it. Templates are rendered with the content of the first
/// flag that is checked as well. httpd's own configuration is for apachectl configtest.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The kind of all files
    #[arg(long)]
    kind: Option<Kind>,
    /// Print JSON, for editors and scripts
    #[arg(long)]
    json: bool,
    /// The files; - is standard input. Without any, the settings and the files that they name
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A file that was read, and its kind if that is certain.
struct Input<'f> {
    path: &'f Path,
    content: Vec<u8>,
    kind: Option<Kind>,
}

impl Check {
    /// # Errors
    /// There is no file to check. What cannot be read is a finding.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let zone = zone::of_server();
        let now = now();
        let files = if self.files.is_empty() { settings.files() } else { self.files.clone() };
        if files.is_empty() {
            return Err(Failure::unusable(
                "there is no file to check; add FILE, or name the files in /etc/maintenancectl.toml",
            ));
        }
        let inputs: Vec<_> = files.iter().map(|path| self.input(path, settings)).collect();
        let flag = inputs.iter().flatten().find(|input| input.kind == Some(Kind::Flag));
        let spec = flag.and_then(|flag| FlagSpec::parse(&flag.content, &zone).ok());
        let closing = spec.map(|spec| ActiveFlag {
            is_overdue: spec.phase(now) == Phase::Overdue,
            is_read_only: spec.is_read_only(),
            content: Arc::new(Content::of(spec)),
            ..ActiveFlag::default()
        });
        let circumstances = Circumstances { now, zone: &zone, closing: closing.as_ref() };
        let checked: Vec<_> = inputs
            .into_iter()
            .map(|input| input.map_or_else(|failed| failed, |input| input.check(&circumstances)))
            .collect();
        let text = if self.json { json(&checked) } else { human(&checked) };
        // A closed pipe is not worth a message.
        let _ = anstream::stdout().write_all(text.as_bytes());
        let errors = checked.iter().map(|file| file.count(Severity::Error)).sum::<usize>();
        Ok(if errors == 0 { Exit::Done } else { Exit::Unusable })
    }

    fn input<'f>(&self, path: &'f Path, settings: &Settings) -> Result<Input<'f>, Checked> {
        let failed = |cause: &str| {
            let finding = Finding::of_file(Severity::Error, cause);
            Checked::failed(shown(path), finding)
        };
        let content = if is_stdin(path) {
            let mut content = vec![];
            let read = io::stdin().take(MAX_SIZE + 1).read_to_end(&mut content);
            read.map_err(|error| failed(&format!("cannot be read: {error}")))?;
            match content.len() as u64 > MAX_SIZE {
                true => return Err(failed("has more than 8 MiB; no file may be larger")),
                false => content,
            }
        } else {
            file::read(path, MAX_SIZE).map_err(|error| failed(&error.to_string()))?.0
        };
        let kind = self.kind.or_else(|| {
            let path = Some(path).filter(|path| !is_stdin(path));
            Kind::guess(path, &content, settings)
        });
        Ok(Input { path, content, kind })
    }
}

impl Input<'_> {
    fn check(self, circumstances: &Circumstances<'_>) -> Checked {
        let Some(kind) = self.kind else {
            let cause = "the kind of the file is not certain; add --kind flag, page, allow, \
                         plugin-cfg, invitations or settings";
            let finding = Finding::of_file(Severity::Error, cause);
            return Checked::failed(shown(self.path), finding);
        };
        let mut checked =
            Checked::of(shown(self.path), self.path, kind, &self.content, circumstances);
        let mode = fs::metadata(self.path).map(|metadata| metadata.permissions().mode());
        if kind == Kind::Flag && mode.is_ok_and(|mode| mode & 0o004 == 0) {
            let cause = "is not readable for everybody, and httpd's children have to read it; run \
                         chmod 644";
            checked.findings.push(Finding::of_file(Severity::Warning, cause));
        }
        checked
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn shown(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".into() } else { path.display().to_string() }
}
