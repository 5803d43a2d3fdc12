//! Guards: rights are checked before a batch is written, and the broker writes the batch only if the
//! entries that the check used are still the latest ones.

use super::{Directory, DirectoryError};
use crate::domain::{RoomId, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, StoreError};

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
}

impl Directory<'_> {
    /// Writes all entries or none, and only if every guard holds. A guard is put on an entry that has no
    /// expectation for its own subject, since an entry can have only one (the header
    /// `Nats-Expected-Last-Subject-Sequence-Subject`).
    pub(super) async fn append_guarded(
        &self,
        mut entries: Vec<Entry>,
        guards: &[Guard],
    ) -> Result<Sequence, DirectoryError> {
        let mut free = entries
            .iter_mut()
            .filter(|entry| entry.expect == Expect::Any);
        for guard in guards {
            let Some(entry) = free.next() else {
                return Err(StoreError::Corrupt("a batch with fewer entries than guards").into());
            };
            entry.expect = Expect::LastOf {
                subject: guard.subject.clone(),
                last: guard.last,
            };
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
