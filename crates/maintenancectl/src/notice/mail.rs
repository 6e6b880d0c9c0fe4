//! The notice as a mail: text, HTML, and an invitation. `sendmail -t` takes it as it is.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use maintenance_core::notice::{Event, Language, Notice, calendar};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};

use super::{plain, told};

/// The longest subject, in characters. A line of a mail has at most 998 octets (RFC 5322).
const MAX_SUBJECT: usize = 200;

/// The same for an address, which has at most 254 (RFC 5321), and for the name before it.
const MAX_ADDRESS: usize = 254;

/// The header fields that the caller chooses.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) subject: Option<String>,
}

/// An address with or without a name: `it@example.com`, `IT <it@example.com>`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn address(text: &str) -> Result<Mailbox, String> {
    const WRITE: &str = "write it@example.com, or \"IT <it@example.com>\"";
    if text.contains(char::is_control) {
        return Err(format!(
            "the address {text:?} contains a line end or another control character"
        ));
    }
    let wrong = || format!("\"{text}\" is not one mail address; {WRITE}");
    let trimmed = text.trim();
    let (name, address) = match trimmed.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
        None => ("", trimmed),
    };
    if name.chars().count() > MAX_ADDRESS || address.len() > MAX_ADDRESS {
        return Err(format!("the address {:.20}... is too long; {WRITE}", trimmed));
    }
    if !address.is_ascii() {
        return Err(format!(
            "the address \"{text}\" is not ASCII, which not all mail servers take; write its domain \
             as xn--..."
        ));
    }
    let address: Address = address.parse().map_err(|_| wrong())?;
    Ok(Mailbox::new(Some(name.to_owned()).filter(|name| !name.is_empty()), address))
}

/// A subject.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn subject(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) {
        return Err("the subject contains a line end or another control character; write one line"
            .to_owned());
    }
    match text.trim().chars().count() {
        0 => Err("the subject is empty; write one, or leave the option out".to_owned()),
        1..=MAX_SUBJECT => Ok(text.trim().to_owned()),
        _ => {
            Err(format!("the subject has more than {MAX_SUBJECT} characters; write a shorter one"))
        }
    }
}

/// Renders the notice in these languages, one after the other. The lines end as sendmail expects
/// it, with LF alone.
///
/// # Errors
/// None in practice: the header fields are complete.
pub(crate) fn render(
    notice: &Notice<'_>,
    languages: &[Language],
    head: &Head,
    now: Timestamp,
) -> Result<Vec<u8>, String> {
    let subject = head.subject.clone().unwrap_or_else(|| subject_of(notice, languages));
    let tags: Vec<_> = languages.iter().map(|language| language.tag()).collect();
    let text = part(ContentType::TEXT_PLAIN, plain::render(notice, languages), None);
    let html = html(notice, languages, &subject).map_err(|error| error.to_string())?;
    let html = part(ContentType::TEXT_HTML, html, None);
    let both = MultiPart::alternative().singlepart(text).singlepart(html);
    let mut message = Message::builder()
        .from(head.from.clone())
        .raw_header(subject_field(&subject))
        .date(SystemTime::from(now))
        .message_id(Some(message_id(notice, head, now)))
        .raw_header(field("Auto-Submitted", "auto-generated"))
        .raw_header(field("Content-Language", &tags.join(", ")));
    for to in &head.to {
        message = message.to(to.clone());
    }
    // RFC 5546 wants an event in an invitation, and a flag without a start has none.
    let first = languages.first().filter(|_| told(notice).any(|event| event.start().is_some()));
    let message = match first {
        Some(language) => {
            let organizer = head.from.email.to_string();
            let ics = calendar::publish(notice, *language, &organizer);
            let ics = ics.map_err(|error| error.to_string())?;
            let ics = String::from_utf8(ics).map_err(|error| error.to_string())?;
            let kind = ContentType::parse("text/calendar; charset=utf-8; method=PUBLISH");
            let kind = kind.map_err(|error| error.to_string())?;
            let invitation =
                part(kind, ics, Some(ContentDisposition::attachment("maintenance.ics")));
            message.multipart(MultiPart::mixed().multipart(both).singlepart(invitation))
        }
        None => message.multipart(both),
    };
    let message = message.map_err(|error| error.to_string())?;
    let mut bytes = message.formatted();
    bytes.retain(|byte| *byte != b'\r'); // a CR in a text is encoded
    Ok(bytes)
}

