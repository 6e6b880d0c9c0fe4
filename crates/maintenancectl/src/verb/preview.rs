//! `preview`: the page as the module would send it.

use std::ffi::CStr;
use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use maintenance_core::allow::ClientRequest;
use maintenance_core::context::{DirectiveContext, Expr};
use maintenance_core::events::EventSink;
use maintenance_core::file::event::FileEvent;
use maintenance_core::flag::spec::{FlagSpec, Phase};
use maintenance_core::flag::{ActiveFlag, Content, FlagEvent};
use maintenance_core::page::{self, PageFile, ServerName};
use maintenance_core::refusal::cors::Origins;
use maintenance_core::refusal::retry_after::RetryAfter;
use maintenance_core::refusal::status::StatusLines;
use maintenance_core::refusal::{NEGOTIATED, Refusals, RequestHeaders};

use crate::exit::{Exit, Failure, Outcome};
use crate::session::{FlagOptions, Found, Session};
use crate::settings::Settings;

/// Show the page as it would be sent
///
/// Renders the page for the flag, or for an empty one if there is none: the pages of --page or of
/// the settings, and otherwise the built-in page. A flag that only announces a closing counts as
/// closed. The page goes to standard output.
#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The languages that the reader prefers, as in Accept-Language: de, "pt-BR, en;q=0.5"
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
    /// The type: html, json, text, or the value of Accept
    #[arg(long, value_name = "TYPE", default_value = "html")]
    accept: String,
    /// A page of MaintenancePage; can be given several times
    #[arg(long = "page", value_name = "FILE")]
    pages: Vec<PathBuf>,
    /// The flag whose content is shown; otherwise that of the settings
    #[arg(long, value_name = "FILE")]
    flag: Option<PathBuf>,
    /// The name of the site
    #[arg(long, value_name = "HOST", default_value = "www.example.com")]
    host: String,
    /// Print the status and the header fields as well
    #[arg(long)]
    headers: bool,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

impl Preview {
    /// # Errors
    /// The flag or a page cannot be used.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let closing = self.closing(settings)?;
        let mut pages = vec![];
        for path in if self.pages.is_empty() { &settings.pages } else { &self.pages } {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let file = PageFile::open(path, &NoServer);
            let added = file.and_then(|file| page::add(&mut pages, file));
            added.map_err(|error| Failure::unusable(error.to_string()))?;
        }
        let refusals = Refusals::default();
        let statuses = StatusLines::default().rules();
        let refusal = refusals.of(statuses, &pages, RetryAfter::default(), Origins::default());
        let request = Reader {
            accept: match self.accept.as_str() {
                "html" => "text/html".into(),
                "json" => "application/json".into(),
                "text" | "txt" => "text/plain".into(),
                other => other.into(),
            },
            languages: self.lang.clone(),
            host: ServerName::new(self.host.as_str()),
        };
        let answer = refusal
            .answer(&request, request.headers(NEGOTIATED), &closing, &Warnings)
            .ok_or_else(|| Failure::unusable("the page cannot be rendered"))?;
        let mut shown = Vec::new();
        if self.headers {
            let text = |value: &CStr| value.to_string_lossy().into_owned();
            let mut fields = vec![("Content-Type".to_owned(), text(answer.content_type))];
            let language = answer.content_language.map(text);
            fields.extend(language.map(|language| ("Content-Language".to_owned(), language)));
            let retry_after = answer.retry_after.map(|seconds| seconds.to_string());
            fields.extend(retry_after.map(|seconds| ("Retry-After".to_owned(), seconds)));
            answer.each_field(|name, value| fields.push((text(name), text(value))));
            let vary: Vec<_> = answer.vary().map(text).collect();
            fields.push(("Vary".to_owned(), vary.join(", ")));
            shown.extend(format!("HTTP/1.1 {}\n", text(answer.status.line())).into_bytes());
            for (name, value) in fields {
                shown.extend(format!("{name}: {value}\n").into_bytes());
            }
            shown.push(b'\n');
        }
        shown.extend(answer.content(true).0);
        self.show(&shown)
    }

    /// The flag as if it closed now.
    fn closing(&self, settings: &Settings) -> Result<ActiveFlag, Failure> {
        if self.flag.is_none() && settings.flag.is_none() && settings.store.is_none() {
            return Ok(ActiveFlag::default());
        }
        let options = FlagOptions { flag: self.flag.clone(), replace: false };
        let session = Session::new(settings, options, "preview")?;
        let Found::Present(present) = session.find()? else {
            let is_named = self.flag.is_some();
            let message = format!("there is no {}; name another flag", session.shown());
            return if is_named {
                Err(Failure::unusable(message))
            } else {
                Ok(ActiveFlag::default())
            };
        };
        let spec: FlagSpec = present.spec.map_err(|cause| {
            let shown = session.shown();
            Failure::unusable(format!("the content of {shown} cannot be used: {cause}; correct it"))
        })?;
        let phase = spec.phase(session.now);
        Ok(ActiveFlag {
            is_overdue: phase == Phase::Overdue,
            is_read_only: spec.is_read_only(),
            is_reopening: phase == Phase::Reopening,
            waiting: None,
            at: session.now,
            content: Arc::new(Content::of(spec)),
        })
    }

    fn show(&self, shown: &[u8]) -> Outcome {
        let cannot = |path: &Path, error: io::Error| {
            Failure::unusable(format!("cannot write {}: {error}", path.display()))
        };
        if let Some(path) = &self.out {
            fs::write(path, shown).map_err(|error| cannot(path, error))?;
        }
        if self.open {
            let path = match &self.out {
                Some(path) => path.clone(),
                None => {
                    let ending = match self.accept.as_str() {
                        "html" | "text/html" => "html",
                        _ => "txt",
                    };
                    let name = format!("maintenance-preview-{}.{ending}", std::process::id());
                    let path = std::env::temp_dir().join(name);
                    // A file of somebody else's in a folder for all is never written to.
                    let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
                    let written = file.and_then(|mut file| file.write_all(shown));
                    written.map_err(|error| cannot(&path, error))?;
                    path
                }
            };
            return open(&path);
        }
        if self.out.is_none() {
            // A closed pipe is not worth a message.
            let _ = io::stdout().write_all(shown);
        }
        Ok(Exit::Done)
    }
}

