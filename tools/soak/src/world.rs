//! The true state of a server at each time, as known by the injector.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::timeline::Timeline;

/// On the allowlist by its address.
pub const ADMITTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// On the allowlist while the allow file contains it.
pub const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// Admitted while the flag contains it.
pub const INVITED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// Who sends an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Always has one.
    Anna,
    /// Has one while the file of invitations contains it.
    Vendor,
    /// Has none.
    Stranger,
}

/// "While the site is closed a change is served within a second", plus a margin for a busy machine.
pub const FILE_GRACE: Duration = Duration::from_millis(1800);

/// The debounce of a rewritten file, plus a margin for a busy machine.
pub const FLAG_GRACE: Duration = Duration::from_millis(1500);

/// The content of the flag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    pub message: Option<String>,
    pub retry_after: Option<i64>,
    pub end: Option<Timestamp>,
    /// Whether it admits [`INVITED`].
    pub invites: bool,
    /// Whether it refuses only requests that can change something.
    pub writes_only: bool,
    pub share: Option<Share>,
}

/// The share of the clients that a flag admits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub percent: u8,
    /// The number of seconds, from the flag's end on, in which it rises to 100 per cent.
    pub over: Option<i64>,
}

impl Words {
    /// The time at which a share has risen to 100 per cent.
    pub fn all_pass(&self) -> Option<Timestamp> {
        let over = self.share?.over?;
        self.end?.checked_add(SignedDuration::from_secs(over)).ok()
    }

    /// The share at a time, in per cent.
    pub fn share_at(&self, moment: Timestamp) -> f64 {
        let Some(Share { percent, over }) = self.share else { return 0.0 };
        let floor = f64::from(percent);
        let (Some(end), Some(over)) = (self.end, over) else { return floor };
        let part = moment.duration_since(end).as_secs_f64() / over as f64;
        floor + (100.0 - floor) * part.clamp(0.0, 1.0)
    }
}

/// The effect of the flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Flag {
    Open,
    Closed(Words),
}

impl Flag {
    /// Closed by an empty flag, or by one whose content cannot be used.
    pub fn silent() -> Self {
        Self::Closed(Words::default())
    }

    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// A page, an allow file or a file of invitations.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Pages show the version; an allow file contains [`LISTED`] if it is odd, and a file of
    /// invitations [`Guest::Vendor`].
    pub version: u64,
    /// If so, `version` is the last good one.
    pub is_broken: bool,
}

impl Watched {
    pub fn good(version: u64) -> Self {
        Self { version, is_broken: false }
    }
}

/// Faults that can break connections or keep a child from opening files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A child was killed: its requests are lost.
    Killed,
    /// Children end when they are idle: all of them at a restart, and a child that could not accept
    /// a connection.
    Restarted,
    /// A child has no file descriptors left.
    NoFiles,
}

/// One server.
pub struct World {
    pub flag: Timeline<Flag>,
    pub allow_file: Timeline<Watched>,
    pub guests: Timeline<Watched>,
    pub html: Timeline<Watched>,
    pub text: Timeline<Watched>,
    /// How many seconds the server's clock is ahead.
    pub clock: Timeline<i64>,
    troubles: Mutex<Vec<(Trouble, Instant, Option<Instant>)>>,
}

impl World {
    pub fn new() -> Self {
        Self {
            flag: Timeline::new(Flag::Open),
            allow_file: Timeline::new(Watched::good(1)),
            guests: Timeline::new(Watched::good(1)),
            html: Timeline::new(Watched::good(1)),
            text: Timeline::new(Watched::good(1)),
            clock: Timeline::new(0),
            troubles: Mutex::default(),
        }
    }

    /// Runs a fault whose effects may last until `grace` after it.
    pub fn trouble<R>(
        &self,
        trouble: Trouble,
        grace: Duration,
        operation: impl FnOnce() -> R,
    ) -> R {
        let from = Instant::now();
        let lock = || self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        lock().push((trouble, from, None));
        let result = operation();
        if let Some(last) = lock().iter_mut().rfind(|(_, since, _)| *since == from) {
            last.2 = Some(Instant::now() + grace);
        }
        lock().retain(|(_, _, until)| {
            until.is_none_or(|until| until.elapsed() < Duration::from_secs(60))
        });
        result
    }

    /// Whether there was such a fault at some time between these times.
    pub fn had(&self, wanted: Trouble, from: Instant, until: Instant) -> bool {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().any(|(trouble, since, end)| {
            *trouble == wanted && *since <= until && end.is_none_or(|end| end >= from)
        })
    }

    /// From when on a version of a file may be in force at `sent`: children look for a new version
    /// only while the site is closed, and within a second.
    pub fn files_from(&self, sent: Instant) -> Instant {
        let looked = self.flag.last_long(sent, FILE_GRACE, Flag::is_closed);
        looked.checked_sub(FILE_GRACE).unwrap_or(looked)
    }

    /// All states around a request, for a report.
    pub fn tell(&self, sent: Instant, received: Instant) -> String {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let troubles: Vec<_> = troubles
            .iter()
            .filter(|(_, _, until)| until.is_none_or(|until| until + FLAG_GRACE * 2 >= sent))
            .map(|(trouble, since, _)| {
                let (sign, ago) = match sent.checked_duration_since(*since) {
                    Some(ago) => ('-', ago),
                    None => ('+', *since - sent),
                };
                format!("    {sign}{:.4}: {trouble:?}", ago.as_secs_f64())
            })
            .collect();
        format!(
            "  flag\n{}\n  allow file\n{}\n  guests\n{}\n  page.html\n{}\n  page.txt\n{}\n  trouble\n{}",
            self.flag.tell(sent, received),
            self.allow_file.tell(sent, received),
            self.guests.tell(sent, received),
            self.html.tell(sent, received),
            self.text.tell(sent, received),
            troubles.join("\n")
        )
    }
}
