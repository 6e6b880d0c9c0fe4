//! The state of a scope.

use serde::Serialize;

/// Whether a scope lets requests in, those closed most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeState {
    /// The engine is off.
    Off,
    /// No flag is there.
    Open,
    /// A flag says that it will close.
    Announced,
    /// A flag closes it.
    Closed,
    /// A flag closes it past its end.
    Overdue,
}

impl ScopeState {
    /// As in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Announced => "announced",
            Self::Closed => "closed",
            Self::Overdue => "overdue",
        }
    }

    pub(super) const fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Overdue)
    }
}
