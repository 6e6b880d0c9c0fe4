//! The settings that most scopes take over from the scope around them as they are.

use std::sync::Arc;
use std::time::Duration;

use crate::flag::ShareSecret;
use crate::health_check::HealthChecks;
use crate::notice::NoticePath;
use crate::page::{self, PageFile};
use crate::refusal::cors::Origins;
use crate::refusal::retry_after::RetryAfter;
use crate::refusal::status::StatusLines;

/// The settings that most scopes take over from the scope around them as they are. Scopes share them
/// then, and a scope without any has none.
#[derive(Clone, Default)]
pub(super) struct Inherited {
    pub(super) pages: Vec<Arc<PageFile>>,
    pub(super) statuses: StatusLines,
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) health_checks: HealthChecks,
    pub(super) origins: Option<Origins>,
    pub(super) notice: Option<NoticePath>,
    pub(super) check_interval: Option<Duration>,
    pub(super) share_secret: Option<Arc<ShareSecret>>,
}

impl Inherited {
    /// Merges these settings, those of an inner scope, with the settings `outer` of the scope
    /// around it.
    pub(super) fn within(&self, outer: &Self) -> Self {
        Self {
            pages: page::within(&self.pages, &outer.pages),
            statuses: self.statuses.within(&outer.statuses),
            retry_after: self.retry_after.or(outer.retry_after),
            health_checks: self.health_checks.within(&outer.health_checks),
            origins: self.origins.as_ref().or(outer.origins.as_ref()).cloned(),
            notice: self.notice.as_ref().or(outer.notice.as_ref()).cloned(),
            check_interval: self.check_interval.or(outer.check_interval),
            share_secret: self.share_secret.clone().or_else(|| outer.share_secret.clone()),
        }
    }

    /// Whether these settings define how to refuse a request.
    pub(super) fn shape_refusals(&self) -> bool {
        let has_rules = self.retry_after.is_some() || self.origins.is_some();
        has_rules || !self.pages.is_empty() || !self.statuses.is_empty()
    }
}
