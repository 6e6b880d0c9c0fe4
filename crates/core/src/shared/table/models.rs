//! Looking for a place while it is being assigned (`make loom`).

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::shared::slot::Slot;

/// A process that finds the place of a key sees no data of its previous key.
#[test]
fn found_as_new() {
    loom::model(|| {
        let table = Arc::new(Table::<Slot, 1>::default());
        let (old, new) = (Key::of("old"), Key::of("new"));
        table.claim(&[old]).expect("a place")[0].flag.state.store(7, Ordering::Relaxed);
        let theirs = Arc::clone(&table);
        let parent = thread::spawn(move || theirs.claim(&[new]).is_ok());
        if let Some(place) = table.find(new) {
            assert_eq!(place.flag.state.load(Ordering::Relaxed), 0);
        }
        assert!(parent.join().expect("claimed"));
        assert!(table.find(old).is_none() && table.find(new).is_some());
    });
}

/// A restart keeps what the previous children know, and what they find out in the meantime.
#[test]
fn kept_over_a_restart() {
    loom::model(|| {
        let table = Arc::new(Table::<Slot, 2>::default());
        let (kept, new) = (Key::of("kept"), Key::of("new"));
        table.claim(&[kept]).expect("a place");
        let theirs = Arc::clone(&table);
        let child = thread::spawn(move || {
            theirs.find(kept).map(|place| place.flag.state.store(7, Ordering::Relaxed))
        });
        assert!(table.claim(&[new, kept]).is_ok());
        child.join().expect("a child").expect("a place");
        let word = |key| table.find(key).map(|place| place.flag.state.load(Ordering::Relaxed));
        assert_eq!((word(kept), word(new)), (Some(7), Some(0)));
    });
}
