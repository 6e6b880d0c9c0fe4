use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;

use super::*;

/// Built on a large stack, then moved to the heap.
fn new_table() -> Box<TopClients> {
    let thread = thread::Builder::new().stack_size(16 << 20).spawn(Box::<TopClients>::default);
    let table = thread.expect("a thread").join().expect("a table");
    table.begin();
    table
}

fn refusal(address: IpAddr, path: &str) -> RefusedRequest<'_> {
    let time = Timestamp::from_second(1_800_000_000).expect("a time");
    RefusedRequest { address, path: path.as_bytes(), agent: b"probe/1", time }
}

#[test]
fn what_is_kept_of_a_client() {
    let table = new_table();
    let address = IpAddr::from([10, 0, 0, 1]);
    table.count(refusal(address, "/first"), 1);
    let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().into();
    let long = format!("/{}", "x".repeat(200));
    for target in ["/second", "/", long.as_str()] {
        table.count(refusal(mapped, target), 1);
    }
    table.count(refusal(IpAddr::V6(Ipv6Addr::LOCALHOST), "/other"), 1);
    let clients = table.clients();
    let [first, second] = &clients[..] else { panic!("{clients:?}") };
    assert_eq!((first.address, first.count, first.error), (address, 4, 0));
    assert_eq!(first.path, Text { start: long.as_bytes()[..TEXT].into(), is_cut: true });
    assert_eq!(first.agent, Text { start: b"probe/1".into(), is_cut: false });
    assert_eq!(first.time.map(Timestamp::as_second), Some(1_800_000_000));
    assert_eq!((second.address, second.count), (Ipv6Addr::LOCALHOST.into(), 1));
    table.clear(Timestamp::from_second(1_900_000_000).expect("a time"));
    assert_eq!(table.clients(), []);
    assert_eq!(table.since().map(Timestamp::as_second), Some(1_900_000_000));
    table.count(refusal(address, "/"), 1);
    assert_eq!(table.clients().iter().map(|client| client.count).collect::<Vec<_>>(), [1]);
}

/// A million addresses with one refusal each, and five with many refusals in between. The five are
/// in the table, and no count is further off than documented.
#[test]
fn a_million_addresses() {
    const HEAVY: u64 = 5;
    const OFTEN: u64 = 4000;
    const THREADS: u64 = 4;
    let table = new_table();
    let heavy = |number: u64| IpAddr::from([192, 0, 2, number as u8]);
    // Half a million of them are in one /64, which is what a provider assigns to one customer.
    let light = |number: u64| match number % 2 {
        0 => IpAddr::from((number as u32).wrapping_mul(2_654_435_761).to_be_bytes()),
        _ => IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(number)).to_be_bytes()),
    };
    let bucket = |address: IpAddr| table.tag(address) as usize % BUCKETS;
    thread::scope(|scope| {
        for worker in 0..THREADS {
            let table = &table;
            scope.spawn(move || {
                for number in (0..1_000_000).filter(|number| number % THREADS == worker) {
                    table.count(refusal(light(number), "/"), 1);
                    if number % (1_000_000 / (HEAVY * OFTEN)) < THREADS {
                        let turn = number / (1_000_000 / (HEAVY * OFTEN));
                        if number % THREADS == turn % THREADS {
                            table.count(refusal(heavy(turn % HEAVY), "/probe"), 1);
                        }
                    }
                }
            });
        }
    });
    let mut in_bucket = HashMap::<_, u64>::new();
    for address in (0..1_000_000).map(light) {
        *in_bucket.entry(bucket(address)).or_default() += 1;
    }
    for number in 0..HEAVY {
        *in_bucket.entry(bucket(heavy(number))).or_default() += OFTEN;
    }
    let clients = table.clients();
    let first: BTreeSet<_> = clients.iter().take(5).map(|client| client.address).collect();
    assert_eq!(first, (0..HEAVY).map(heavy).collect(), "{:?}", &clients[..8]);
    for client in &clients {
        let total = in_bucket[&bucket(client.address)];
        let limit = total / ENTRIES as u64 + THREADS;
        assert!(client.error <= limit, "{client:?}: {total} in its bucket");
        let is_heavy = first.contains(&client.address);
        let truth = if is_heavy { OFTEN } else { 1 };
        assert!(client.count + THREADS >= truth, "{client:?}");
        assert!(client.count <= truth + client.error + THREADS, "{client:?}");
        assert_eq!(client.path.start, if is_heavy { &b"/probe"[..] } else { b"/" });
    }
    assert!(clients.len() > 4000, "{}", clients.len());
    println!(
        "heaviest and next: {:?}",
        &clients[..6].iter().map(|c| (c.count, c.error)).collect::<Vec<_>>()
    );
    const { assert!(size_of::<TopClients>() < 3 << 19) }; // 1.5 MiB, whatever comes
}

/// If a process dies while writing, its entry can be written again.
#[test]
fn a_dead_writer() {
    let table = new_table();
    let address = IpAddr::from([10, 0, 0, 1]);
    table.count(refusal(address, "/before"), 1);
    let writer = 12345;
    let details = table.buckets.iter().flat_map(|bucket| &bucket.details);
    let details = details.max_by_key(|details| details.lock.load(Ordering::SeqCst)).expect("one");
    let lock = Lock(details.lock.load(Ordering::SeqCst)).taken_by(writer);
    details.lock.store(lock.0, Ordering::SeqCst);
    table.count(refusal(address, "/meanwhile"), 1);
    assert_eq!(table.clients(), [], "half written");
    table.release_where(|other| other == writer + 1);
    assert_eq!(table.clients(), []);
    table.release_where(|other| other == writer);
    table.count(refusal(address, "/after"), 1);
    let clients = table.clients();
    assert_eq!((clients[0].count, &clients[0].path.start[..]), (3, &b"/after"[..]));
}

/// The data read is never mixed from two refusals.
#[test]
fn reading_while_others_write() {
    let table = new_table();
    let texts = ["a", "b"].map(|letter| format!("/{}", letter.repeat(TEXT - 1)));
    let over = std::sync::atomic::AtomicBool::new(false);
    let address = IpAddr::from([10, 0, 0, 1]);
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        for (text, process) in texts.iter().zip(1..) {
            let (table, over) = (&table, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    table.count(refusal(address, text), process);
                }
            });
        }
        let start = std::time::Instant::now();
        while seen.len() < 2 || start.elapsed().as_millis() < 300 {
            for client in table.clients() {
                let text = String::from_utf8(client.path.start).expect("text");
                assert!(texts.contains(&text), "{text}");
                seen.insert(text);
            }
            if start.elapsed().as_secs() > 20 {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(seen.len(), 2, "both were seen");
}
