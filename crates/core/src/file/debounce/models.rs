//! Several processes debounce new versions of a file (`make loom`).

use std::path::Path;

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::shared::atomics::AtomicU64;

/// A version that has just appeared is not stable for any process, however old the previous version
/// was.
#[test]
fn just_come() {
    let version = Version::MISSING; // changed in the far future, as far as its times go
    let is_stable =
        move |slot: &Sightings| LastSeen::of(slot).is_stable(slot, version, Duration::ZERO);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let slot = Arc::new(Sightings::default());
        let theirs = Arc::clone(&slot);
        let other = thread::spawn(move || is_stable(&theirs));
        assert_ne!(is_stable(&slot), Some(true));
        assert_ne!(other.join().expect("seen"), Some(true));
    });
}

/// A slow look does not restore the previous version.
#[test]
fn slow_looks() {
    let versions = [Version::MISSING, Version::of(Path::new("/")).expect("a folder")];
    loom::model(move || {
        let shared = Arc::new((Sightings::default(), AtomicU64::default()));
        let look = move |(slot, file): &(Sightings, AtomicU64)| {
            let last = LastSeen::of(slot);
            let version = file.load(Ordering::Relaxed);
            let is_stable = last.is_stable(slot, versions[version as usize], Duration::ZERO);
            (version, is_stable)
        };
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || look(&theirs));
        shared.1.store(1, Ordering::Relaxed);
        let (version, is_stable) = look(&shared);
        other.join().expect("looked");
        assert_eq!(version, 1);
        if is_stable.is_some() {
            let last = LastSeen::of(&shared.0);
            assert_eq!(last, LastSeen::new(versions[1], last.since()));
        }
    });
}
