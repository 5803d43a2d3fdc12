//! What one entry of LOG changes in the tables.

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::ReadError;
use crate::domain::{RoomName, Sequence, subject};
use crate::wire::v1::{self, event::Body};

/// Applies an entry. Something that natter did not write, or a later natter did, changes nothing:
/// the log goes on.
pub(super) fn apply(
    tables: &Transaction<'_>,
    subject: &str,
    sequence: Sequence,
    payload: &[u8],
) -> Result<(), ReadError> {
    match v1::Event::decode(payload) {
        Ok(event) => apply_event(tables, subject, sequence, &event, payload)?,
        Err(error) => tracing::warn!(%error, sequence = sequence.0, "an entry cannot be read"),
    }
    tables.execute("UPDATE meta SET applied = ?1", [signed(sequence)])?;
    Ok(())
}

fn apply_event(
    tables: &Transaction<'_>,
    subject: &str,
    sequence: Sequence,
    event: &v1::Event,
    payload: &[u8],
) -> Result<(), ReadError> {
    if let Some(room) = subject::open_room_of(subject) {
        let key = event.key.clone().unwrap_or_default();
        add_entry(tables, room.as_str(), sequence, &key, payload)?;
    }
    match &event.body {
        Some(Body::PersonJoined(v1::PersonJoined {
            person: Some(person),
            ..
        })) => {
            tables.execute(
                "INSERT OR IGNORE INTO person (uid, display_name, role) VALUES (?1, ?2, ?3)",
                params![person.uid, person.display_name, person.role],
            )?;
        }
        Some(Body::RoomMade(v1::RoomMade { room: Some(room) })) => {
            let folded = RoomName::parse(&room.name)
                .map_or_else(|_| room.name.to_lowercase(), |name| name.folded());
            tables.execute(
                "INSERT OR IGNORE INTO room (id, name, folded, kind, topic)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![room.id, room.name, folded, room.kind, room.topic],
            )?;
        }
        _ => {}
    }
    Ok(())
}

fn add_entry(
    tables: &Transaction<'_>,
    room: &str,
    sequence: Sequence,
    key: &v1::Key,
    payload: &[u8],
) -> Result<(), ReadError> {
    let previous: Option<i64> = tables
        .prepare_cached("SELECT max(sequence) FROM entry WHERE room = ?1")?
        .query_row([room], |row| row.get(0))?;
    let known: Option<i64> = tables
        .prepare_cached("SELECT 1 FROM entry WHERE uid = ?1 AND ulid = ?2 AND counts = 1")?
        .query_row([&key.uid, &key.ulid], |row| row.get(0))
        .optional()?;
    tables
        .prepare_cached(
            "INSERT OR IGNORE INTO entry (sequence, room, previous, uid, ulid, counts, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            signed(sequence),
            room,
            previous.unwrap_or_default(),
            key.uid,
            key.ulid,
            known.is_none(),
            payload,
        ])?;
    Ok(())
}

/// SQLite's integers have a sign; a stream does not reach 2^63 entries.
pub(super) fn signed(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}
