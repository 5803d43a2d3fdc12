//! Guards: rights are checked before a batch is written, and the broker writes the batch only if the
//! entries that the check used are still the latest ones.

use super::{Directory, DirectoryError, entry};
use crate::domain::{RoomId, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, StoreError};
use crate::wire::v1::{self, event::Body};

/// A subject of the directory whose last entry must still be the one that the check used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    subject: String,
    last: Sequence,
}

impl Guard {
    /// The account of the person who acts, as the entry at `last` describes it.
    #[must_use]
    pub fn account(uid: &Username, last: Sequence) -> Self {
        Self {
            subject: subject::log_person(uid),
            last,
        }
    }

    /// Their membership of a room, as the entry at `last` describes it.
    #[must_use]
    pub fn membership(room: &RoomId, uid: &Username, last: Sequence) -> Self {
        Self {
            subject: subject::log_member(room, uid),
            last,
        }
    }

    /// What an entry of LOG carries to be refused when the guard does not hold.
    #[must_use]
    pub fn expectation(&self) -> Expect {
        Expect::LastOf {
            subject: self.subject.clone(),
            last: self.last,
        }
    }
}

impl Directory<'_> {
    /// Writes all entries or none, and only if every guard holds. An entry has only one expectation (the
    /// header `Nats-Expected-Last-Subject-Sequence-Subject`). So a guard is put on an entry that expects
    /// nothing of its own subject, and when there is none, on an entry that is added for it.
    pub(super) async fn append_guarded(
        &self,
        mut entries: Vec<Entry>,
        guards: &[Guard],
    ) -> Result<Sequence, DirectoryError> {
        let free = entries.iter().filter(|entry| entry.expect == Expect::Any);
        for _ in free.count()..guards.len() {
            let (by, held) = (Username::natter(), Body::RightsHeld(v1::RightsHeld {}));
            entries.push(entry(&by, subject::LOG_GUARD.into(), held, Expect::Any)?);
        }
        let free = entries
            .iter_mut()
            .filter(|entry| entry.expect == Expect::Any);
        for (entry, guard) in free.zip(guards) {
            entry.expect = guard.expectation();
        }
        match self.log.append_all(&entries).await {
            Err(StoreError::Conflict) => {
                for guard in guards {
                    let (last, _) = self.log.last_with_place(&guard.subject).await?;
                    if last != guard.last {
                        return Err(DirectoryError::Outdated);
                    }
                }
                Err(StoreError::Conflict.into())
            }
            appended => Ok(appended?),
        }
    }
}
