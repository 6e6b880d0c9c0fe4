//! The contents of the files: the site, the pages, the allow file and the flag.

use jiff::Timestamp;

use super::world::Words;

/// The start of every message. Nothing else that the server sends contains it.
pub const MESSAGE: &str = "soak message ";

/// The site's files.
pub const PATHS: [&str; 3] = ["/", "/large.txt", "/coded.txt"];

/// The site's answer for a path; mod_deflate sends /coded.txt in chunks.
pub fn site(path: &str) -> Vec<u8> {
    match path {
        "/" => b"the site is open\n".to_vec(),
        "/large.txt" => b"the site's large file goes on\n".repeat(1000),
        _ => b"the site's coded file goes on\n".repeat(400),
    }
}

/// The template of the HTML page, which shows its version and the message.
pub fn html_template(version: u64) -> String {
    html(version, Some("{{ message|default(\"-\") }}"))
}

/// The rendered template.
pub fn html(version: u64, message: Option<&str>) -> String {
    let message = message.unwrap_or("-");
    let padding = "Closed for the soak. ".repeat(60);
    format!(
        "<!doctype html>\n<html lang=\"en\"><title>soak</title>\n<p>page {version}\n<p>{message}\n\
         <p>{padding}\n</html>\n"
    )
}

/// The text page, which is sent as it is.
pub fn text(version: u64) -> String {
    format!("page {version}\n{}end\n", "closed for the soak\n".repeat(50))
}

/// The allow file; every other version contains [`LISTED`](super::world::LISTED).
pub fn allow_file(version: u64) -> String {
    let address = if version % 2 == 1 { "127.0.0.3" } else { "10.9.8.7" };
    format!("# version {version}\n10.1.0.0/16\n{address}\n2001:db8::/32\n")
}

/// The flag's content with this message and further keys.
pub fn flag(words: &Words, more: &str) -> String {
    let mut text = String::new();
    if let Some(message) = &words.message {
        text += &format!("message = \"{message}\"\n");
    }
    if let Some(seconds) = words.retry_after {
        text += &format!("retry_after = {seconds}\n");
    }
    if let Some(end) = words.end {
        text += &format!("end = {end}\n");
    }
    if words.invites {
        text += "allow = [\"127.0.0.4\", \"10.0.0.0/8\"]\n";
    }
    text + more
}

/// A time this number of seconds after another, in whole seconds, as in a flag.
pub fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(moment.as_second() + seconds).expect("a moment")
}
