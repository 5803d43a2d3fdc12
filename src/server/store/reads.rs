//! How far people have read, in a bucket of its own: one record a person. It changes too often to
//! be of use in LOG, and nobody else is to know it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::{Context, kv};
use prost::Message as _;

use super::bucket::{self, Bucket};
use super::{Epoch, StoreError};
use crate::domain::{RoomId, Sequence, Username};
use crate::wire::v1::{ReadMarker, ReadRecord};

/// The bucket of read markers.
#[derive(Clone)]
pub struct Reads {
    bucket: Bucket,
}

/// The last entry that somebody has read in each room, by its sequence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markers {
    /// The epoch of the log that the sequences are of.
    pub epoch: Epoch,
    /// By room.
    pub rooms: BTreeMap<RoomId, Sequence>,
}

/// Names a version of a record, so that of two who change it at once one has to look again.
/// `None`: there is no record yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(Option<u64>);

impl Reads {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-read", Duration::ZERO, replicas).await?,
        })
    }

    /// How far somebody has read, from the leader.
    ///
    /// # Errors
    /// The broker did not answer, or the record cannot be read.
    pub async fn of(&self, uid: &Username) -> Result<(Markers, Revision), StoreError> {
        let entry = self
            .bucket
            .entry(uid.as_str(), "look read markers up")
            .await?;
        let Some(entry) = entry else {
            return Ok((Markers::default(), Revision(None)));
        };
        let revision = Revision(Some(entry.revision));
        let record =
            ReadRecord::decode(entry.value).map_err(|_| StoreError::Corrupt("a read record"))?;
        Ok((read(record)?, revision))
    }

    /// Keeps it, in place of the version that was read.
    ///
    /// # Errors
    /// The broker did not acknowledge it; [`StoreError::Conflict`] when somebody else was first.
    pub async fn keep(
        &self,
        uid: &Username,
        markers: &Markers,
        before: Revision,
    ) -> Result<(), StoreError> {
        let bytes = record(markers).encode_to_vec().into();
        // 0 stands for a key that has no value yet.
        let revision = before.0.unwrap_or_default();
        match self.bucket.update(uid.as_str(), bytes, revision).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                Err(StoreError::Conflict)
            }
            Err(error) => Err(StoreError::broker("keep read markers")(error)),
        }
    }
}

fn read(record: ReadRecord) -> Result<Markers, StoreError> {
    let marker = |marker: ReadMarker| {
        let room = RoomId::parse(&marker.room_id);
        let room = room.map_err(|_| StoreError::Corrupt("a read record"))?;
        Ok((room, Sequence(marker.sequence)))
    };
    let rooms = record.markers.into_iter().map(marker);
    Ok(Markers {
        epoch: Epoch(record.epoch),
        rooms: rooms.collect::<Result<_, StoreError>>()?,
    })
}

fn record(markers: &Markers) -> ReadRecord {
    let marker = |(room, sequence): (&RoomId, &Sequence)| ReadMarker {
        room_id: room.to_string(),
        sequence: sequence.0,
    };
    ReadRecord {
        markers: markers.rooms.iter().map(marker).collect(),
        epoch: markers.epoch.0,
    }
}
