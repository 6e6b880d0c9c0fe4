//! The flag in a store: how a verb finds it, and changes it if nobody else has.

use jiff::Timestamp;
use maintenance_core::flag::spec::{FlagSpec, MAX_SIZE};
use maintenance_core::text::time::Moment;

use super::{Found, Origin, Present, Session};
use crate::exit::{Exit, Failure};
use crate::spoken::{Clock, now};
use crate::store::access::Access;
use crate::store::change::Change;
use crate::store::snapshot::{Snapshot, Written};

impl Session {
    /// What the store says, as a flag.
    pub(super) fn found(&self, snapshot: Snapshot) -> Found {
        let Some(content) = snapshot.flag.clone() else {
            return Found::Absent(Some(Box::new(snapshot)));
        };
        let spec = match content.len() as u64 > MAX_SIZE {
            true => Err(format!("it has more than {MAX_SIZE} bytes")),
            false => self.spec(&content),
        };
        let origin = Origin::Store(Box::new(snapshot));
        Found::Present(Box::new(Present { content, origin, spec }))
    }

    /// Changes the flag in the store.
    pub(super) fn change(
        &self,
        store: &Access,
        found: &Found,
        new: Option<(&str, &FlagSpec)>,
    ) -> Result<(), Failure> {
        let spec = new.map(|(_, spec)| spec);
        let change = self.record(spec)?;
        let mut expected = found.snapshot().cloned().unwrap_or_default();
        loop {
            let content = new.map(|(content, _)| content.as_bytes());
            let other = match store.change(&expected, content, &change)? {
                Written::Done => return Ok(()),
                Written::Other(other) => other,
            };
            if !self.may_replace {
                let message = format!(
                    "{} was changed meanwhile by {}; look at it, and repeat the command if it \
                     still has to be done",
                    self.shown(),
                    other.who(|at| Clock::new(now(), &self.zone).said(at))
                );
                return Err(Failure { exit: Exit::Unusable, message });
            }
            expected = *other;
        }
    }

    /// What is done, for the history.
    fn record(&self, spec: Option<&FlagSpec>) -> Result<Change, Failure> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|error| Failure::unusable(format!("no random numbers: {error}")))?;
        let time = |at: Option<Moment>| at.map(|at| at.rfc3339());
        let text = |text: Option<&str>| text.map(Change::text);
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Change {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            time: Timestamp::now().to_string(),
            by: self.me.name.clone(),
            machine,
            verb: self.verb.to_owned(),
            start: time(spec.and_then(FlagSpec::start)),
            end: time(spec.and_then(FlagSpec::end)),
            reason: text(spec.and_then(FlagSpec::reason)),
            ticket: text(spec.and_then(FlagSpec::ticket)),
        })
    }
}
