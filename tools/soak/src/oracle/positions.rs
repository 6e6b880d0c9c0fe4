//! What the answers say of the positions of the clients: whoever passes at one share passes at each
//! larger one, until the end of the soak.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use super::super::world::Words;
use super::{Asked, Times, Token};

/// How far the clocks of two processes may differ: Linux has one that advances with each tick.
const CLOCKS: SignedDuration = SignedDuration::from_millis(10);

/// Where a client is of which nothing is known.
const ALL: Range<f64> = 0.0..100.0;

/// By its ticket, otherwise by its address.
#[derive(PartialEq, Eq, Hash)]
enum Client {
    Ticket(u8),
    Address(Ipv4Addr),
}

/// Where the position of each client is, in per cent.
#[derive(Default)]
pub struct Positions(Mutex<HashMap<Client, Range<f64>>>);

impl Positions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Range<f64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, asked: &Asked) -> Range<f64> {
        self.lock().get(&client(asked)).cloned().unwrap_or(ALL)
    }

    /// Whether a share of this size certainly admits the client.
    pub fn is_within(&self, asked: &Asked, share: f64) -> bool {
        share >= self.of(asked).end
    }

    /// Whether a share of this size may admit the client.
    pub fn may_be_within(&self, asked: &Asked, share: f64) -> bool {
        share > self.of(asked).start
    }

    /// A share of at most this size has admitted the client.
    pub fn passed(&self, asked: &Asked, share: f64) {
        self.narrow(asked, |range| range.end = range.end.min(share));
    }

    /// A share of at least this size has not admitted the client.
    pub fn refused(&self, asked: &Asked, share: f64) {
        self.narrow(asked, |range| range.start = range.start.max(share));
    }

    fn narrow(&self, asked: &Asked, narrow: impl FnOnce(&mut Range<f64>)) {
        narrow(self.lock().entry(client(asked)).or_insert(ALL));
    }
}

fn client(asked: &Asked) -> Client {
    match asked.token {
        Token::Ticket(first) => Client::Ticket(first),
        _ => Client::Address(asked.who),
    }
}

/// The least and the greatest share, in per cent, while a request is judged.
pub fn share(words: &Words, times: Times) -> (f64, f64) {
    (words.share_at(times.sent.1 - CLOCKS), words.share_at(times.received.1 + CLOCKS))
}
