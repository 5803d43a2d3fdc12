//! What an entry rests on: rights are judged before a batch is written, and the batch is written
//! only while what they were judged by still stands.

use super::{Directory, DirectoryError};
use crate::domain::{RoomId, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, StoreError};

/// A subject of the directory whose last entry must still be the one that rights were judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    subject: String,
    last: Sequence,
}

impl Guard {
    /// The account of who acts, as the entry at `last` describes it.
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
    /// Writes all entries or none, and only while every guard holds. A guard is carried by an entry
    /// that expects nothing of its own subject, since an entry can have one expectation (the header
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
