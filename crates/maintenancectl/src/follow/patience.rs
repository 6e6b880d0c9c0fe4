//! How long a follower waits for the store, and until it asks again.
//!
//! When the members of the store come back, all servers of a fleet connect to them at the same time. A
//! member that has to do more than it can must not get the same again from each of them: those that it
//! did not answer in time wait longer for an answer, and then for a time that differs from server to
//! server. A member that refuses connections costs nothing, and is asked again soon.

use std::time::Duration;

use super::jitter::between;
use crate::store::client::{Client, HEDGE};

/// How long one member may take at first, so that another one is asked soon.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// The shortest time between two attempts, and the longest one after an attempt that was short.
const SHORTEST: Duration = Duration::from_millis(250);
const SHORT: Duration = Duration::from_millis(750);

/// The longest time between two attempts. With the attempt, it is shorter than systemd's watchdog allows.
const LONGEST: Duration = Duration::from_secs(8);

/// How long to wait.
#[derive(Debug)]
pub(super) struct Patience {
    /// The longest that one member may take: what the settings say.
    most: Duration,
    first: Duration,
}

impl Patience {
    /// Limits the time for a member.
    pub(super) fn new(client: &mut Client) -> Self {
        let most = client.limit;
        let first = most.min(LIMIT);
        client.limit = first;
        Self { most, first }
    }

    /// The store has answered.
    pub(super) fn answered(&self, client: &mut Client) {
        (client.limit, client.hedge) = (self.first, HEDGE);
    }

    /// No member has answered, and it took so long to find out. Returns how long to wait.
    pub(super) fn failed(&self, client: &mut Client, took: Duration) -> Duration {
        if took >= client.limit {
            client.limit = (client.limit * 2).min(self.most);
            client.hedge = (client.hedge * 2).min(HEDGE * 4);
        }
        between(SHORTEST, (took * 2).clamp(SHORT, LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Store;

    #[test]
    fn waits_longer_for_members_that_are_slow() {
        let store = "endpoints = [\"http://127.0.0.1:1\"]\nkey = \"/x\"";
        let store: Store = toml::from_str(store).expect("settings");
        let mut client = Client::new(&store).expect("a client");
        let patience = Patience::new(&mut client);
        let seconds = Duration::from_secs;
        for (took, limit, longest) in [
            (Duration::ZERO, seconds(2), SHORT),
            (Duration::from_millis(500), seconds(2), seconds(1)),
            (seconds(2), seconds(4), seconds(4)),
            (seconds(4), seconds(5), LONGEST),
            (seconds(6), seconds(5), LONGEST),
        ] {
            let pauses: Vec<_> =
                (0..100).map(|_| patience.failed(&mut client, took).as_millis()).collect();
            let (least, most) = (pauses.iter().min(), pauses.iter().max());
            assert!(least >= Some(&SHORTEST.as_millis()), "{took:?}: {least:?}");
            assert!(most <= Some(&longest.as_millis()), "{took:?}: {most:?}");
            assert_ne!(least, most, "{took:?}: all servers ask again at the same time");
            patience.answered(&mut client);
            patience.failed(&mut client, took);
            assert!(client.limit <= limit, "{took:?}");
        }
        patience.failed(&mut client, seconds(9));
        patience.failed(&mut client, seconds(9));
        assert_eq!((client.limit, client.hedge), (seconds(5), HEDGE * 4));
        patience.answered(&mut client);
        assert_eq!((client.limit, client.hedge), (seconds(2), HEDGE));
    }
}
