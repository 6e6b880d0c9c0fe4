//! Checks whether a refusal is correct.

use hyper::header::{HeaderName, SET_COOKIE};
use jiff::Timestamp;

use super::super::content::{self, MESSAGE};
use super::super::timeline::Timeline;
use super::super::world::{Trouble, Watched, Words};
use super::positions::share;
use super::{Answer, Asked, Media, Oracle, Outcome, Times, Token, one};

/// MaintenanceRetryAfter, in seconds.
pub const RETRY_AFTER: i64 = 60;
/// The maximum spread.
pub const SPREAD: i64 = 30;

/// The type of the JSON.
const PROBLEM_TYPE: &str = "tag:mod-maintenance.invalid,2026:closed";

impl Oracle {
    pub(super) fn judge_refusal(
        &self,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<Outcome, String> {
        if answer.status != asked.refused_with {
            return Err(format!("neither 200 nor {}", asked.refused_with));
        }
        if self.is_exempt(asked, times) {
            return Err("a refusal of a client that is admitted".into());
        }
        if asked.is_health_check() {
            return Err("a refusal of a health check".into());
        }
        check_headers(asked, answer)?;
        let mut closings = self.closings(times);
        if self.may_be_unread(times) {
            closings.push(Words::default());
        }
        let mut problems = vec![];
        for words in &closings {
            match self.fits(words, asked, answer, times) {
                Ok(()) => return Ok(Outcome::Refused),
                Err(problem) => problems.push(format!("{problem} (for {words:?})")),
            }
        }
        match problems.is_empty() {
            true => Err("a refusal while the site is open".into()),
            false => Err(problems.join("; ")),
        }
    }

    /// Whether the answer matches this content of the flag.
    fn fits(
        &self,
        words: &Words,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<(), String> {
        if self.must_admit(words, asked, times) {
            return Err("a refusal of a client that the flag admits".into());
        }
        check_state(words, answer, times)?;
        check_ticket(words, asked, answer)?;
        self.check_retry_after(words, answer, times)?;
        if asked.method == "HEAD" {
            return Ok(());
        }
        let body = self.decode(asked, answer)?;
        let matches_page = |versions: Vec<u64>, page: &dyn Fn(u64) -> String| {
            let fits = versions.iter().any(|version| page(*version).as_bytes() == body);
            let problem = || format!("not one of the pages {versions:?}");
            fits.then_some(()).ok_or_else(problem)
        };
        match asked.media {
            Media::Html => matches_page(self.versions(&self.world.html, times), &|version| {
                content::html(version, words.message.as_deref())
            }),
            Media::Text => matches_page(self.versions(&self.world.text, times), &content::text),
            Media::Json => check_json(words, answer.status, &body, times),
        }
    }

    /// The versions of a page that may be shown.
    fn versions(&self, page: &Timeline<Watched>, times: Times) -> Vec<u64> {
        let from = self.world.files_from(times.sent.0);
        let spans = page.between(from, times.received.0);
        let mut versions: Vec<_> = spans.iter().map(|span| span.state.version).collect();
        // Known limit: a child that has not read the last good version shows an older one.
        let is_broken = spans.iter().any(|span| span.state.is_broken)
            || self.world.had(Trouble::NoFiles, from, times.received.0);
        if is_broken && let Some(last) = versions.iter().max().copied() {
            versions.extend(last.saturating_sub(20)..last);
        }
        versions
    }

    fn check_retry_after(
        &self,
        words: &Words,
        answer: &Answer,
        times: Times,
    ) -> Result<(), String> {
        let value = one(&answer.headers, &HeaderName::from_static("retry-after"))?;
        let seconds: i64 =
            value.and_then(|value| value.parse().ok()).ok_or("no number in Retry-After")?;
        if let Some(all) = words.all_pass() {
            // The turn of the client.
            let most = content::after(all, 2).duration_since(times.sent.1).as_secs();
            let fits = (1..=most).contains(&seconds);
            return fits.then_some(()).ok_or_else(|| format!("Retry-After {seconds} of {most}"));
        }
        let base = words.retry_after.unwrap_or(RETRY_AFTER);
        let mut ranges = vec![(base, base + SPREAD)];
        if let Some(end) = words.end {
            let clocks = self.world.clock.between(times.sent.0, times.received.0);
            let ahead = |moment: Timestamp, clock: i64| {
                (end.as_millisecond() - moment.as_millisecond()) / 1000 - clock
            };
            ranges.retain(|_| clocks.iter().any(|span| ahead(times.received.1, span.state) <= 1));
            ranges.extend(clocks.iter().filter_map(|span| {
                let (least, most) =
                    (ahead(times.received.1, span.state), ahead(times.sent.1, span.state));
                (most >= 0).then_some((least.max(1), most + 1 + SPREAD))
            }));
        }
        let fits = ranges.iter().any(|(least, most)| (*least..=*most).contains(&seconds));
        fits.then_some(()).ok_or_else(|| format!("Retry-After {seconds} is not in {ranges:?}"))
    }
}

/// The field `Maintenance` says how the site is closed.
fn check_state(words: &Words, answer: &Answer, times: Times) -> Result<(), String> {
    let value = one(&answer.headers, &HeaderName::from_static("maintenance"))?.unwrap_or_default();
    let (least, most) = share(words, times);
    let fits = match value.split(';').next().unwrap_or_default() {
        "read-only" => words.writes_only,
        "reopening" => most > 0.0,
        "closed" => !words.writes_only && least == 0.0,
        _ => false,
    };
    fits.then_some(()).ok_or_else(|| format!("Maintenance: {value}"))
}

/// While a share is in force, a client gets a ticket once.
fn check_ticket(words: &Words, asked: &Asked, answer: &Answer) -> Result<(), String> {
    let value = one(&answer.headers, &SET_COOKIE)?;
    let is_due = words.share.is_some() && !matches!(asked.token, Token::Ticket(_));
    match value.map(|value| value.starts_with("maintenance-ticket=")) {
        None if !is_due => Ok(()),
        Some(true) if is_due => Ok(()),
        _ => Err(format!("Set-Cookie: {value:?}")),
    }
}

fn check_headers(asked: &Asked, answer: &Answer) -> Result<(), String> {
    let header = |name| one(&answer.headers, &HeaderName::from_static(name));
    let content_type = match asked.media {
        Media::Html => "text/html; charset=utf-8",
        Media::Json => "application/problem+json",
        Media::Text => "text/plain; charset=utf-8",
    };
    for (name, expected) in [("content-type", content_type), ("cache-control", "no-store")] {
        let found = header(name)?;
        if found != Some(expected) {
            return Err(format!("{name}: {found:?} and not {expected:?}"));
        }
    }
    for name in ["etag", "last-modified", "accept-ranges"] {
        if answer.headers.contains_key(name) {
            return Err(format!("a refusal with {name}"));
        }
    }
    if header("content-length")?.is_none() {
        return Err("a refusal without Content-Length".into());
    }
    // An expression of MaintenanceStatus adds the fields that it uses. The built-in JSON is in
    // several languages, and too short to be compressed.
    let vary = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    let vary = vary.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let second = if asked.media == Media::Json { "accept-language" } else { "accept-encoding" };
    let names = |name| vary.split(',').any(|part| part.trim() == name);
    match names("accept") && names(second) {
        true => Ok(()),
        false => Err(format!("Vary: {vary:?}")),
    }
}

fn check_json(words: &Words, status: u16, body: &[u8], times: Times) -> Result<(), String> {
    let problem: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    let is_said = match &words.message {
        Some(message) => detail == message,
        None => !detail.is_empty() && !detail.starts_with(MESSAGE),
    };
    let end = words.end.map(|end| end.as_second());
    let said = |name| -> Option<Timestamp> { problem[name].as_str()?.parse().ok() };
    let is_whole = problem["status"] == status
        && problem["type"] == PROBLEM_TYPE
        && problem["readOnly"].as_bool().unwrap_or(false) == words.writes_only
        && match (words.all_pass(), said("turn")) {
            (Some(all), Some(turn)) => times.sent.1 <= turn && turn <= content::after(all, 1),
            (all, turn) => all.is_none() && turn.is_none(),
        }
        && said("end").map(|end| end.as_second()) == end;
    (is_said && is_whole).then_some(()).ok_or_else(|| format!("another problem: {problem}"))
}
