//! What all processes know of a flag, as the one word that its slot on the board has for it.

use crate::window::Phase;

/// What is known of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Absent,
    /// There, and where the moment lies in the window that its content describes.
    Present(Phase),
}

impl Known {
    /// Does the flag close its scope? Where nothing is known, it does.
    pub(super) fn closes(self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Absent => false,
            Self::Present(phase) => matches!(phase, Phase::Closed | Phase::Overdue),
        }
    }

    const fn code(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Absent => 1,
            Self::Present(Phase::Announced) => 2,
            Self::Present(Phase::Closed) => 3,
            Self::Present(Phase::Overdue) => 4,
            Self::Present(Phase::Reopened) => 5,
        }
    }

    const fn of_code(code: u64) -> Self {
        match code {
            1 => Self::Absent,
            2 => Self::Present(Phase::Announced),
            3 => Self::Present(Phase::Closed),
            4 => Self::Present(Phase::Overdue),
            5 => Self::Present(Phase::Reopened),
            _ => Self::Nothing,
        }
    }
}

/// Which version of the flag's content the knowledge rests on, in a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basis(u32);

impl Basis {
    /// No content: the flag is absent, or nothing is known.
    pub(super) const NONE: Self = Self(0);
    /// A flag that has just appeared, whose content may still be written.
    pub(super) const YOUNG: Self = Self(1);

    /// The basis with this hash.
    pub(super) fn of(hash: u64) -> Self {
        Self((hash as u32).max(2))
    }
}

/// What is known of a flag at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) known: Known,
    pub(super) basis: Basis,
    /// The children's last look failed.
    pub(super) failed: bool,
}

/// A state, and the number of changes that led to it. By that number a look that began before a
/// change is told from one that began after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    const FAILED: u64 = 8;

    pub(super) fn state(self) -> State {
        State {
            known: Known::of_code(self.0 & 7),
            basis: Basis((self.0 >> 4) as u32),
            failed: self.0 & Self::FAILED != 0,
        }
    }

    /// The word after a change.
    pub(super) fn next(self, state: State) -> Self {
        let number = (self.0 >> 36).wrapping_add(1) << 36;
        let failed = if state.failed { Self::FAILED } else { 0 };
        Self(number | u64::from(state.basis.0) << 4 | failed | state.known.code())
    }
}
