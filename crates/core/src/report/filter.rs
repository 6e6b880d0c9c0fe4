//! Which scopes a request for the report asks for.

use super::state::ScopeState;

/// The scopes that are asked for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the name of the scope, in any case. The report is about these scopes alone.
    pub scope: Option<String>,
    /// Of these scopes, those in this condition are listed.
    pub state: Option<Condition>,
}

/// What a scope can be asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The scope is in this state.
    Is(ScopeState),
    /// A flag or a file of the scope cannot be used.
    Error,
}

impl Condition {
    /// All conditions, the most urgent first.
    pub(super) const ALL: [Self; 8] = [
        Self::Error,
        Self::Is(ScopeState::Overdue),
        Self::Is(ScopeState::Closed),
        Self::Is(ScopeState::Reopening),
        Self::Is(ScopeState::ReadOnly),
        Self::Is(ScopeState::Announced),
        Self::Is(ScopeState::Open),
        Self::Is(ScopeState::Off),
    ];

    /// The value of `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Is(state) => state.name(),
            Self::Error => "error",
        }
    }

    /// The name for people.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Is(state) => state.label(),
            Self::Error => "in error",
        }
    }

    /// The condition with this name; None if it is unknown.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == word)
    }
}

impl Filter {
    /// Whether all scopes are asked for.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Compares names with the part that is asked for, which is prepared once.
    pub(super) fn names(&self) -> impl Fn(&str, Option<&str>) -> bool + use<> {
        let part = self.scope.as_ref().map(|part| part.to_lowercase());
        move |server, location| match (&part, location) {
            (None, _) => true,
            (Some(part), None) => server.to_lowercase().contains(part),
            (Some(part), Some(location)) => {
                format!("{server} {location}").to_lowercase().contains(part)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        let location = Some("<Location /Blogs>");
        for (part, server, location, expected) in [
            (None, "www.example.com:443", None, true),
            (Some("example"), "www.example.com:443", None, true),
            (Some("EXAMPLE.com:443"), "www.Example.com:443", None, true),
            (Some("example.org"), "www.example.com:443", None, false),
            (Some("www.example.com"), "www.example.com:443", location, true),
            (Some("/blogs"), "www.example.com:443", location, true),
            (Some("/blogs"), "www.example.com:443", None, false),
            (Some(":443 <Location"), "www.example.com:443", location, true),
            (Some("äö"), "www.ÄÖ.test", None, true),
        ] {
            let filter = Filter { scope: part.map(str::to_owned), state: None };
            let found = filter.names()(server, location);
            assert_eq!(found, expected, "{part:?} {server} {location:?}");
        }
    }
}
