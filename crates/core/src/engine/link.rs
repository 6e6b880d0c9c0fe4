//! The link of an invitation: a request with the query parameter `maintenance-invite`.

use std::ffi::CString;

use jiff::Timestamp;

use crate::allow::invitations::{Invitation, cookie, sent};
use crate::refusal::reply::Reply;

/// A link that a client has followed. The request does not have the parameter any more.
pub struct Link {
    /// What was sent as secrets, in order.
    secrets: Vec<Vec<u8>>,
    /// The query without the parameter; None if nothing is left of it.
    query: Option<Vec<u8>>,
    /// Whether the request came over TLS.
    is_secure: bool,
}

impl Link {
    /// The link in this query. None if it has no parameter.
    pub fn take(query: &[u8], is_secure: bool) -> Option<Self> {
        let sent::Taken { rest, values } = sent::from_query(query)?;
        let secrets = values.into_iter().map(<[u8]>::to_vec).collect();
        Some(Self { secrets, query: rest, is_secure })
    }

    /// The query without the parameter; None if nothing is left of it.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_deref()
    }

    /// What was sent as secrets, in order.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        // A client could send thousands.
        const MAX_SECRETS: usize = 16;
        self.secrets.iter().take(MAX_SECRETS).map(Vec::as_slice)
    }

    /// Leads to the same path without the parameter.
    pub(super) fn to_site(&self, path: &[u8]) -> Reply {
        let location = CString::new(sent::location(path, self.query())).unwrap_or_default();
        // The secret must not get into caches, nor into the Referer of the next request.
        Reply::new(303)
            .with(c"Location", location)
            .with(c"Referrer-Policy", c"no-referrer".to_owned())
    }

    /// Leads there as well, and leaves the secret with this number in the browser.
    pub(super) fn invite(
        &self,
        path: &[u8],
        number: usize,
        invitation: &Invitation,
        now: Timestamp,
    ) -> Reply {
        let secret = self.secrets.get(number).map(Vec::as_slice).unwrap_or_default();
        let cookie = cookie::set(secret, invitation.until, now, self.is_secure);
        self.to_site(path).with(c"Set-Cookie", CString::new(cookie).unwrap_or_default())
    }
}
