//! Checks whether a refusal is correct.

use hyper::header::HeaderName;

use super::super::content::{self, MESSAGE};
use super::super::timeline::Timeline;
use super::super::world::{ADMITTED, Flag, INVITED, LISTED, Trouble, Watched, Words};
use super::{Answer, Asked, Media, Oracle, Outcome, Times, one};

/// MaintenanceRetryAfter, in seconds.
pub const RETRY_AFTER: i64 = 60;
/// The maximum spread.
pub const SPREAD: i64 = 30;

impl Oracle {
    pub(super) fn judge_refusal(
        &self,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<Outcome, String> {
        let (sent, received) = (times.sent.0, times.received.0);
        if answer.status != asked.refused_with {
            return Err(format!("neither 200 nor {}", asked.refused_with));
        }
        if asked.who == ADMITTED || (asked.who == LISTED && !self.may_be_unlisted(times)) {
            return Err("a refusal of a client that is admitted".into());
        }
        check_headers(asked, answer)?;
        let mut closings: Vec<Words> = Vec::new();
        for span in self.world.flag.between(sent, received) {
            match span.state {
                Flag::Closed(words) if !closings.contains(&words) => closings.push(words),
                _ => {}
            }
        }
        // Known limits: two replacements within one look, and a flag that cannot be opened.
        let is_unread = self.world.flag.changes(sent, received) > 1
            || self.world.had(Trouble::NoFiles, self.world.files_from(sent), received);
        if is_unread {
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

    pub(super) fn may_be_refused(&self, asked: &Asked, times: Times) -> bool {
        let flags = self.world.flag.between(times.sent.0, times.received.0);
        flags.iter().any(|span| match (&span.state, asked.who) {
            (Flag::Open, _) | (_, ADMITTED) => false,
            (Flag::Closed(words), INVITED) => !words.invites,
            (_, LISTED) => self.may_be_unlisted(times),
            _ => true,
        })
    }

    fn may_be_unlisted(&self, times: Times) -> bool {
        let from = self.world.files_from(times.sent.0);
        let files = self.world.allow_file.between(from, times.received.0);
        // A child that has missed the last good version admits nobody by a broken file.
        files.iter().any(|span| span.state.version.is_multiple_of(2) || span.state.is_broken)
            || self.world.had(Trouble::NoFiles, from, times.received.0)
    }

    /// Whether the answer matches this content of the flag.
    fn fits(
        &self,
        words: &Words,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<(), String> {
        if asked.who == INVITED && words.invites {
            return Err("a refusal of a client that the flag admits".into());
        }
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
            Media::Json => check_json(words, answer.status, &body),
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
        let base = words.retry_after.unwrap_or(RETRY_AFTER);
        let mut ranges = vec![(base, base + SPREAD)];
        if let Some(end) = words.end {
            let clocks = self.world.clock.between(times.sent.0, times.received.0);
            let ahead = |moment: jiff::Timestamp, clock: i64| {
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

fn check_json(words: &Words, status: u16, body: &[u8]) -> Result<(), String> {
    let problem: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    let is_said = match &words.message {
        Some(message) => detail == message,
        None => !detail.is_empty() && !detail.starts_with(MESSAGE),
    };
    let end = words.end.map(|end| end.as_second());
    let said_end: Option<jiff::Timestamp> =
        problem["end"].as_str().and_then(|end| end.parse().ok());
    let is_whole = problem["status"] == status
        && problem["type"] == "about:blank"
        && said_end.map(|end| end.as_second()) == end;
    (is_said && is_whole).then_some(()).ok_or_else(|| format!("another problem: {problem}"))
}
