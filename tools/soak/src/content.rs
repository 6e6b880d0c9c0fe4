//! The contents of the files: the site, the pages, the allow file, the invitations and the flag.

use jiff::Timestamp;

use super::world::{Guest, Share, Words};

/// The start of every message. Nothing else that the server sends contains it.
pub const MESSAGE: &str = "soak message ";

/// The start of every secret. No log contains it.
pub const SECRET: &str = "soak-secret-";

/// The path that MaintenanceHealthCheck names. While the site is open, the site itself answers.
pub const HEALTH: &str = "/healthz";

/// The site's files.
pub const PATHS: [&str; 4] = ["/", "/large.txt", "/coded.txt", HEALTH];

/// The site's answer for a path; mod_deflate sends /coded.txt in chunks.
pub fn site(path: &str) -> Vec<u8> {
    match path {
        "/" => b"the site is open\n".to_vec(),
        HEALTH => b"the application works\n".to_vec(),
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

/// The secret of a guest's invitation.
pub fn secret(guest: Guest) -> &'static str {
    match guest {
        Guest::Anna => "soak-secret-of-anna-1f8c33e2d9a04b57",
        Guest::Vendor => "soak-secret-of-a-vendor-90d2b7f14c6ae835",
        Guest::Stranger => "soak-secret-of-nobody-5c1e7d20b93f48a6",
    }
}

/// The invitations; every other version contains [`Guest::Vendor`]. The hashes are those of the
/// secrets.
pub fn guest_file(version: u64) -> String {
    let anna = "8d1e03c00b4e8e1607396196c974aa0210104bf2bb9b138b9517296d2f3972f6";
    let vendor = "3dfe14068ccc24a8c39c61ebc4010a69cc2c7ed321655c24d1fca658a3018e6b";
    let revoked = if version % 2 == 1 { "" } else { "# " };
    format!("# version {version}\n{revoked}vendor {vendor}\nanna {anna}\n")
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
    if words.writes_only {
        text += "refuse = \"writes\"\n";
    }
    if let Some(Share { percent, over }) = words.share {
        text += &format!("admit_percent = {percent}\n");
        if let Some(seconds) = over {
            text += &format!("reopen = \"gradual\"\nover = \"{seconds}s\"\n");
        }
    }
    text + more
}

/// A time this number of seconds after another, in whole seconds, as in a flag.
pub fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(moment.as_second() + seconds).expect("a moment")
}