fn field(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The subject as a header field. Lettre leaves ASCII as it is, also a text that looks like an
/// encoded one (`=?`, RFC 2047), which readers would decode.
fn subject_field(subject: &str) -> HeaderValue {
    if !subject.contains("=?") {
        return field("Subject", subject);
    }
    // An encoded word has at most 75 characters: 45 bytes make 60.
    let mut words = vec![String::new()];
    for letter in subject.chars() {
        match words.last_mut() {
            Some(word) if word.len() + letter.len_utf8() <= 45 => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?b?{}?=", STANDARD.encode(word)));
    let encoded = encoded.collect::<Vec<_>>().join("\r\n ");
    let name = HeaderName::new_from_ascii_str("Subject");
    HeaderValue::dangerous_new_pre_encoded(name, subject.to_owned(), encoded)
}

/// The titles in all languages, each once.
fn subject_of(notice: &Notice<'_>, languages: &[Language]) -> String {
    let mut titles: Vec<String> = vec![];
    for language in languages {
        for event in told(notice) {
            let title = plain::line(event.title(*language).0);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
    }
    let subject = match notice.host() {
        "" => titles.join(" / "),
        host => format!("{host}: {}", titles.join(" / ")),
    };
    match subject.char_indices().nth(MAX_SUBJECT) {
        Some((end, _)) => subject.get(..end).unwrap_or_default().to_owned(),
        None => subject,
    }
}

/// Each mail has an ID of its own, also if two are made within a second.
fn message_id(notice: &Notice<'_>, head: &Head, now: Timestamp) -> String {
    let id = told(notice).next().map_or("notice", |event| event.id.as_str());
    let random = getrandom::u64().unwrap_or_else(|_| std::process::id().into());
    format!("<{id}.{}.{random:016x}@{}>", now.as_second(), head.from.email.domain())
}

/// A part in an encoding in which it arrives as it was sent. Without its option `-i`, sendmail takes
/// a dot on a line of its own for the end of the mail; and programs that keep mails in one file
/// change lines that begin with `From `.
fn part(kind: ContentType, text: String, disposition: Option<ContentDisposition>) -> SinglePart {
    let encoded = |encoding| Body::new_with_encoding(text.clone(), encoding).ok();
    let is_safe = |body: &Body| {
        let mut lines = body.as_ref().split(|byte| *byte == b'\n');
        !lines.any(|line| line.starts_with(b".") || line.starts_with(b"From "))
    };
    let base64 = encoded(ContentTransferEncoding::Base64);
    let readable = encoded(ContentTransferEncoding::QuotedPrintable).filter(is_safe);
    let readable =
        readable.filter(|body| base64.as_ref().is_none_or(|other| body.len() <= other.len()));
    let body = readable.or(base64).unwrap_or_else(|| Body::new(text.into_bytes()));
    let builder = SinglePart::builder().header(kind);
    match disposition {
        Some(disposition) => builder.header(disposition),
        None => builder,
    }
    .body(body)
}

fn html(
    notice: &Notice<'_>,
    languages: &[Language],
    subject: &str,
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template = environment.template_from_str(include_str!("mail.html.j2"))?;
    let sections: Vec<_> = languages.iter().map(|language| section(notice, *language)).collect();
    template.render(context! { subject, sections })
}

fn section(notice: &Notice<'_>, language: Language) -> Value {
    let events: Vec<_> = told(notice).map(|event| shown(event, language)).collect();
    context! {
        lang => language.tag(),
        begins => language.begins(),
        ends => language.ends(),
        overdue => language.overdue(),
        events,
    }
}

fn shown(event: &Event<'_>, language: Language) -> Value {
    let (title, title_lang) = event.title(language);
    let (message, message_lang) = event.message(language).unzip();
    context! {
        title => plain::line(title),
        title_lang,
        message,
        message_lang => message_lang.flatten(),
        lead => event.lead(language),
        start => event.start().map(|start| start.rfc3339()),
        start_text => event.start().map(|start| start.text()),
        end => event.end().map(|end| end.rfc3339()),
        end_text => event.end().map(|end| end.text()),
        overdue => event.is_overdue && event.end().is_some(),
    }
}
