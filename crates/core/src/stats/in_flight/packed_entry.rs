//! One word of shared memory that says all about a request but its time and its flags.

use crate::stats::lasting::Lasting;
use crate::stats::scope::ScopeId;
use crate::stats::worker::Worker;

/// How a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Which clients passed then.
    pub among: Among,
    /// The method of the request only reads.
    pub is_safe: bool,
}

/// The clients that passed when a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All: the scope was open.
    All,
    /// Those of the allowlist.
    Chosen,
    /// Others than the administrators have chosen: the scope was read-only, or a share of the
    /// clients passed.
    Some,
}

/// The content of [`Entry::word`]: the process, the scope, the stage and the configuration's
/// generation of a request. 0 if the entry is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedEntry(pub(super) u64);

/// The stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Undecided,
    WasOpen,
    WasClosed,
    WasReadOnly,
}

impl From<Among> for Stage {
    fn from(among: Among) -> Self {
        match among {
            Among::All => Self::WasOpen,
            Among::Chosen => Self::WasClosed,
            Among::Some => Self::WasReadOnly,
        }
    }
}

impl PackedEntry {
    pub(super) const FREE: Self = Self(0);
    /// The bits of a process number on Linux (PID_MAX_LIMIT).
    const PROCESS: u64 = (1 << Self::SCOPE_AT) - 1;
    const SCOPE_AT: u32 = 22;
    const SCOPE: u64 = (1 << (Self::STAGE_AT - Self::SCOPE_AT)) - 1;
    const STAGE_AT: u32 = Self::SCOPE_AT + 17;
    const GENERATION_AT: u32 = Self::STAGE_AT + 2;
    const SAFE: u64 = 1 << (Self::GENERATION_AT + u8::BITS);
    const LASTING_AT: u32 = Self::GENERATION_AT + u8::BITS + 1;

    pub(super) fn undecided(worker: Worker, scope: ScopeId, is_safe: bool) -> Self {
        let process = u64::try_from(worker.process).unwrap_or(0) & Self::PROCESS;
        let generation = u64::from(worker.generation) << Self::GENERATION_AT;
        let safe = if is_safe { Self::SAFE } else { 0 };
        Self(safe | generation | process).at(scope, Stage::Undecided)
    }

    /// The same request in this scope and at this stage.
    pub(super) fn at(self, scope: ScopeId, stage: Stage) -> Self {
        let others = self.0 & !((1 << Self::GENERATION_AT) - 1) | self.0 & Self::PROCESS;
        let scope = scope.index() as u64 & Self::SCOPE;
        Self(others | (stage as u64) << Self::STAGE_AT | scope << Self::SCOPE_AT)
    }

    /// The process; None if the entry is free.
    pub(super) fn process(self) -> Option<i32> {
        i32::try_from(self.0 & Self::PROCESS).ok().filter(|_| self != Self::FREE)
    }

    pub(super) fn scope(self) -> ScopeId {
        ScopeId::new((self.0 >> Self::SCOPE_AT & Self::SCOPE) as usize)
    }

    pub(super) fn stage(self) -> Stage {
        match self.0 >> Self::STAGE_AT & 3 {
            0 => Stage::Undecided,
            1 => Stage::WasOpen,
            2 => Stage::WasClosed,
            _ => Stage::WasReadOnly,
        }
    }

    pub(super) fn admitted(self) -> Admitted {
        let among = match self.stage() {
            Stage::Undecided | Stage::WasOpen => Among::All,
            Stage::WasClosed => Among::Chosen,
            Stage::WasReadOnly => Among::Some,
        };
        Admitted { among, is_safe: self.0 & Self::SAFE != 0 }
    }

    pub(super) fn generation(self) -> u8 {
        (self.0 >> Self::GENERATION_AT) as u8
    }

    /// The same request with this mark.
    pub(super) fn marked(self, lasting: Lasting) -> Self {
        let number: u64 = match lasting {
            Lasting::Upgraded => 1,
            Lasting::Stream => 2,
        };
        Self(self.0 & !(3 << Self::LASTING_AT) | number << Self::LASTING_AT)
    }

    pub(super) fn lasting(self) -> Option<Lasting> {
        match self.0 >> Self::LASTING_AT & 3 {
            1 => Some(Lasting::Upgraded),
            2 => Some(Lasting::Stream),
            _ => None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A mark changes nothing else, and stays when the request enters another scope.
    #[test]
    fn marks() {
        let worker = Worker { process: 4_194_303, connection: 1, generation: 255 };
        let word = PackedEntry::undecided(worker, ScopeId::new(7), true);
        assert_eq!(word.lasting(), None);
        for lasting in [Lasting::Upgraded, Lasting::Stream] {
            let marked = word.marked(lasting).at(ScopeId::new(9), Stage::WasOpen);
            assert_eq!(marked.lasting(), Some(lasting));
            assert_eq!((marked.process(), marked.scope()), (Some(4_194_303), ScopeId::new(9)));
            assert_eq!((marked.generation(), marked.stage()), (255, Stage::WasOpen));
            assert!(marked.admitted().is_safe);
        }
    }
}
