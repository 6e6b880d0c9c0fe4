//! `invite`: invitations for people without a fixed address.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use maintenance_core::allow::invitations::{Invitations, SecretHash, file as invitations_file};
use maintenance_core::text::time::Moment;
use maintenance_core::text::zone;

use crate::exit::{Exit, Failure, Outcome};
use crate::limit::Limit;
use crate::list_file::ListFile;
use crate::settings::Settings;
use crate::spoken::{now, said};

/// The length of a secret, in random bytes.
const SECRET: usize = 24;

/// The query parameter of a link.
const PARAMETER: &str = "maintenance-invite";

/// Let people in who have no fixed address, by a link
///
/// The file of MaintenanceAllow invite= has the hash of each secret. The secret is in the link alone,
/// which is printed once. The link leads to the site and leaves a cookie, which has to come back with
/// each request: browsers send it by themselves, curl with -b "" (curl -L -b "" LINK).
#[derive(Debug, Args)]
pub(crate) struct Invite {
    #[command(subcommand)]
    what: What,
    /// The file of invitations; otherwise "invitations" of the settings
    #[arg(long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Invite somebody, and print the link
    Add {
        /// Whose invitation it is, in one word
        name: String,
        #[command(flatten)]
        limit: Limit,
        /// Admit to this path and below it alone
        #[arg(long, value_name = "/PATH")]
        path: Option<String>,
        /// The site for the link; otherwise "url" of the settings
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Show who is invited
    List,
    /// End an invitation at once
    Revoke {
        /// Whose invitation it is
        name: String,
    },
}

impl Invite {
    /// # Errors
    /// The file cannot be used, or there is no such invitation.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let file = ListFile::open(self.file, ("invitations", &settings.invitations))?;
        let (now, zone) = (now(), zone::of_server());
        let wrong = |cause: String| {
            Failure::unusable(format!(
                "{} cannot be used: {cause}; see maintenancectl check --kind invitations {}",
                file.shown(),
                file.shown()
            ))
        };
        let text = file.text().ok_or_else(|| wrong("it is not UTF-8".into()))?;
        let known = match text.trim().is_empty() {
            true => Invitations::default(),
            false => invitations_file::parse(text.as_bytes(), &zone)
                .map_err(|error| wrong(error.to_string()))?,
        };
        match self.what {
            What::Add { name, limit, path, url } => {
                let until = limit.at(now, &zone)?;
                let url = url.as_ref().or(settings.url.as_ref());
                let wanted = Wanted { name: &name, until, path: path.as_deref() };
                wanted.add(&file, &text, &known, url.map(String::as_str))?;
                match until {
                    Some(at) => note!("{name} is invited until {}", said(at, now, &zone)),
                    None => note!(
                        "{name} is invited for good; maintenancectl invite revoke {name} ends it"
                    ),
                }
                Ok(Exit::Done)
            }
            What::List => {
                for invitation in known.iter() {
                    let end = match invitation.until {
                        Some(at) if at <= now => format!("ended {}", said(at, now, &zone)),
                        Some(at) => format!("until {}", said(at, now, &zone)),
                        None => "for good".into(),
                    };
                    let path = invitation.path.as_ref().map(|path| format!(", {}", path.as_str()));
                    say!("{}  {end}{}", invitation.name, path.unwrap_or_default());
                }
                Ok(Exit::Done)
            }
            What::Revoke { name } => revoke(&name, &file, &text, &known),
        }
    }
}

/// An invitation that is to be added.
struct Wanted<'w> {
    name: &'w str,
    until: Option<Timestamp>,
    path: Option<&'w str>,
}

impl Wanted<'_> {
    fn add(
        &self,
        file: &ListFile,
        text: &str,
        known: &Invitations,
        url: Option<&str>,
    ) -> Result<(), Failure> {
        let Self { name, until, path } = *self;
        if name.is_empty() || name.contains(char::is_whitespace) || name.contains(['#', '=']) {
            let message = format!("\"{}\" is not a name; write one word", name.escape_debug());
            return Err(Failure::unusable(message));
        }
        if let Some(other) = known.iter().find(|other| other.name == name) {
            let message = format!(
                "{name} is invited already, in line {} of {}; run maintenancectl invite revoke \
                 {name} first, or write another name",
                other.line,
                file.shown()
            );
            return Err(Failure { exit: Exit::No, message });
        }
        let link_to = link_base(url, path)?;
        let secret = secret()?;
        let hash = SecretHash::of(secret.as_bytes()).map(SecretHash::to_hex).unwrap_or_default();
        let zone = zone::of_server();
        let end = until
            .map(|at| format!(" until={}", Moment::local(at, &zone).rfc3339()))
            .unwrap_or_default();
        let path = path.map(|path| format!(" path={path}")).unwrap_or_default();
        let text = if text.is_empty() { "# NAME SHA256 [until=TIME] [path=/x]\n" } else { text };
        let new = format!("{text}{name} {hash}{end}{path} # by {}\n", file.who());
        invitations_file::parse(new.as_bytes(), &zone).map_err(|error| {
            let error = error.to_string();
            let cause = error.split_once(": ").map_or(error.as_str(), |(_, cause)| cause);
            Failure::unusable(cause.to_owned())
        })?;
        file.write(&new)?;
        if url.is_none() {
            note!("maintenancectl: note: append this to an address of the site");
        }
        say!("{link_to}{PARAMETER}={secret}");
        Ok(())
    }
}

/// The link up to the name of the parameter.
fn link_base(url: Option<&str>, path: Option<&str>) -> Result<String, Failure> {
    let Some(url) = url else {
        return Ok("?".into());
    };
    let wrong =
        || Failure::unusable(format!("\"{url}\" is not a URL; write https://www.example.com/"));
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let is_http = ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    if !is_http || rest.starts_with('/') || rest.is_empty() || rest.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let url = url.split('#').next().unwrap_or(url);
    let own_path = rest.split_once('/').map_or("", |(_, path)| path);
    let url = match path {
        Some(path) if own_path.is_empty() => url.trim_end_matches('/').to_owned() + path,
        None if !rest.contains('/') && !rest.contains('?') => url.to_owned() + "/",
        _ => url.to_owned(),
    };
    Ok(format!("{url}{}", if url.contains('?') { '&' } else { '?' }))
}

fn secret() -> Result<String, Failure> {
    let mut bytes = [0; SECRET];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::unusable(format!("there are no random numbers: {error}")))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn revoke(name: &str, file: &ListFile, text: &str, known: &Invitations) -> Outcome {
    let Some(invitation) = known.iter().find(|other| other.name == name) else {
        let names: Vec<_> = known.iter().map(|other| other.name.as_str()).collect();
        let names = match names.is_empty() {
            true => "nobody is invited".to_owned(),
            false => format!("invited are {}", names.join(", ")),
        };
        let message = format!("{} has no invitation of {name}; {names}", file.shown());
        return Err(Failure { exit: Exit::No, message });
    };
    let lines = (1..).zip(text.split_inclusive('\n'));
    let mut rest: String =
        lines.filter(|(line, _)| *line != invitation.line).map(|(_, text)| text).collect();
    if rest.trim().is_empty() {
        rest = "# nobody is invited\n".into(); // an empty file is an error
    }
    file.write(&rest)?;
    say!("revoked: {name}");
    Ok(Exit::Done)
}
