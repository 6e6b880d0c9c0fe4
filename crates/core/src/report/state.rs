//! The state of a scope.

use serde::{Deserialize, Serialize};

/// The state of a scope, from the least to the most restrictive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeState {
    /// The engine is off.
    Off,
    /// No flag exists.
    Open,
    /// A flag announces that it will close the scope.
    Announced,
    /// A flag refuses writes alone.
    ReadOnly,
    /// A flag closes the scope for a part of the clients.
    Reopening,
    /// A flag closes the scope.
    Closed,
    /// A flag closes the scope, although its end has passed.
    Overdue,
}

impl ScopeState {
    /// The name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Announced => "announced",
            Self::ReadOnly => "read_only",
            Self::Reopening => "reopening",
            Self::Closed => "closed",
            Self::Overdue => "overdue",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            other => other.name(),
        }
    }

    /// Whether every request is refused, but for the allowlist.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Overdue)
    }

    /// Whether no request is refused.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Off | Self::Open | Self::Announced)
    }
}
