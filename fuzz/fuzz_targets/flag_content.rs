//! The content of a flag: any bytes are either a window that can be shown on every built-in page,
//! or an error at a place in the text.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use maintenance_core::events::EventSink;
use maintenance_core::file::watched::FileEvent;
use maintenance_core::flag::spec::{FlagSpec, Phase};
use maintenance_core::flag::{ActiveFlag, Content, FlagEvent};
use maintenance_core::negotiate::Encoding;
use maintenance_core::page::{Choice, Facts, Pages, ServerName};
use maintenance_core::refusal::retry_after::{RetryAfter, Spreader};
use maintenance_core::text::time::Moment;

/// Of the built-in pages.
const LANGUAGES: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "zh-Hans"];

const STATUS: u16 = 503;

/// A zone whose clocks change.
static ZONE: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());

static PAGES: LazyLock<Pages> = LazyLock::new(|| Pages::new(&[], &Arc::default()));

struct Nobody;

impl EventSink for Nobody {
    fn flag(&self, _: FlagEvent<'_>) {}
    fn file(&self, event: FileEvent<'_>) {
        panic!("{event:?}");
    }
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

fuzz_target!(|content: &[u8]| {
    match FlagSpec::parse(content, &ZONE) {
        Ok(spec) => check_spec(spec, content, &LANGUAGES),
        Err(error) => check_error(&error.to_string(), content),
    }
    check_written(content);
});

fn check_spec(spec: FlagSpec, content: &[u8], languages: &[&str]) {
    check_times(&spec, content);
    check_texts(&spec);
    check_pages(spec, languages);
}

/// A content that says what the input has: few inputs are TOML.
fn check_written(input: &[u8]) {
    let number = hash(input);
    let (german, english) = input.split_at(input.len() / 2);
    let (german, english) = (String::from_utf8_lossy(german), String::from_utf8_lossy(english));
    let mut minutes = [number >> 32, number & 0xffff_ffff].map(|minute| minute as i64 * 60);
    minutes.sort_unstable();
    let [start, end] = minutes.map(|second| {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        time.to_zoned(ZONE.clone()).datetime() // one that can come twice
    });
    let content = format!(
        "start = {start}\nend = {end}\n[message]\nde = {}\nen = {}\n[vars]\nx = {0}\n",
        quoted(&german),
        quoted(&english),
    );
    let language = LANGUAGES[input.len() % LANGUAGES.len()];
    match FlagSpec::parse(content.as_bytes(), &ZONE) {
        Ok(spec) => {
            let shown = |text: &str| -> String {
                let plain = |c: char| match c {
                    '\n' | '\t' => c,
                    c if c.is_control() => '\u{fffd}',
                    c => c,
                };
                text.replace("\r\n", "\n").chars().map(plain).collect()
            };
            let mut texts = [("en", shown(&english)), ("de", shown(&german))];
            if language == "de" {
                texts.reverse();
            }
            // A blank text is none.
            let expected = texts.iter().find(|(_, text)| !text.trim().is_empty());
            let expected = expected.map(|(tag, text)| (text.as_str(), Some(*tag)));
            assert_eq!(spec.message(Some(language)), expected);
            check_spellings(&spec, [start, end]);
            check_spec(spec, content.as_bytes(), &[language]);
        }
        Err(error) => {
            let error = error.to_string();
            check_error(&error, content.as_bytes());
            // In the hour that comes twice they can have changed places.
            let is_order = error.ends_with(": the end is not later than the start");
            assert!(is_order && end <= start, "{error}: {start} {end}");
        }
    }
}

/// However the times are spelled, they are the same.
fn check_spellings(spec: &FlagSpec, [start, end]: [DateTime; 2]) {
    let short = |time: DateTime| time.to_string().replace('T', " ");
    for content in [
        format!("START = '{start}'\nEnd = \"{end}\""),
        format!("Start = {}\nend = ' {} '", short(start), short(end)),
    ] {
        let same = FlagSpec::parse(content.as_bytes(), &ZONE).unwrap();
        assert_eq!((same.start(), same.end()), (spec.start(), spec.end()), "{content}");
        assert!(same.warnings().is_empty());
    }
    for moment in [spec.start(), spec.end()].into_iter().flatten() {
        let written = moment.rfc3339();
        let (local, offset) = written.split_at(written.len() - 6);
        let short = local.strip_suffix(":00").unwrap_or(local).replace('T', " ");
        for text in [format!("{local}{}", offset.replace(':', "")), format!("{short} {offset}")] {
            for content in [format!("end = {text} # x"), format!("END = '{text}'")] {
                let same = FlagSpec::parse(content.as_bytes(), &ZONE).unwrap();
                assert_eq!(same.end(), Some(moment), "{content}");
            }
        }
    }
}

/// As a basic string of TOML, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\x7f', "\\u007f")
}

/// FNV-1a.
fn hash(input: &[u8]) -> u64 {
    input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `line L, column C: CAUSE`, in the text behind a byte order mark.
fn check_error(error: &str, content: &[u8]) {
    assert!(error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
    let (line, rest) = error.strip_prefix("line ").unwrap().split_once(", column ").unwrap();
    let (column, cause) = rest.split_once(": ").unwrap();
    let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
    assert!(!cause.is_empty());
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = String::from_utf8_lossy(text);
    let text = text.split('\n').nth(line.checked_sub(1).unwrap());
    // An error can lie at the end of its line.
    let places = text.unwrap_or_else(|| panic!("no line {line}: {error}")).chars().count() + 1;
    assert!((1..=places).contains(&column), "{error}, but only {places} places");
}

fn check_times(spec: &FlagSpec, content: &[u8]) {
    let (start, end) = (spec.start().map(|start| start.at()), spec.end().map(|end| end.at()));
    assert!(start.is_none_or(|start| end.is_none_or(|end| start < end)), "{start:?} {end:?}");
    let mut moments = vec![Timestamp::MIN, Timestamp::MAX];
    for moment in [start, end].into_iter().flatten() {
        let around = [-3_600_000_000_000, -1_000_000_000, -1, 0, 1, 1_000_000_000];
        let around = around.map(|nanos| moment.checked_add(SignedDuration::from_nanos(nanos)));
        moments.extend(around.into_iter().filter_map(Result::ok));
    }
    // Any others, as the input has it.
    let mut seed = hash(content);
    for _ in 0..8 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let second = i64::from((seed >> 32) as u32) * 60; // up to the year 10136
        moments.extend(Timestamp::from_second(second));
    }
    moments.sort_unstable();
    let phases: Vec<_> = moments.iter().map(|moment| spec.phase(*moment)).collect();
    assert!(phases.is_sorted(), "time goes on, and the phase back: {phases:?}");
    for (now, phase) in moments.into_iter().zip(phases) {
        assert_eq!(phase == Phase::Announced, start.is_some_and(|start| now < start), "{now}");
        let is_past = end.is_some_and(|end| end <= now);
        assert_eq!(matches!(phase, Phase::Overdue | Phase::Reopened), is_past, "{now}");
        check_retry_after(spec, now, is_past);
    }
    for moment in [spec.start(), spec.end()].into_iter().flatten() {
        check_moment(moment);
    }
}

fn check_retry_after(spec: &FlagSpec, now: Timestamp, is_past: bool) {
    for rule in [&["5m", "spread=1m"][..], &["off"]] {
        let rule = RetryAfter::parse(rule).unwrap();
        let seconds = rule.for_header(spec, is_past, now, &Spreader::default());
        let seconds = seconds.map(i64::from);
        assert!(seconds.is_none_or(|seconds| (0..=i64::from(i32::MAX)).contains(&seconds)));
        if let (Some(end), false, Some(seconds)) = (spec.end(), is_past, seconds) {
            // The field has whole seconds and httpd's clock microseconds.
            let back = now.as_microsecond() + seconds * 1_000_000;
            assert!(seconds == i64::from(i32::MAX) || back >= end.at().as_microsecond());
        }
        let page = rule.for_page(spec, is_past).map(i64::from);
        assert!(page.is_none_or(|page| seconds.is_some_and(|seconds| seconds >= page)));
    }
}

fn check_moment(moment: Moment) {
    let (rfc3339, text) = (moment.rfc3339(), moment.text());
    assert_eq!(rfc3339.parse::<Timestamp>().unwrap(), moment.at(), "{rfc3339}");
    // 2026-11-22T23:00:00.5+01:00 and 2026-11-22 23:00 +01:00, with seconds where there are any
    let (date, offset) = (&rfc3339[..10], &rfc3339[rfc3339.len() - 6..]);
    let time = &rfc3339[11..if &rfc3339[16..19] == ":00" { 16 } else { 19 }];
    assert_eq!(text, format!("{date} {time} {offset}"));
}

fn check_texts(spec: &FlagSpec) {
    let plain = |text: &str| !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    for language in LANGUAGES.map(Some).into_iter().chain([None, Some("de-CH-1996"), Some("")]) {
        if let Some((text, tag)) = spec.message(language) {
            assert!(plain(text), "{text:?}");
            assert!(
                tag.is_none_or(|tag| tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
            );
        }
    }
    assert!(spec.vars().values().all(|text| plain(text)), "{:?}", spec.vars());
    for warning in spec.warnings() {
        assert!(plain(warning) && !warning.contains('\n'), "{warning:?}");
    }
}

fn check_pages(spec: FlagSpec, languages: &[&str]) {
    let end = spec.end();
    let content = Arc::new(Content::of(spec));
    let mut closing = ActiveFlag { content, ..ActiveFlag::default() };
    for is_overdue in [false, true] {
        closing.is_overdue = is_overdue && end.is_some();
        for &language in languages {
            for (accept, check) in [
                ("text/html", check_html as fn(&str, &ActiveFlag, &str)),
                ("application/json", check_json),
                ("text/plain", check_plain),
            ] {
                let (accept, wanted) = (accept.as_bytes(), language.as_bytes());
                let Choice { page, has_languages, .. } =
                    PAGES.choose([Some(accept), Some(wanted), None]).unwrap();
                assert!(has_languages);
                let facts = Facts {
                    closing: &closing,
                    status: STATUS,
                    retry_after: None,
                    host: ServerName::none(),
                };
                let (body, _) = PAGES.body(page, facts, Encoding::Identity, &Nobody).unwrap();
                assert_eq!(page.content_language(&body).unwrap().to_bytes(), wanted);
                check(str::from_utf8(body.plain()).unwrap(), &closing, language);
            }
        }
    }
}

fn check_html(page: &str, closing: &ActiveFlag, language: &str) {
    let spec = closing.content.spec();
    assert!(page.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{language}\">")), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
    assert_eq!(page.to_ascii_lowercase().matches("<script").count(), 1, "{page}");
    let shown = page.split_once("<p class=\"message\" dir=\"auto\"");
    let expected = spec.message(Some(language)).filter(|(text, _)| !text.is_empty());
    assert_eq!(shown.is_some(), expected.is_some(), "{page}");
    if let (Some((_, shown)), Some((message, tag))) = (shown, expected) {
        let tag = tag.map_or_else(String::new, |tag| format!(" lang=\"{tag}\""));
        let shown = shown.strip_prefix(&format!("{tag}>")).unwrap();
        let shown = &shown[..shown.find("</p>\n").unwrap()];
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
        assert_eq!(unescape(shown), message);
    }
    let end = spec
        .end()
        .filter(|_| !closing.is_overdue)
        .map(|end| format!("<time datetime=\"{}\">{}</time>", end.rfc3339(), end.text()));
    match end {
        Some(end) => assert!(unescape(page).contains(&end), "{end} is missing: {page}"),
        None => assert!(!page.contains("<time "), "{page}"),
    }
}

/// What a browser makes of the escapes.
fn unescape(text: &str) -> String {
    let escapes =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/")];
    let text = escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

/// RFC 9457, 3.1.
fn check_json(page: &str, closing: &ActiveFlag, language: &str) {
    let spec = closing.content.spec();
    let problem: serde_json::Value = serde_json::from_str(page).unwrap();
    assert_eq!(problem["type"], "tag:mod-maintenance.invalid,2026:closed");
    assert_eq!(problem["status"], STATUS);
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{page}");
    match spec.message(Some(language)) {
        Some((message, _)) => assert_eq!(problem["detail"], message),
        None => assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
    }
    for (name, moment) in [("start", spec.start()), ("end", spec.end())] {
        let expected = moment.map(|moment| moment.rfc3339());
        assert_eq!(problem[name].as_str(), expected.as_deref(), "{name}");
    }
}

fn check_plain(page: &str, closing: &ActiveFlag, language: &str) {
    let spec = closing.content.spec();
    assert!(!page.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{page:?}");
    if let Some((message, _)) = spec.message(Some(language)) {
        assert!(page.contains(&format!("\n\n{message}\n\n")), "{page}");
    }
    let end = spec.end().filter(|_| !closing.is_overdue);
    assert!(end.is_none_or(|end| page.contains(&end.text())), "{page}");
}
