//! What all processes know about a flag, as one word in its slot.

use crate::flag::spec::Phase;

/// Whether the flag is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nothing is known about the flag yet, which closes its scope.
    Unknown,
    Absent,
    /// Present, with the phase according to its content.
    Present(Phase),
}

impl Presence {
    /// Whether the flag closes its scope.
    pub(super) fn closes(self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Absent => false,
            Self::Present(phase) => {
                matches!(phase, Phase::Closed | Phase::Overdue | Phase::Reopening)
            }
        }
    }

    const fn code(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Absent => 1,
            Self::Present(Phase::Announced) => 2,
            Self::Present(Phase::Closed) => 3,
            Self::Present(Phase::Overdue) => 4,
            Self::Present(Phase::Reopened) => 5,
            Self::Present(Phase::Inactive) => 6,
            Self::Present(Phase::Reopening) => 7,
        }
    }

    const fn of_code(code: u64) -> Self {
        match code {
            1 => Self::Absent,
            2 => Self::Present(Phase::Announced),
            3 => Self::Present(Phase::Closed),
            4 => Self::Present(Phase::Overdue),
            5 => Self::Present(Phase::Reopened),
            6 => Self::Present(Phase::Inactive),
            7 => Self::Present(Phase::Reopening),
            _ => Self::Unknown,
        }
    }
}

/// Identifies the content on which the state is based, in a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentId(u32);

impl ContentId {
    /// No content: the flag is absent, or nothing is known.
    pub(super) const NONE: Self = Self(0);
    /// A new flag whose content may still be written.
    pub(super) const YOUNG: Self = Self(1);
    /// A flag that exists but cannot be examined.
    pub(super) const DENIED: Self = Self(2);

    /// The ID for this hash.
    pub(super) fn of(hash: u64) -> Self {
        Self((hash as u32).max(3))
    }
}

/// Identifies the file with the content on which the state is based, in a hash. It lets every
/// process distinguish a file that has been replaced from one that has been rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct File(u16);

impl File {
    /// No file.
    pub(super) const NONE: Self = Self(0);

    /// The ID for this hash.
    pub(super) fn of(hash: u64) -> Self {
        Self((hash as u16).max(1))
    }

    /// The ID of the same file after its deletion.
    pub(super) fn deleted(self) -> Self {
        Self((!self.0).max(1))
    }
}

/// The state of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlagState {
    pub(super) known: Presence,
    pub(super) content_id: ContentId,
    pub(super) file: File,
    /// The children's last look failed, or they may not examine the file.
    pub(super) failed: bool,
}

impl FlagState {
    pub(super) const ABSENT: Self = Self {
        known: Presence::Absent,
        content_id: ContentId::NONE,
        file: File::NONE,
        failed: false,
    };
    pub(super) const DENIED: Self = Self {
        known: Presence::Present(Phase::Closed),
        content_id: ContentId::DENIED,
        file: File::NONE,
        failed: true,
    };
}

/// A state and the number of changes before it. The number tells a process whether its look began
/// before a change.
///
/// All fields change atomically: new content together with the old file would look like a replaced
/// file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedState(pub(super) u64);

impl PackedState {
    const FAILED: u64 = 8;
    const CONTENT_ID: u32 = 4;
    const FILE: u32 = Self::CONTENT_ID + u32::BITS;
    const NUMBER: u32 = Self::FILE + u16::BITS;

    pub(super) fn state(self) -> FlagState {
        FlagState {
            known: Presence::of_code(self.0 & 7),
            content_id: ContentId((self.0 >> Self::CONTENT_ID) as u32),
            file: File((self.0 >> Self::FILE) as u16),
            failed: self.0 & Self::FAILED != 0,
        }
    }

    /// Whether the flag is absent and the last look succeeded.
    pub(super) fn is_absent(self) -> bool {
        self.0 & ((1 << Self::NUMBER) - 1) == Presence::Absent.code()
    }

    /// The word after a change.
    pub(super) fn next(self, state: FlagState) -> Self {
        let number = (self.0 >> Self::NUMBER).wrapping_add(1) << Self::NUMBER;
        let failed = if state.failed { Self::FAILED } else { 0 };
        let file = u64::from(state.file.0) << Self::FILE;
        let content_id = u64::from(state.content_id.0) << Self::CONTENT_ID;
        Self(number | file | content_id | failed | state.known.code())
    }
}
