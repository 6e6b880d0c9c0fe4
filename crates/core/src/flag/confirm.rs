//! The looks that nearly every request needs: one `stat` that finds a flag as it was. If one finds
//! something new, or is not certain, [`Flag::look`] has to find out.

use jiff::Timestamp;
use nix::sys::stat::stat;

use super::state::{FlagState, Presence};
use super::{ActiveFlag, Flag, look, next_phase};

impl Flag<'_> {
    /// Looks whether a flag that was absent still is: then there is nothing to report. With an
    /// interval, true without a look until the next one is due.
    #[inline(always)]
    pub fn confirm_absent(&self) -> bool {
        match self.poll_lease.has_no_interval() {
            true => self.c_path.as_deref().is_some_and(look::is_name_missing),
            false => !self.poll_lease.is_due(),
        }
    }

    /// Looks whether a flag is still the file that this process has read, and closes its scope as
    /// it did: then there is nothing to report. The arguments are those of [`Flag::look`]. None for
    /// a flag with an interval.
    pub fn confirm_active(
        &self,
        request_time: Timestamp,
        clock: &dyn Fn() -> Timestamp,
    ) -> Option<ActiveFlag> {
        // Before the look, as in `look`: what another process finds out later counts for it alone.
        let FlagState { known, content_id, file, failed } = self.word().state();
        let Presence::Present(phase) = known else { return None };
        if failed || !self.poll_lease.has_no_interval() {
            return None;
        }
        #[cfg(test)]
        look::count::add();
        let found = stat(self.c_path.as_deref()?).ok()?;
        let clock = clock();
        let last = self.reader.last()?;
        let content = last.settled(&found)?;
        let is_same = content.content_id() == content_id
            && last.file == file
            && next_phase(content.spec(), clock, phase) == phase;
        if !is_same {
            return None;
        }
        self.reader.count_look(clock);
        let at = clock.max(request_time);
        ActiveFlag::new(content, next_phase(content.spec(), at, phase), at)
    }
}
