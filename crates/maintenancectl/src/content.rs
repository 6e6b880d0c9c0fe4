//! What a flag says: the options that `close` and `announce` have in common, and how the result is
//! shown.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use maintenance_core::flag::spec::{FlagSpec, Phase, is_language};

use crate::edit::Edit;
use crate::exit::Failure;
use crate::session::Session;
use crate::spoken::{distance, duration, time, written};

/// The texts of a flag, and how it reopens.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ContentOptions {
    /// What people read; LANG=TEXT for each of several languages
    #[arg(short, long, value_name = "[LANG=]TEXT")]
    message: Vec<String>,
    /// The heading of the page; LANG=TEXT for each of several languages
    #[arg(long, value_name = "[LANG=]TEXT")]
    title: Vec<String>,
    /// Why, for the administrators alone
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The number of the change or the ticket, for the administrators alone
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Refuse only requests that can change something
    #[arg(long)]
    read_only: bool,
    /// What happens at the end; without it, the site stays closed
    #[arg(long, value_name = "HOW")]
    reopen: Option<Reopen>,
    /// How long a gradual reopening takes [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = over)]
    over: Option<String>,
}

/// How a site reopens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reopen {
    /// The site opens by itself
    Auto,
    /// A rising share of the clients passes
    Gradual,
}

/// A duration as a flag has it.
///
/// # Errors
/// What to write instead.
pub(crate) fn over(text: &str) -> Result<String, String> {
    let duration = duration(text)?;
    match duration.as_secs() {
        1..=604_800 => Ok(written(duration)),
        _ => Err("a gradual reopening takes at most 7 days; write 15m".into()),
    }
}

impl ContentOptions {
    /// Adds what the options say.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn apply(&self, edit: &mut Edit, session: &Session) -> Result<(), Failure> {
        edit.set("by", session.me.name.as_str());
        for (key, text) in [("reason", &self.reason), ("ticket", &self.ticket)] {
            if let Some(text) = text {
                edit.set(key, text.as_str());
            }
        }
        if self.read_only {
            edit.set("refuse", "writes");
        }
        match (self.reopen, &self.over) {
            (None, None) => {}
            (Some(Reopen::Auto), None) => {
                edit.set("reopen", "auto");
                edit.remove("over");
            }
            (Some(Reopen::Auto), Some(_)) => {
                let message = "--over is for --reopen gradual; leave one of them out";
                return Err(Failure::unusable(message));
            }
            (_, over) => {
                edit.set("reopen", "gradual");
                edit.set("over", over.as_deref().unwrap_or("15m"));
            }
        }
        for (key, given) in [("title", &self.title), ("message", &self.message)] {
            if !given.is_empty() {
                edit.set_texts(key, &texts(key, given)?);
            }
        }
        Ok(())
    }
}

/// The texts of `-m`, each with its language.
fn texts(name: &str, given: &[String]) -> Result<Vec<(Option<String>, String)>, Failure> {
    let text = |given: &String| match given.split_once('=') {
        Some((language, text)) if is_language(&language.replace('_', "-")) => {
            (Some(language.replace('_', "-")), text.to_owned())
        }
        _ => (None, given.clone()),
    };
    let texts: Vec<_> = given.iter().map(text).collect();
    let mut languages: Vec<_> =
        texts.iter().map(|(language, _)| language.as_ref().map(|l| l.to_lowercase())).collect();
    languages.sort();
    match &texts[..] {
        [] | [_] => Ok(texts),
        several => {
            if let Some((_, text)) = several.iter().find(|(language, _)| language.is_none()) {
                return Err(Failure::unusable(format!(
                    "there are several texts for the {name}, and \"{text}\" has no language; write \
                     --{name} \"en={text}\""
                )));
            }
            let is_twice = |pair: &&[Option<String>]| pair.first() == pair.last();
            if let Some([Some(language), ..]) = languages.windows(2).find(is_twice) {
                let message = format!("the {name} has two texts in \"{language}\"; leave one out");
                return Err(Failure::unusable(message));
            }
            Ok(texts)
        }
    }
}

/// Reads the time of an option and says what is unusual about it.
///
/// # Errors
/// What to write instead.
pub(crate) fn time_of(
    session: &Session,
    option: &str,
    text: &str,
    after: Timestamp,
) -> Result<Timestamp, Failure> {
    let understood = time(text, &session.clock().after(after))
        .map_err(|error| Failure::unusable(format!("{option}: {error}")))?;
    if let Some(note) = understood.note {
        note!("maintenancectl: note: {option}: {note}");
    }
    Ok(understood.at)
}

/// What the flag says from now on, a line for each fact.
pub(crate) fn summary(session: &Session, what: &str, spec: &FlagSpec) -> String {
    let by = spec.by().map_or_else(String::new, |by| format!(", by {by}"));
    let mut lines = vec![format!("{what}: {}{by}", session.shown())];
    if let Some(start) = spec.start() {
        lines.push(format!("  start: {}", session.said(start.at())));
    }
    let percent =
        spec.admit_percent().map(|percent| format!("{percent} per cent of the clients pass"));
    let rising = spec.open_from().filter(|_| spec.phase(session.now) == Phase::Reopening);
    if let (None, Some(end)) = (rising, spec.end()) {
        let then = match (spec.over(), spec.reopens()) {
            (Some(over), _) => format!(
                "then more and more clients pass, and all of them {} later",
                distance(std::time::Duration::from_secs(over.into()))
            ),
            (None, true) => "then the site opens by itself".to_owned(),
            (None, false) => "then it stays closed until \"maintenancectl open\"".to_owned(),
        };
        lines.push(format!("  end: {}; {then}", session.said(end.at())));
    }
    if spec.is_read_only() {
        lines.push("  only requests that can change something are refused".into());
    }
    match (percent, rising) {
        (percent, Some(open)) => lines.push(format!(
            "  {} now, and all of them from {}",
            percent.as_deref().unwrap_or("few clients pass"),
            session.said(open.at())
        )),
        (Some(percent), None) => lines.push(format!("  {percent}")),
        (None, None) => {}
    }
    lines.extend(spec.warnings().iter().map(|warning| format!("  warning: {warning}")));
    lines.join("\n") + "\n"
}
