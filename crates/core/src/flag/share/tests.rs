use super::*;

const NOON: &str = "2026-11-22T12:00:00Z";

fn key(secret: &str) -> ShareKey {
    ShareKey::new(Path::new("/etc/apache2/maintenance.flag"), secret.as_bytes())
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn moment(text: &str) -> Moment {
    Moment::local(at(text), &jiff::tz::TimeZone::UTC)
}

fn fixed(percent: u8) -> Share {
    Share { percent, rise: None }
}

fn rising(percent: u8, seconds: u64) -> Share {
    let over = Duration::from_secs(seconds);
    Share { percent, rise: Some(Rise { from: moment(NOON), over }) }
}

fn clients() -> Vec<Client> {
    let address = |n: u32| Client::Address(Some(IpAddr::from(n.to_be_bytes())));
    (0..10_000).map(|n| address(0x0a00_0000 + n)).collect()
}

fn tickets() -> Vec<Client> {
    let mut random = fastrand::Rng::with_seed(5);
    (0..10_000).map(|_| Client::Ticket(Ticket::of(random.u128(..)))).collect()
}

/// Within three standard deviations of the binomial distribution, and each share a superset of
/// the smaller ones, whatever identifies the clients.
#[test]
fn shares_of_ten_thousand_clients() {
    for secret in ["", "one", "another"] {
        let key = key(secret);
        let networks = (0..10_000_u64).map(|n| (0x2001_0db8_u128 << 96) | u128::from(n) << 64);
        let networks = networks.map(|n| Client::Address(Some(IpAddr::from(n.to_be_bytes()))));
        for clients in [clients(), tickets(), networks.collect()] {
            let mut before = vec![false; clients.len()];
            for percent in [0, 1, 10, 20, 30, 99, 100] {
                let now = at(NOON);
                let passes: Vec<_> = clients
                    .iter()
                    .map(|client| fixed(percent).turn(key.position(*client)).has_come(now))
                    .collect();
                let superset = before.iter().zip(&passes).all(|(before, now)| *now || !before);
                assert!(superset, "{percent}");
                let share = f64::from(percent) / 100.0;
                let count = passes.iter().filter(|passes| **passes).count() as f64;
                let deviation = (10_000.0 * share * (1.0 - share)).sqrt();
                assert!((count - 10_000.0 * share).abs() <= 3.0 * deviation, "{percent}: {count}");
                before = passes;
            }
        }
    }
}

/// Servers of a fleet agree, and so do releases: these are fixed for good.
#[test]
fn positions_are_stable() {
    let address = |text: &str| Client::Address(Some(text.parse().expect("an address")));
    let position = |client| key("secret").position(client);
    assert_eq!(position(address("192.0.2.1")), position(address("::ffff:192.0.2.1")));
    assert_eq!(position(address("2001:db8::1")), position(address("2001:db8::ffff:2")));
    let other = position(address("2001:db8:0:1::1"));
    assert_ne!(position(address("2001:db8::1")), other);
    assert_ne!(position(address("192.0.2.1")), key("").position(address("192.0.2.1")));
    let elsewhere = ShareKey::new(Path::new("/srv/maintenance.flag"), b"secret");
    assert_ne!(position(address("192.0.2.1")), elsewhere.position(address("192.0.2.1")));
    let ticket = Ticket::parse(b"maintenance-ticket=AAAAAAAAAAAAAAAAAAAAAA").expect("a ticket");
    let found = [address("192.0.2.1"), Client::Ticket(ticket), Client::Address(None)]
        .map(|client| position(client).hundredths());
    assert_eq!(found, STABLE);
}

/// By an independent implementation: the address, the ticket, and a client without either.
const STABLE: [u16; 3] = [3257, 8161, 858];

/// The turns are spread over the whole time, in the order of the positions.
#[test]
fn turns() {
    for (share, position, expected) in [
        (rising(0, 100), 0, Turn::At(at(NOON))),
        (rising(0, 100), 1 << 31, Turn::At(at("2026-11-22T12:00:50Z"))),
        (rising(0, 100), u32::MAX, Turn::At(at("2026-11-22T12:01:40Z"))),
        (rising(50, 100), 0, Turn::Now),
        (rising(50, 100), 1 << 31, Turn::At(at(NOON))),
        (rising(50, 100), 3 << 30, Turn::At(at("2026-11-22T12:00:50Z"))),
        (rising(100, 100), u32::MAX, Turn::Now),
        (fixed(0), 0, Turn::Unknown),
        (fixed(50), (1 << 31) - 1, Turn::Now),
        (fixed(50), 1 << 31, Turn::Unknown),
        (fixed(100), u32::MAX, Turn::Now),
    ] {
        assert_eq!(share.turn(Position(position)), expected, "{share:?} {position}");
    }
    for (share, time, expected) in [
        (fixed(10), NOON, 10.0),
        (rising(0, 100), "2026-11-22T11:00:00Z", 0.0),
        (rising(0, 100), "2026-11-22T12:00:25Z", 25.0),
        (rising(50, 100), "2026-11-22T11:59:59Z", 50.0),
        (rising(50, 100), "2026-11-22T12:00:50Z", 75.0),
        (rising(50, 100), "2026-11-22T13:00:00Z", 100.0),
    ] {
        assert!((share.percent_at(at(time)) - expected).abs() < 1e-9, "{share:?} {time}");
    }
}

/// The share rises evenly, and as many clients pass as it says.
#[test]
fn a_rise() {
    let key = key("");
    let clients = clients();
    for (seconds, expected) in [(0, 0.2_f64), (25, 0.4), (50, 0.6), (99, 0.992)] {
        let now = at(NOON) + Duration::from_secs(seconds);
        let passes = |client: &&Client| rising(20, 100).turn(key.position(**client)).has_come(now);
        let count = clients.iter().filter(passes).count() as f64;
        let deviation = (10_000.0 * expected * (1.0 - expected)).sqrt();
        assert!((count - 10_000.0 * expected).abs() <= 3.0 * deviation, "{seconds}: {count}");
    }
}

/// A client without a ticket gets one that does not pass at once, and all together pass as the
/// share says: by address first, and then by ticket.
#[test]
fn tickets_give_no_second_chance() {
    let key = key("");
    let now = at(NOON);
    let (first, then) = (fixed(30), fixed(50));
    let passes_now = |client: &Client| first.turn(key.position(*client)).has_come(now);
    let refused: Vec<_> = clients().into_iter().filter(|it| !passes_now(it)).collect();
    let mut passed = 0;
    for client in refused.iter().copied() {
        let waiting = Waiting::new(&[(&key, first)], true, client, true, now);
        assert_eq!(waiting.turn, None);
        let ticket = Client::Ticket(waiting.ticket.expect("a ticket"));
        assert!(!first.turn(key.position(ticket)).has_come(now));
        passed += u32::from(then.turn(key.position(ticket)).has_come(now));
    }
    // Of the 70 per cent that are refused at first, 20 pass then. Tickets are random, so this
    // leaves more room than the tests with fixed clients do.
    let (count, share) = (refused.len() as f64, 20.0 / 70.0);
    let deviation = (count * share * (1.0_f64 - share)).sqrt();
    assert!((f64::from(passed) - count * share).abs() <= 5.0 * deviation, "{passed}");
}

/// What a client is told is when it passes.
#[test]
fn what_is_told() {
    let (key, share, now) = (key(""), rising(0, 1000), at("2026-11-22T12:01:00.5Z"));
    let other = ShareKey::new(Path::new("/other"), b"");
    let refused = clients().into_iter().filter(|c| !share.turn(key.position(*c)).has_come(now));
    for client in refused.take(500) {
        for keeps_cookies in [true, false] {
            let waiting = Waiting::new(&[(&key, share)], true, client, keeps_cookies, now);
            let ticket = waiting.ticket.map(Client::Ticket).expect("a ticket");
            let judged = if keeps_cookies { ticket } else { client };
            let told = waiting.turn.expect("a turn").at();
            let turn = share.turn(key.position(judged));
            assert!(turn.has_come(told) && told > now, "{turn:?} {told}");
            let second = Duration::from_secs(1);
            assert!(!turn.has_come(told - second), "{turn:?} {told}");
            let again = Waiting::new(&[(&key, share)], true, ticket, true, now);
            assert_eq!(again.ticket, None);
            assert!(!keeps_cookies || again.turn == waiting.turn);
        }
        assert_eq!(Waiting::new(&[(&key, share)], false, client, true, now).turn, None);
        let both = [(&key, share), (&other, share)];
        let told = Waiting::new(&both, true, client, false, now).turn.expect("a turn").at();
        let turns = both.map(|(key, share)| share.turn(key.position(client)));
        assert!(turns.iter().all(|turn| turn.has_come(told)), "each has to let it pass");
        let with_fixed = [(&key, share), (&other, fixed(0))];
        assert_eq!(Waiting::new(&with_fixed, true, client, false, now).turn, None);
    }
}
