//! The cookie that tells clients behind one address apart while a share of them is admitted.

use std::ffi::CString;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The name of the cookie.
const NAME: &str = "maintenance-ticket";

/// 128 random bits.
const BYTES: usize = 16;

/// For how long a client keeps the cookie, in seconds.
const MAX_AGE: u32 = 24 * 60 * 60;

/// A random value that a client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket([u8; BYTES]);

impl Ticket {
    /// The first well-formed ticket in the value of a Cookie field (RFC 6265, section 4.2.1). Lines
    /// of several fields are joined by commas, which no value of a cookie has.
    pub fn parse(cookies: &[u8]) -> Option<Self> {
        let pairs = cookies.split(|byte| [b';', b','].contains(byte)).map(<[u8]>::trim_ascii);
        pairs.filter_map(Self::of_pair).next()
    }

    fn of_pair(pair: &[u8]) -> Option<Self> {
        let value = pair.strip_prefix(NAME.as_bytes())?.strip_prefix(b"=")?;
        let mut bytes = [0; BYTES];
        // 24 characters are more than a ticket has, and more than fits.
        let length = URL_SAFE_NO_PAD.decode_slice(value, &mut bytes).ok()?;
        (length == BYTES).then_some(Self(bytes))
    }

    /// A new ticket; None if the system has no random bits now.
    pub fn random() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// A ticket with these bits.
    #[cfg(test)]
    pub(super) fn of(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The random bits.
    pub fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The value of a Set-Cookie field.
    pub fn set_cookie(&self, is_secure: bool) -> Option<CString> {
        let value = URL_SAFE_NO_PAD.encode(self.0);
        let secure = if is_secure { "; Secure" } else { "" };
        let field =
            format!("{NAME}={value}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}");
        CString::new(field).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        let good = "maintenance-ticket=AAECAwQFBgcICQoLDA0ODw";
        let bytes = std::array::from_fn(|n| n as u8);
        for (cookies, expected) in [
            (good.to_owned(), true),
            (format!("a=b; {good}; c=d"), true),
            (format!("a=b;{good}"), true),
            (format!("a=b, {good}"), true),
            (format!("maintenance-ticket=x; {good}"), true),
            (format!("{good}; maintenance-ticket=BBBBBBBBBBBBBBBBBBBBBA"), true),
            (String::new(), false),
            (good.to_uppercase(), false),
            (format!("x{good}"), false),
            (format!("{good}A"), false),
            (format!("{good}=="), false),
            (good.replace('=', " = "), false),
            (format!("{}-", &good[..good.len() - 1]), false), // bits that do not count
            (format!("{}+", &good[..good.len() - 1]), false),
            (good[..good.len() - 1].to_owned(), false),
            ("maintenance-ticket=".to_owned(), false),
            (format!("maintenance-ticket={}", "A".repeat(100_000)), false),
            (format!("maintenance-ticket=\"{}\"", &good[19..]), false),
        ] {
            let found = Ticket::parse(cookies.as_bytes());
            assert_eq!(found, expected.then_some(Ticket(bytes)), "{cookies}");
        }
        assert_eq!(Ticket::parse(b"\xff\0maintenance-ticket=\xff"), None);
    }

    #[test]
    fn what_is_set() {
        let ticket = Ticket(std::array::from_fn(|n| n as u8));
        for (is_secure, more) in [(false, ""), (true, "; Secure")] {
            let expected = format!(
                "maintenance-ticket=AAECAwQFBgcICQoLDA0ODw; Path=/; Max-Age=86400; HttpOnly; \
                 SameSite=Lax{more}"
            );
            let field = ticket.set_cookie(is_secure).expect("a field");
            assert_eq!(field.to_str(), Ok(expected.as_str()));
        }
        let random = [(); 2].map(|()| Ticket::random().expect("random bits"));
        assert_ne!(random[0], random[1]);
        let field = random[0].set_cookie(false).expect("a field");
        assert_eq!(Ticket::parse(field.to_bytes()), Some(random[0]));
    }
}
