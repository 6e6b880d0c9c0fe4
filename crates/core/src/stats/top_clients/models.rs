//! Concurrent counting in the table (`make loom`).

use loom::sync::Arc;
use loom::thread;

use super::*;

const DEAD: i32 = 1;
const WRITER: i32 = 2;

fn refusal(number: u8) -> RefusedRequest<'static> {
    RefusedRequest {
        address: [10, 0, 0, number].into(),
        path: if number == 1 { b"/one" } else { b"/other" },
        agent: if number == 1 { b"agent 1" } else { b"a 2" },
        time: Timestamp::from_second(number.into()).expect("a time"),
    }
}

/// Whether all data is of one refusal.
fn is_whole(client: &Client) -> bool {
    [refusal(1), refusal(2)].into_iter().any(|refusal| {
        client.address == refusal.address
            && client.path.start == refusal.path
            && client.agent.start == refusal.agent
            && client.time == Some(refusal.time)
    })
}

fn counts(table: &TopClients) -> Vec<(IpAddr, u64, u64)> {
    let mut clients = table.clients();
    clients.sort_by_key(|client| client.address);
    clients.iter().map(|client| (client.address, client.count, client.error)).collect()
}

/// As long as there is room for all addresses, each is counted exactly.
#[test]
fn counted() {
    for other in [1, 2] {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            let table = Arc::new(TopClients::default());
            let theirs = Arc::clone(&table);
            let counting = thread::spawn(move || theirs.count(refusal(other), WRITER));
            table.count(refusal(1), WRITER);
            counting.join().expect("counted");
            let (one, two) = (refusal(1).address, refusal(2).address);
            match other {
                1 => assert_eq!(counts(&table), [(one, 2, 0)]),
                _ => assert_eq!(counts(&table), [(one, 1, 0), (two, 1, 0)]),
            }
        });
    }
}

/// A reader never sees data mixed from two refusals.
#[test]
fn whole() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let details = Arc::new(Details::default());
        let theirs = Arc::clone(&details);
        let writing = thread::spawn(move || theirs.write(9, refusal(2), WRITER));
        assert!(details.read(9, Instant::now() + PATIENCE).is_none_or(|client| is_whole(&client)));
        writing.join().expect("written");
        assert!(details.read(9, Instant::now() + PATIENCE).is_some_and(|client| is_whole(&client)));
    });
}

/// An entry left half written by a dead process is freed once, and not after another process has
/// locked it again.
#[test]
fn left_behind() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let table = Arc::new(TopClients::default());
        let left = &table.buckets[0].details[0];
        left.lock.store(Lock(0).taken_by(DEAD).0, Ordering::Relaxed);
        left.tag.store(9, Ordering::Relaxed);
        let release = |table: &TopClients| table.release_where(|process| process == DEAD);
        let write = |table: &TopClients, number| {
            table.buckets[0].details[0].write(9, refusal(number), WRITER);
        };
        let ours = [(); 3].map(|()| Arc::clone(&table));
        let [one, two, three] = ours;
        let threads = [
            thread::spawn(move || release(&one)),
            thread::spawn(move || {
                release(&two);
                write(&two, 1);
            }),
            thread::spawn(move || write(&three, 2)),
        ];
        for thread in threads {
            thread.join().expect("done");
        }
        assert!(Lock(left.lock.load(Ordering::Relaxed)).writer().is_none());
        assert!(left.read(9, Instant::now() + PATIENCE).is_none_or(|client| is_whole(&client)));
    });
}
