//! How much of each room somebody has not read. The markers are not in the tables, which know the
//! log alone: who asks brings them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{ReadError, Viewer, signed};
use crate::domain::{RoomId, Sequence, limits};
use crate::server::store::{Epoch, Markers};
use crate::wire::v1;

/// What marking rooms as read makes of somebody's record, and how they then stand in those of the
/// rooms that they are in. A marker only grows, never past the end of its room; what is about rooms
/// that they are no longer in is left out, so that the record stays small.
///
/// # Errors
/// SQLite failed.
pub fn mark_read(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    before: &Markers,
    asked: &BTreeMap<RoomId, Sequence>,
) -> Result<(Markers, Vec<v1::Reading>), ReadError> {
    let (epoch, began) = epoch(tables)?;
    let mut after = Markers {
        epoch,
        rooms: BTreeMap::new(),
    };
    let rooms = before.rooms.keys().chain(asked.keys());
    let mut ends = BTreeMap::new();
    for room in rooms {
        let Some(found) = super::room_by_id(tables, room.as_str())? else {
            continue;
        };
        if !super::is_in(tables, &viewer.person, &found)? {
            continue;
        }
        let end = end_of(tables, room)?;
        let kept = kept(before, room, epoch, began);
        let asked = asked.get(room).copied().unwrap_or_default();
        after.rooms.insert(room.clone(), kept.max(asked.min(end)));
        ends.insert(room, end);
    }
    let counter = Counter::new(tables, viewer, &after)?;
    let mut readings = Vec::new();
    for room in asked.keys() {
        let Some(end) = ends.get(room) else { continue };
        let (marker, unread) = counter.count(room.as_str(), *end)?;
        readings.push(v1::Reading {
            room_id: room.to_string(),
            marker,
            unread,
            end: end.0,
        });
    }
    Ok((after, readings))
}

/// Counts for one person.
pub(super) struct Counter<'a> {
    tables: &'a Transaction<'a>,
    viewer: &'a Viewer,
    markers: &'a Markers,
    epoch: Epoch,
    began: Sequence,
    /// Where they came into each room: nothing before is theirs to read.
    came: HashMap<String, Sequence>,
    /// The same for the room that has no list of who is in it.
    came_home: Sequence,
}

impl<'a> Counter<'a> {
    pub fn new(
        tables: &'a Transaction<'a>,
        viewer: &'a Viewer,
        markers: &'a Markers,
    ) -> Result<Self, ReadError> {
        let (epoch, began) = epoch(tables)?;
        let me = &viewer.person.uid;
        let mut rows = tables.prepare_cached(
            "SELECT room, since FROM member WHERE uid = ?1 AND since IS NOT NULL",
        )?;
        let came = rows.query_map([me], |row| Ok((row.get(0)?, sequence(row, 1)?)))?;
        let came = came.collect::<Result<_, _>>()?;
        let came_home = tables
            .prepare_cached("SELECT since FROM person WHERE uid = ?1")?
            .query_row([me], |row| sequence(row, 0))
            .optional()?;
        Ok(Self {
            tables,
            viewer,
            markers,
            epoch,
            began,
            came,
            came_home: came_home.unwrap_or_default(),
        })
    }

    /// The marker of a room that ends there, and how many messages of others lie above it.
    pub fn count(&self, room: &str, end: Sequence) -> Result<(u64, u32), ReadError> {
        let came = self.came.get(room).copied().unwrap_or(self.came_home);
        let kept = RoomId::parse(room).map_or(Sequence(0), |room| {
            kept(self.markers, &room, self.epoch, self.began)
        });
        let marker = kept.max(came).min(end);
        let count = self.tables.prepare_cached(COUNT)?.query_row(
            params![
                room,
                signed(marker),
                self.viewer.person.uid,
                limits::UNREAD_COUNTED
            ],
            |row| row.get(0),
        )?;
        Ok((marker.0, count))
    }
}

/// Answered from an index of messages alone, and never further than the count is told.
const COUNT: &str = "SELECT count(*) FROM (
    SELECT 1 FROM entry
    WHERE room = ?1 AND sequence > ?2 AND counts = 1 AND is_message = 1 AND uid <> ?3 LIMIT ?4)";

/// A marker that was made in another epoch is of another log from where this epoch began: what
/// came after has other entries under its numbers.
fn kept(markers: &Markers, room: &RoomId, epoch: Epoch, began: Sequence) -> Sequence {
    let marker = markers.rooms.get(room).copied().unwrap_or_default();
    if markers.epoch == epoch {
        marker
    } else {
        marker.min(began)
    }
}

/// This epoch, and the entry that began it.
fn epoch(tables: &Transaction<'_>) -> Result<(Epoch, Sequence), ReadError> {
    let mut meta = tables.prepare_cached("SELECT epoch, epoch_place FROM meta")?;
    Ok(meta.query_row([], |row| {
        let epoch: i64 = row.get(0)?;
        let epoch = Epoch(epoch.unsigned_abs());
        Ok((epoch, sequence(row, 1)?))
    })?)
}

fn end_of(tables: &Transaction<'_>, room: &RoomId) -> Result<Sequence, ReadError> {
    let end: Option<i64> = tables
        .prepare_cached("SELECT max(sequence) FROM entry WHERE room = ?1")?
        .query_row([room.as_str()], |row| row.get(0))?;
    Ok(Sequence(end.unwrap_or_default().unsigned_abs()))
}

fn sequence(row: &Row<'_>, column: usize) -> rusqlite::Result<Sequence> {
    let number: i64 = row.get(column)?;
    Ok(Sequence(number.unsigned_abs()))
}
