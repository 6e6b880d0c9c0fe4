//! Checks the other answers of the module: to a health check, and to the link of an invitation.

use hyper::header::{LOCATION, SET_COOKIE};

use super::{Answer, Asked, Oracle, Outcome, Times, Token, one};

impl Oracle {
    pub(super) fn judge_health(
        &self,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<Outcome, String> {
        if !asked.is_health_check()
            || self.closings(times).iter().all(|words| words.leaves_to_site(asked))
        {
            return Err("the answer to a health check, while it is the site's".into());
        }
        let is_whole = asked.method == "HEAD" || &answer.body[..] == b"closed for maintenance\n";
        is_whole.then_some(Outcome::Healthy).ok_or("another answer to a health check".into())
    }

    /// While the site is open, each link leads to it. While it is closed, only a valid one does, with
    /// a cookie.
    pub(super) fn judge_link(
        &self,
        asked: &Asked,
        answer: &Answer,
        times: Times,
    ) -> Result<Outcome, String> {
        let Token::Link(guest) = asked.token else { return Err("a redirection".into()) };
        let location = one(&answer.headers, &LOCATION)?;
        if location != Some(asked.path) {
            return Err(format!("a link that leads to {location:?}"));
        }
        let may_be = match one(&answer.headers, &SET_COOKIE)? {
            None => self.may_be_open(times),
            Some(set) => {
                set.starts_with(&format!("{};", asked.invitation(guest)))
                    && !self.closings(times).is_empty()
                    && self.may_be_invited(guest, times)
            }
        };
        may_be.then_some(Outcome::Linked).ok_or("a link that must not lead to the site".into())
    }
}
