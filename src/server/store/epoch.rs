//! Which life of LOG this is. One that was put back from a backup has the same creation time and
//! uses numbers again, so a number alone names no entry.

use sha2::{Digest as _, Sha256};

use super::{Entry, Expect, Log, StoreError, directory};
use crate::domain::{Sequence, Username, subject};
use crate::wire::v1::{self, event::Body};

/// Where LOG ends, by one reading of its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The last place in use.
    pub sequence: Sequence,
    /// When the entry there was stored, in nanoseconds since the Unix epoch: it tells that entry
    /// from another one that had its number.
    pub at_ns: i128,
    /// When the stream was made, likewise.
    pub created_ns: i128,
    /// How many places up to there have no entry.
    pub missing: u64,
}

/// Tells an entry from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of an entry as the broker has it.
    #[must_use]
    pub fn of(subject: &str, payload: &[u8]) -> Self {
        let mut hash = Sha256::new_with_prefix(subject);
        hash.update([0]);
        hash.update(payload);
        Self(hash.finalize().into())
    }

    /// One that was kept; `None` when it is none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// To keep it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What an epoch is called: the time at which a log that had been put back was noticed, in
/// milliseconds since the Unix epoch. 0: it never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The one that an event begins, if it begins one.
    #[must_use]
    pub fn begun_by(event: &v1::Event) -> Option<Self> {
        matches!(event.body, Some(Body::LogRestored(_)))
            .then(|| Self(u64::try_from(event.at_ms).unwrap_or_default()))
    }
}

impl Log {
    /// Where it ends, read from the stream's leader.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn end(&self) -> Result<End, StoreError> {
        let info = self.info("tell the log’s end").await?;
        Ok(End {
            sequence: Sequence(info.state.last_sequence),
            at_ns: info.state.last_timestamp.unix_timestamp_nanos(),
            created_ns: info.created.unix_timestamp_nanos(),
            missing: info.state.last_sequence.saturating_sub(info.state.messages),
        })
    }

    /// The fingerprint of the entry at a place, read from the stream's leader. `None` when it was
    /// erased or is not there yet.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn fingerprint_at(
        &self,
        sequence: Sequence,
    ) -> Result<Option<Fingerprint>, StoreError> {
        let raw = self.get_raw(sequence).await?;
        Ok(raw.map(|message| Fingerprint::of(&message.subject, &message.payload)))
    }

    /// The epoch it is in, and the place of the event that began it (0: none).
    ///
    /// # Errors
    /// The broker did not answer, or the event cannot be read.
    pub async fn epoch(&self) -> Result<(Sequence, Epoch), StoreError> {
        let (place, event) = self.last_with_place(subject::LOG_EPOCH).await?;
        let epoch = event.as_ref().and_then(Epoch::begun_by);
        Ok((place, epoch.unwrap_or_default()))
    }

    /// Begins an epoch, unless somebody else did after the one at `place`. `had_read` is how far
    /// the one that noticed had read.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn begin_epoch(&self, place: Sequence, had_read: Sequence) -> Result<(), StoreError> {
        let body = Body::LogRestored(v1::LogRestored {
            had_read: had_read.0,
        });
        let entry = Entry {
            subject: subject::LOG_EPOCH.into(),
            event: directory::event(&Username::natter(), body)?,
            expect: Expect::Last(place),
        };
        match self.append_anyway(&entry, None).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
