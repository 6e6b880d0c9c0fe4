//! What several processes make of a version that is new to all of them (`make loom`).

use loom::sync::Arc;
use loom::thread;

use super::*;

/// A version that has just come is settled for nobody, however long the one before was.
#[test]
fn just_come() {
    let version = Version::MISSING; // changed in the far future, as far as its times go
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let slot = Arc::new(Slot::default());
        let theirs = Arc::clone(&slot);
        let other = thread::spawn(move || is_settled_for_all(&theirs, version, Duration::ZERO));
        assert!(!is_settled_for_all(&slot, version, Duration::ZERO));
        assert!(!other.join().expect("seen"));
    });
}
