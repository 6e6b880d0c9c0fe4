//! Checks who passes.

use super::super::timeline::Timeline;
use super::super::world::{ADMITTED, Flag, Guest, INVITED, LISTED, Trouble, Watched, Words};
use super::positions::share;
use super::{Asked, Oracle, Outcome, Times, Token};

impl Oracle {
    pub(super) fn may_be_open(&self, times: Times) -> bool {
        let flags = self.world.flag.between(times.sent.0, times.received.0);
        flags.iter().any(|span| span.state == Flag::Open)
    }

    /// What the flag says while it may close the site.
    pub(super) fn closings(&self, times: Times) -> Vec<Words> {
        let mut closings = vec![];
        for span in self.world.flag.between(times.sent.0, times.received.0) {
            match span.state {
                Flag::Closed(words) if !closings.contains(&words) => closings.push(words),
                _ => {}
            }
        }
        closings
    }

    /// Whether this client may see the site, and whether the site may be open then.
    pub(super) fn may_pass(&self, asked: &Asked, times: Times) -> Option<Outcome> {
        match self.may_be_open(times) {
            true => Some(Outcome::Open),
            false => {
                let passes = self.may_be_admitted(asked, times) || self.may_read(asked, times);
                passes.then_some(Outcome::Allowed)
            }
        }
    }

    /// Whether this client may see the site while it is closed to others.
    pub(super) fn may_be_admitted(&self, asked: &Asked, times: Times) -> bool {
        let admits = |words: &Words| {
            self.may_be_exempt(asked, times)
                || words.invites(asked)
                || self.positions.may_be_within(asked, share(words, times).1)
        };
        !self.is_answered(asked, times) && self.closings(times).iter().any(admits)
    }

    /// Whether this client may see the site as everybody does, because only writes are refused.
    pub(super) fn may_read(&self, asked: &Asked, times: Times) -> bool {
        let reads = |words: &Words| words.leaves_to_site(asked);
        !self.is_answered(asked, times)
            && !self.is_exempt(asked, times)
            && self.closings(times).iter().any(reads)
    }

    /// Whether the module certainly answers this request itself while the site is closed.
    fn is_answered(&self, asked: &Asked, times: Times) -> bool {
        let reads = |words: &Words| words.leaves_to_site(asked);
        (asked.is_health_check() && !self.closings(times).iter().any(reads))
            || matches!(asked.token, Token::Link(guest) if self.is_invited(guest, times))
    }

    pub(super) fn may_be_refused(&self, asked: &Asked, times: Times) -> bool {
        let refuses = |words: &Words| !self.must_admit(words, asked, times);
        !asked.is_health_check()
            && !self.is_exempt(asked, times)
            && self.closings(times).iter().any(refuses)
    }

    /// Whether the flag itself certainly admits this client.
    pub(super) fn must_admit(&self, words: &Words, asked: &Asked, times: Times) -> bool {
        let is_within = || self.positions.is_within(asked, share(words, times).0);
        words.invites(asked) || words.lets_read(asked) || (words.share.is_some() && is_within())
    }

    /// Whether a token of the allowlist certainly admits this client.
    pub(super) fn is_exempt(&self, asked: &Asked, times: Times) -> bool {
        let is_listed = || !self.may_lack(&self.world.allow_file, true, times);
        asked.who == ADMITTED
            || (asked.who == LISTED && is_listed())
            || asked.guest().is_some_and(|guest| self.is_invited(guest, times))
    }

    fn may_be_exempt(&self, asked: &Asked, times: Times) -> bool {
        asked.who == ADMITTED
            || (asked.who == LISTED && self.may_contain(&self.world.allow_file, times))
            || asked.guest().is_some_and(|guest| self.may_be_invited(guest, times))
    }

    pub(super) fn is_invited(&self, guest: Guest, times: Times) -> bool {
        let may_lack = || self.may_lack(&self.world.guests, guest == Guest::Vendor, times);
        guest != Guest::Stranger && !may_lack()
    }

    pub(super) fn may_be_invited(&self, guest: Guest, times: Times) -> bool {
        match guest {
            Guest::Anna => true,
            Guest::Vendor => self.may_contain(&self.world.guests, times),
            Guest::Stranger => false,
        }
    }

    /// Whether an odd version of the file may be in force.
    fn may_contain(&self, file: &Timeline<Watched>, times: Times) -> bool {
        let from = self.world.files_from(times.sent.0);
        let files = file.between(from, times.received.0);
        // While the site is open, the last good version may not have been read before it broke.
        files.iter().any(|span| span.state.version % 2 == 1 || span.state.is_broken)
    }

    /// Whether no version of the file may be in force, or no `odd_only` one.
    fn may_lack(&self, file: &Timeline<Watched>, odd_only: bool, times: Times) -> bool {
        let from = self.world.files_from(times.sent.0);
        let files = file.between(from, times.received.0);
        let lacks = |file: &Watched| odd_only && file.version.is_multiple_of(2);
        // A child that has missed the last good version admits nobody by a broken file.
        files.iter().any(|span| lacks(&span.state) || span.state.is_broken)
            || self.world.had(Trouble::NoFiles, from, times.received.0)
    }

    /// Known limits: two replacements within one look, and a flag that cannot be opened.
    pub(super) fn may_be_unread(&self, times: Times) -> bool {
        let (sent, received) = (times.sent.0, times.received.0);
        self.world.flag.changes(sent, received) > 1
            || self.world.had(Trouble::NoFiles, self.world.files_from(sent), received)
    }

    /// Remembers on which side of a share the client is, if nothing else explains the answer.
    pub(super) fn learn(&self, asked: &Asked, outcome: Outcome, times: Times) {
        let closings = self.closings(times);
        let ([words], false) = (&closings[..], self.may_be_open(times)) else { return };
        let is_explained = words.share.is_none()
            || words.invites(asked)
            || self.may_be_exempt(asked, times)
            || self.may_be_unread(times);
        let (least, most) = share(words, times);
        match outcome {
            Outcome::Allowed if !is_explained => self.positions.passed(asked, most),
            Outcome::Refused if !is_explained => self.positions.refused(asked, least),
            _ => {}
        }
    }
}

impl Words {
    /// Whether the flag admits this client by its address.
    fn invites(&self, asked: &Asked) -> bool {
        asked.who == INVITED && self.invites
    }

    /// Whether it admits the client as everybody. Then the site answers health checks, too.
    pub(super) fn leaves_to_site(&self, asked: &Asked) -> bool {
        self.lets_read(asked) && !self.invites(asked)
    }

    fn lets_read(&self, asked: &Asked) -> bool {
        self.writes_only && asked.is_safe()
    }
}

impl Asked {
    /// Who sends an invitation.
    fn guest(&self) -> Option<Guest> {
        match self.token {
            Token::Cookie(guest) | Token::Link(guest) => Some(guest),
            Token::None | Token::Ticket(_) => None,
        }
    }
}
