//! What a look at a flag means, given what was known about it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use nix::unistd::geteuid;

use super::content;
use super::kind::FileKind;
use super::look::Look;
use super::state::{ContentId, FlagState, Presence};
use super::{Flag, Moment, Observer, Seen, is_absence, next_phase};
use crate::file::debounce::LastSeen;
use crate::flag::spec::Phase;

impl Flag<'_> {
    pub(super) fn judge(
        &self,
        look: Option<&io::Result<Look>>,
        last_seen: LastSeen,
        was: FlagState,
        observer: Observer,
        moment: Moment,
    ) -> Seen {
        match look {
            Some(Ok(Look::Seen(metadata, kind))) => {
                self.judge_present((metadata, *kind), last_seen, was, observer, moment)
            }
            Some(Ok(Look::Denied(_))) if observer == Observer::Child => {
                let content = Some(self.reader.content_of(ContentId::DENIED));
                Seen { is: FlagState::DENIED, phase: Some(Phase::Closed), content }
            }
            Some(Err(error)) if is_absence(error) => {
                Seen { is: FlagState::ABSENT, phase: None, content: None }
            }
            Some(Ok(Look::Denied(_)) | Err(_)) | None => self.judge_as_before(was, moment),
        }
    }

    /// Updates the phase between two looks, while the file system does not answer, and while the
    /// flag is being written. A content that this process has not read counts as empty.
    fn judge_as_before(&self, was: FlagState, moment: Moment) -> Seen {
        if was.known == Presence::Absent {
            return Seen { is: was, phase: None, content: None };
        }
        let content = self.reader.content_of(was.content_id);
        let (known, phase) = match was.known {
            Presence::Unknown | Presence::Absent => (was.known, Some(Phase::Closed)),
            Presence::Present(phase) if content.content_id() == was.content_id => {
                let phase = next_phase(content.spec(), moment.clock, phase);
                let of_request = next_phase(content.spec(), moment.request, phase);
                (Presence::Present(phase), Some(of_request))
            }
            Presence::Present(phase) => (was.known, Some(phase)),
        };
        Seen { is: FlagState { known, ..was }, phase, content: Some(content) }
    }

    fn judge_present(
        &self,
        (metadata, kind): (&Metadata, FileKind),
        last_seen: LastSeen,
        was: FlagState,
        observer: Observer,
        moment: Moment,
    ) -> Seen {
        let reading = self.reader.read(
            &self.path,
            metadata,
            (&self.slot.sightings, last_seen),
            was.content_id,
            moment.clock,
        );
        let (content, file) = (&reading.content, reading.file);
        let file = if kind.is_deleted { file.deleted() } else { file };
        let (spec, content_id) = (content.spec(), content.content_id());
        let seen = |is: FlagState, known: Phase| {
            let phase = Some(next_phase(spec, moment.request, known));
            Seen { is, phase, content: Some(Arc::clone(content)) }
        };
        // Content that only the parent or only its children may read is judged by the children.
        if observer == Observer::Parent
            && content_id != was.content_id
            && ([content_id, was.content_id].contains(&content::unreadable())
                || was.content_id == ContentId::DENIED
                || is_private(metadata))
        {
            return seen(was, spec.phase(moment.request));
        }
        let known = match was.known {
            Presence::Present(known) if was.content_id == content_id => {
                next_phase(spec, moment.clock, known)
            }
            // The file is being written, so its previous content still applies.
            Presence::Present(_)
                if was.content_id != ContentId::YOUNG && !reading.is_stable && was.file == file =>
            {
                return self.judge_as_before(was, moment);
            }
            _ => spec.phase(moment.clock),
        };
        let is_young = content.is_void() && !reading.is_stable && was.content_id != content_id;
        let content_id = if is_young { ContentId::YOUNG } else { content_id };
        seen(FlagState { known: Presence::Present(known), content_id, file, ..was }, known)
    }
}

/// Whether the file has content that not every user may read, while this process may read every
/// file. Its children have another user.
fn is_private(metadata: &Metadata) -> bool {
    let can_all_read = metadata.mode() & 0o004 != 0;
    metadata.is_file() && metadata.len() > 0 && !can_all_read && geteuid().is_root()
}
