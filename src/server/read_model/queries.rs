//! The questions that pages and commands ask. Each runs in the transaction it is given, so that
//! several make one consistent picture.

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::ReadError;
use super::apply::signed;
use crate::domain::{Key, Sequence, limits};
use crate::wire::v1;

/// How far LOG had been applied.
///
/// # Errors
/// SQLite failed.
pub fn applied(tables: &Transaction<'_>) -> Result<Sequence, ReadError> {
    let applied: i64 = tables.query_row("SELECT applied FROM meta", [], |row| row.get(0))?;
    Ok(Sequence(applied.unsigned_abs()))
}

/// Every room with its head, by name.
///
/// # Errors
/// SQLite failed.
pub fn room_heads(tables: &Transaction<'_>) -> Result<Vec<v1::RoomHead>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT room.id, room.name, room.kind, room.topic, entry.sequence, entry.uid, entry.ulid
         FROM room LEFT JOIN entry ON entry.sequence =
            (SELECT max(sequence) FROM entry WHERE entry.room = room.id)
         ORDER BY room.folded",
    )?;
    let heads = rows.query_map([], |row| {
        let room = room_of(row)?;
        let sequence: Option<i64> = row.get(4)?;
        let key = sequence.map(|_| {
            Ok::<_, rusqlite::Error>(v1::Key {
                uid: row.get(5)?,
                ulid: row.get(6)?,
            })
        });
        Ok(v1::RoomHead {
            head: Some(v1::Position {
                room_id: room.id.clone(),
                sequence: sequence.unwrap_or_default().unsigned_abs(),
                key: key.transpose()?,
            }),
            room: Some(room),
        })
    })?;
    Ok(heads.collect::<Result<_, _>>()?)
}

/// The room with this id or, failing that, this name.
///
/// # Errors
/// SQLite failed.
pub fn room(tables: &Transaction<'_>, id_or_name: &str) -> Result<Option<v1::Room>, ReadError> {
    Ok(tables
        .prepare_cached(
            "SELECT id, name, kind, topic FROM room WHERE id = ?1 OR folded = ?2
             ORDER BY id = ?1 DESC LIMIT 1",
        )?
        .query_row(params![id_or_name, id_or_name.to_lowercase()], room_of)
        .optional()?)
}

/// A page of a room: the newest entries, or the newest of those before a sequence.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn view(
    tables: &Transaction<'_>,
    room: v1::Room,
    before: Sequence,
    limit: u32,
) -> Result<v1::RoomView, ReadError> {
    let limit = match limit {
        0 => limits::PAGE_MESSAGES,
        asked => asked.min(limits::PAGE_MESSAGES),
    };
    let before = if before == Sequence(0) {
        i64::MAX
    } else {
        signed(before)
    };
    let mut rows = tables.prepare_cached(
        "SELECT sequence, previous, event FROM entry
         WHERE room = ?1 AND counts = 1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3",
    )?;
    let mut events: Vec<_> = rows
        .query_map(params![room.id, before, limit + 1], logged_of)?
        .collect::<Result<_, _>>()?;
    let has_earlier = events.len() > limit as usize;
    events.truncate(limit as usize);
    events.reverse();
    let people = people(tables, authors(&events))?;
    Ok(v1::RoomView {
        room: Some(room),
        events,
        has_earlier,
        people,
    })
}

/// What happened in a room after a position. `None` when the position does not hold here, or too
/// much happened since.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn since(
    tables: &Transaction<'_>,
    room_id: &str,
    sequence: Sequence,
    key: Option<&Key>,
) -> Result<Option<Vec<v1::LoggedEvent>>, ReadError> {
    if sequence != Sequence(0) {
        let Some(key) = key else { return Ok(None) };
        let holds: Option<i64> = tables
            .prepare_cached(
                "SELECT 1 FROM entry WHERE sequence = ?1 AND room = ?2 AND uid = ?3 AND ulid = ?4",
            )?
            .query_row(
                params![
                    signed(sequence),
                    room_id,
                    key.author.as_str(),
                    key.ulid.to_string()
                ],
                |row| row.get(0),
            )
            .optional()?;
        if holds.is_none() {
            return Ok(None);
        }
    }
    let mut rows = tables.prepare_cached(
        "SELECT sequence, previous, event FROM entry
         WHERE room = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
    )?;
    let events: Vec<_> = rows
        .query_map(
            params![room_id, signed(sequence), limits::SYNC_ENTRIES + 1],
            logged_of,
        )?
        .collect::<Result<_, _>>()?;
    Ok((events.len() <= limits::SYNC_ENTRIES as usize).then_some(events))
}

/// Those of the asked for that exist.
///
/// # Errors
/// SQLite failed.
pub fn people(
    tables: &Transaction<'_>,
    uids: impl IntoIterator<Item = String>,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut row =
        tables.prepare_cached("SELECT uid, display_name, role FROM person WHERE uid = ?1")?;
    let mut people = Vec::new();
    for uid in uids {
        let person = row
            .query_row([uid], |row| {
                Ok(v1::Person {
                    uid: row.get(0)?,
                    display_name: row.get(1)?,
                    role: row.get(2)?,
                })
            })
            .optional()?;
        people.extend(person);
    }
    Ok(people)
}

/// The entry that a key stands for.
///
/// # Errors
/// SQLite failed, or the entry cannot be read.
pub fn entry_of(
    tables: &Transaction<'_>,
    key: &Key,
) -> Result<Option<(String, v1::LoggedEvent)>, ReadError> {
    Ok(tables
        .prepare_cached(
            "SELECT sequence, previous, event, room FROM entry
             WHERE uid = ?1 AND ulid = ?2 AND counts = 1",
        )?
        .query_row(params![key.author.as_str(), key.ulid.to_string()], |row| {
            Ok((row.get(3)?, logged_of(row)?))
        })
        .optional()?)
}

fn authors(events: &[v1::LoggedEvent]) -> std::collections::BTreeSet<String> {
    events
        .iter()
        .filter_map(|logged| logged.event.as_ref()?.key.as_ref())
        .map(|key| key.uid.clone())
        .collect()
}

fn room_of(row: &Row<'_>) -> rusqlite::Result<v1::Room> {
    Ok(v1::Room {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        topic: row.get(3)?,
    })
}

fn logged_of(row: &Row<'_>) -> rusqlite::Result<v1::LoggedEvent> {
    let (sequence, previous): (i64, i64) = (row.get(0)?, row.get(1)?);
    let event: Vec<u8> = row.get(2)?;
    let event = v1::Event::decode(event.as_slice()).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, Box::new(error))
    })?;
    Ok(v1::LoggedEvent {
        sequence: sequence.unsigned_abs(),
        previous: previous.unsigned_abs(),
        event: Some(event),
    })
}
