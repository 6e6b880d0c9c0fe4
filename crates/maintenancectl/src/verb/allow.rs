//! `allow`: adds an address to an allow file.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::allow::list;
use maintenance_core::net::network;
use maintenance_core::text::time::Moment;
use maintenance_core::text::zone;

use crate::exit::{Exit, Failure, Outcome};
use crate::limit::Limit;
use crate::list_file::ListFile;
use crate::settings::Settings;
use crate::spoken::{now, said};

/// Let an address or a network in, for good or for some time
///
/// Adds a line to the file of MaintenanceAllow file=. If the address is there already, its line gets
/// the new end; an address that is there for good stays so. To end an admission early, remove its
/// line. For people without a fixed address, see maintenancectl invite.
#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// An address or a network: 192.0.2.7, 192.0.2.0/24, 2001:db8::/48
    address: String,
    #[command(flatten)]
    limit: Limit,
    /// The allow file; otherwise "allow" of the settings
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Allow {
    /// # Errors
    /// The address is none, or the file cannot be used.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let (now, zone) = (now(), zone::of_server());
        if ["list", "show", "add", "remove", "delete", "revoke"].contains(&self.address.as_str()) {
            return Err(Failure::unusable(format!(
                "\"{}\" is not an address; write maintenancectl allow 192.0.2.7, and see or remove \
                 the lines of the allow file in an editor",
                self.address
            )));
        }
        let parsed = list::parse(self.address.as_bytes(), &zone).map_err(|error| {
            let error = error.to_string();
            Failure::unusable(error.strip_prefix("line 1: ").unwrap_or(&error).to_owned())
        })?;
        let [entry] = &parsed[..] else {
            return Err(Failure::unusable("this is not one address; write 192.0.2.7"));
        };
        if entry.until.is_some() || self.address.contains('#') {
            let message = "this is more than an address; write the end as --for or --until";
            return Err(Failure::unusable(message));
        }
        let until = self.limit.at(now, &zone)?;
        let file = ListFile::open(self.file.clone(), ("allow", &settings.allow))?;
        let old = match file.is_absent() {
            true => "# Addresses that pass while the site is closed\n".to_owned(),
            false => checked(&file, &zone)?,
        };
        let network = network::parse(self.address.trim()).unwrap_or(entry.network);
        let end =
            until.map_or("for good".to_owned(), |at| format!("until {}", said(at, now, &zone)));
        let entries = list::parse(old.as_bytes(), &zone).unwrap_or_default();
        let mut present = entries.iter().filter(|entry| entry.network == network);
        if let Some(for_good) = present.clone().find(|entry| entry.until.is_none()) {
            say!(
                "already allowed: {} for good, by line {} of {}",
                self.address,
                for_good.origin,
                file.shown()
            );
            return Ok(Exit::Done);
        }
        let new = match present.next_back() {
            Some(entry) => with_end(&old, entry.origin, until, &zone),
            None => old + &line(&self.address, until, &zone, file.who()),
        };
        list::parse(new.as_bytes(), &zone)
            .map_err(|error| Failure::unusable(format!("{} {error}", file.shown())))?;
        file.write(&new)?;
        say!("allowed: {} {end}, by {}", self.address, file.shown());
        Ok(Exit::Done)
    }
}

/// The content, if the module can use it.
fn checked(file: &ListFile, zone: &TimeZone) -> Result<String, Failure> {
    let wrong = |cause: String| {
        Failure::unusable(format!(
            "{} cannot be used: {cause}; see maintenancectl check --kind allow {}",
            file.shown(),
            file.shown()
        ))
    };
    let text = file.text().ok_or_else(|| wrong("it is not UTF-8".into()))?;
    match list::parse(text.as_bytes(), zone) {
        Err(error) if !text.trim().is_empty() => Err(wrong(error.to_string())),
        _ => Ok(text),
    }
}

fn line(address: &str, until: Option<Timestamp>, zone: &TimeZone, who: &str) -> String {
    let until = until
        .map_or_else(String::new, |at| format!(" until={}", Moment::local(at, zone).rfc3339()));
    format!("{}{until} # by {who}\n", address.trim())
}

/// The content with another end in this line, which is counted from 1.
fn with_end(text: &str, number: u32, until: Option<Timestamp>, zone: &TimeZone) -> String {
    let changed = |line: &str| {
        let (entry, comment) = line.split_at(line.find('#').unwrap_or(line.len()));
        let address = entry.split_ascii_whitespace().next().unwrap_or_default();
        let end = until
            .map_or_else(String::new, |at| format!(" until={}", Moment::local(at, zone).rfc3339()));
        let blank = if comment.is_empty() { "" } else { " " };
        let eol = if line.ends_with('\r') && comment.is_empty() { "\r" } else { "" };
        format!("{address}{end}{blank}{comment}{eol}")
    };
    let lines = (1..).zip(text.split('\n'));
    let lines = lines.map(|(at, line)| if at == number { changed(line) } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}