/// Opens a file in the browser.
fn open(path: &Path) -> Outcome {
    for program in ["xdg-open", "open"] {
        let mut command = Command::new(program);
        let command = command.arg(path).stdin(Stdio::null()).stdout(Stdio::null());
        if let Ok(status) = command.stderr(Stdio::null()).status()
            && status.success()
        {
            return Ok(Exit::Done);
        }
    }
    Err(Failure::unusable(format!(
        "there is no browser here; copy {} to a machine that has one",
        path.display()
    )))
}

/// A reader who asks for the page.
struct Reader {
    accept: String,
    languages: Option<String>,
    host: ServerName,
}

impl ClientRequest for Reader {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }

    fn has_env(&self, _: &CStr) -> bool {
        false
    }

    fn satisfies(&self, _: Expr) -> bool {
        false
    }

    fn header(&self, name: &CStr) -> Option<&[u8]> {
        match name.to_bytes() {
            b"Accept" => Some(self.accept.as_bytes()),
            b"Accept-Language" => self.languages.as_deref().map(str::as_bytes),
            _ => None,
        }
    }

    fn target(&self) -> &[u8] {
        b"/"
    }

    fn request_time_micros(&self) -> i64 {
        Timestamp::now().as_microsecond()
    }
}

impl RequestHeaders for Reader {
    fn host(&self) -> &ServerName {
        &self.host
    }

    fn is_secure(&self) -> bool {
        true
    }
}

/// The pages are absolute, and have no expressions.
struct NoServer;

impl DirectiveContext for NoServer {
    fn server_root(&self) -> &Path {
        Path::new("/")
    }

    fn compile(&self, _: &str) -> Result<Expr, String> {
        Err("there is no httpd here".into())
    }
}

/// Says what goes wrong when a page is rendered.
struct Warnings;

impl EventSink for Warnings {
    fn flag(&self, _: FlagEvent<'_>) {}

    fn file(&self, event: FileEvent<'_>) {
        if let FileEvent::Unrendered { path, cause } = event {
            note!(
                "maintenancectl: warning: {} cannot be rendered: {cause}; this is the built-in page",
                path.display()
            );
        }
    }

    fn rendered(&self, _: Option<&Path>, _: &str) {}
}
