//! `notice`: what the public is told of the flag, for a chat, a mail, a web page and a calendar.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lettre::message::Mailbox;
use maintenance_core::flag::spec::FlagSpec;
use maintenance_core::notice::{Language, Notice, calendar, json, page};

use crate::exit::{Exit, Failure, Outcome};
use crate::notice::mail::{self, Head};
use crate::notice::{self, plain};
use crate::session::{FlagOptions, Found, Session};
use crate::settings::Settings;

/// Print what users are told: text, a mail, a calendar
///
/// The content is that of the directive MaintenanceNotice: the title, the message, the start and the
/// end. Nothing that is for administrators is in it.
///
/// Exit code: 0 if something is planned or going on, 1 if nothing is. Then the formats say that, and
/// nothing is written as a mail.
#[derive(Debug, Args)]
pub(crate) struct Notify {
    /// The format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The languages, one after the other: de,en; otherwise those of the flag's texts
    #[arg(long, value_name = "LANG", value_delimiter = ',', value_parser = notice::language)]
    lang: Vec<Language>,
    /// To whom the mail goes; can be given several times
    #[arg(long, value_name = "ADDRESS", value_parser = mail::address)]
    to: Vec<Mailbox>,
    /// From whom the mail comes
    #[arg(long, value_name = "ADDRESS", value_parser = mail::address)]
    from: Option<Mailbox>,
    /// The subject of the mail; otherwise the title
    #[arg(long, value_name = "TEXT", value_parser = mail::subject)]
    subject: Option<String>,
    /// The ServerName of the site; otherwise the host of "url" in the settings
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The flag; otherwise that of the settings
    #[arg(long, value_name = "FILE")]
    flag: Option<PathBuf>,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The formats of the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Plain text
    Text,
    /// A page
    Html,
    /// A mail for sendmail -t
    Eml,
    /// A calendar
    Ics,
    /// JSON in the shape of Statuspage's
    Json,
}

impl Notify {
    /// # Errors
    /// The flag cannot be used, or an option does not fit.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let head = self.head(settings)?;
        let options = FlagOptions { flag: self.flag.clone(), replace: false };
        let session = Session::new(settings, options, "notice")?;
        let host = self.host.clone().unwrap_or_else(|| settings.host());
        let spec = self.spec(&session)?;
        let notice = match &spec {
            Some(spec) => notice::of(&host, &session, spec),
            None => notice::empty(&host),
        };
        if let Some(spec) = spec.as_ref().filter(|spec| notice::is_secret(&session, spec)) {
            let from = spec.announce_from().map_or(session.now, |from| from.at());
            note!("maintenancectl: note: the public learns of it only {}", session.said(from));
        }
        let is_told = notice::told(&notice).next().is_some();
        let languages = self.languages(spec.as_ref())?;
        let content = match head {
            Some(_) if !is_told => {
                let message =
                    "nothing is planned, so there is no mail; announce a maintenance first";
                return Err(Failure { exit: Exit::No, message: message.into() });
            }
            Some(head) => mail::render(&notice, &languages, &head, session.now),
            None => self.rendered(&notice, &languages),
        };
        let content = content.map_err(|cause| {
            Failure::unusable(format!("the notice cannot be rendered: {cause}"))
        })?;
        self.write(&content)?;
        Ok(if is_told { Exit::Done } else { Exit::No })
    }

    /// The header fields, for a mail alone.
    fn head(&self, settings: &Settings) -> Result<Option<Head>, Failure> {
        if self.format != Format::Eml {
            let is_given = !self.to.is_empty() || self.from.is_some() || self.subject.is_some();
            return match is_given {
                true => Err(Failure::unusable(
                    "--to, --from and --subject are for a mail; add --format eml",
                )),
                false => Ok(None),
            };
        }
        let of_settings = |key: &str, text: &String| {
            mail::address(text)
                .map_err(|cause| Failure::unusable(format!("{key} of the settings: {cause}")))
        };
        let from = match (&self.from, &settings.mail_from) {
            (Some(from), _) => from.clone(),
            (None, Some(text)) => of_settings("mail_from", text)?,
            (None, None) => {
                return Err(Failure::unusable(
                    "a mail has a sender; add --from ADDRESS, or write mail_from into the settings",
                ));
            }
        };
        let to = match self.to.is_empty() {
            false => Ok(self.to.clone()),
            true => settings.mail_to.iter().map(|text| of_settings("mail_to", text)).collect(),
        };
        let to: Vec<_> = to?;
        if to.is_empty() {
            return Err(Failure::unusable(
                "a mail has receivers; add --to ADDRESS, or write mail_to into the settings",
            ));
        }
        Ok(Some(Head { from, to, subject: self.subject.clone() }))
    }

    fn spec(&self, session: &Session) -> Result<Option<FlagSpec>, Failure> {
        let Found::Present(present) = session.find()? else {
            return Ok(None);
        };
        present.spec.map(Some).map_err(|cause| {
            let shown = session.shown();
            Failure::unusable(format!("the content of {shown} cannot be used: {cause}; correct it"))
        })
    }

    fn languages(&self, spec: Option<&FlagSpec>) -> Result<Vec<Language>, Failure> {
        let one = matches!(self.format, Format::Html | Format::Ics | Format::Json);
        match (&self.lang[..], spec) {
            ([_, _, ..], _) if one => Err(Failure::unusable(
                "several languages are for text and eml; write one after --lang",
            )),
            ([], Some(spec)) => Ok(notice::languages(spec)),
            ([], None) => Ok(vec![Language::choose(None)]),
            (given, _) => Ok(given.to_vec()),
        }
    }

    fn rendered(&self, notice: &Notice<'_>, languages: &[Language]) -> Result<Vec<u8>, String> {
        let language = languages.first().copied().unwrap_or_else(|| Language::choose(None));
        match self.format {
            Format::Text | Format::Eml => Ok(plain::render(notice, languages).into_bytes()),
            Format::Html => page::render(notice, language, "maintenance-notice"),
            Format::Ics => calendar::render(notice, language).map_err(|error| error.to_string()),
            Format::Json => json::render(notice, language).map(|mut json| {
                json.push(b'\n');
                json
            }),
        }
    }

    fn write(&self, content: &[u8]) -> Result<(), Failure> {
        match &self.out {
            Some(path) => fs::write(path, content).map_err(|error| {
                Failure::unusable(format!("cannot write {}: {error}", path.display()))
            }),
            None => {
                // A closed pipe is not worth a message.
                let _ = io::stdout().write_all(content);
                Ok(())
            }
        }
    }
}
