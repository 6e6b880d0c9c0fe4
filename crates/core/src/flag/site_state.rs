//! What the site does, in the words of the response header field `Maintenance`.

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::spec::FlagSpec;

/// What the site does, from the least to the most restrictive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteState {
    /// It is open, and a flag announces that it will close.
    Announced,
    /// It refuses writes alone.
    ReadOnly,
    /// It admits a share of the clients.
    Reopening,
    /// It refuses requests.
    Closed,
}

impl SiteState {
    const ALL: [Self; 4] = [Self::Announced, Self::ReadOnly, Self::Reopening, Self::Closed];

    /// The token of the header field.
    pub const fn token(self) -> &'static CStr {
        match self {
            Self::ReadOnly => c"read-only",
            Self::Reopening => c"reopening",
            Self::Closed => c"closed",
            Self::Announced => c"announced",
        }
    }
}

/// The values of the header field `Maintenance` for one content: a structured field item
/// (RFC 9651, section 3.3) with the parameters `start` and `end`, both dates (section 3.3.7), where
/// the content has them.
#[derive(Debug, Default)]
pub(super) struct StateFields([OnceLock<CString>; SiteState::ALL.len()]);

impl StateFields {
    /// The value for a state.
    pub(super) fn of(&self, state: SiteState, spec: &FlagSpec) -> &CStr {
        let times = [("start", spec.start()), ("end", spec.end())];
        match self.0.get(state as usize) {
            Some(field) if times.iter().any(|(_, time)| time.is_some()) => {
                field.get_or_init(|| {
                    let mut value = state.token().to_string_lossy().into_owned();
                    for (name, time) in times {
                        if let Some(time) = time {
                            let _ = write!(value, ";{name}=@{}", time.at().as_second());
                        }
                    }
                    CString::new(value).unwrap_or_else(|_| state.token().into())
                })
            }
            _ => state.token(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn values() {
        for (content, closed, announced) in [
            ("", "closed", "announced"),
            ("message = 'x'", "closed", "announced"),
            (
                "start = 2025-11-27T20:00:00Z\nend = 2025-11-28T00:00:00.5Z",
                "closed;start=@1764273600;end=@1764288000",
                "announced;start=@1764273600;end=@1764288000",
            ),
            ("end = 1969-12-31T23:59:59Z", "closed;end=@-1", "announced;end=@-1"),
        ] {
            let spec = FlagSpec::parse(content.as_bytes(), &TimeZone::UTC).expect(content);
            let fields = StateFields::default();
            for (state, expected) in
                [(SiteState::Closed, closed), (SiteState::Announced, announced)]
            {
                let value = fields.of(state, &spec).to_str().expect("text");
                assert_eq!(value, expected, "{content}");
            }
        }
    }
}
