//! What was said: pages of a room, what happened in it since, and single entries. Rows are read
//! until the answer's budget is spent.

use std::collections::BTreeSet;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{ReadError, people, signed};
use crate::domain::{Key, Sequence, limits};
use crate::server::Budget;
use crate::wire::v1;

/// A page of a room: the newest entries, or the newest of those before a sequence, as many as are
/// asked for and fit.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn view(
    tables: &Transaction<'_>,
    room: v1::Room,
    before: Sequence,
    limit: u32,
    budget: &mut Budget,
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
    budget.reserve(&room);
    let mut rows = tables.prepare_cached(
        "SELECT sequence, previous, event FROM entry
         WHERE room = ?1 AND counts = 1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3",
    )?;
    let mut view = v1::RoomView::default();
    let mut known = BTreeSet::new();
    for logged in rows.query_map(params![room.id, before, limit + 1], logged_of)? {
        let logged = logged?;
        let strangers = names_in(&logged).filter(|uid| !known.contains(*uid));
        let strangers: BTreeSet<_> = strangers.map(str::to_owned).collect();
        let met = people(tables, strangers.iter().cloned())?;
        let is_full = view.events.len() == limit as usize;
        if is_full || !budget.take_all(&logged, &met) {
            view.has_earlier = true;
            break;
        }
        known.extend(strangers);
        view.people.extend(met);
        view.events.push(logged);
    }
    view.events.reverse();
    view.people.sort_by(|one, other| one.uid.cmp(&other.uid));
    view.room = Some(room);
    Ok(view)
}

/// What happened in a room after a position, as much as fits. A reset when the position does not hold
/// here, or too much happened since.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn since(
    tables: &Transaction<'_>,
    room_id: &str,
    after: Sequence,
    key: Option<&Key>,
    budget: &mut Budget,
) -> Result<v1::RoomSync, ReadError> {
    let mut part = v1::RoomSync {
        room_id: room_id.to_owned(),
        ..v1::RoomSync::default()
    };
    // Answered from the index alone.
    let count: u32 = tables
        .prepare_cached(
            "SELECT count(*) FROM
                (SELECT 1 FROM entry WHERE room = ?1 AND sequence > ?2 LIMIT ?3)",
        )?
        .query_row(
            params![room_id, signed(after), limits::SYNC_ENTRIES + 1],
            |row| row.get(0),
        )?;
    part.reset = count > limits::SYNC_ENTRIES || !holds(tables, room_id, after, key)?;
    part.more = !part.reset && count > 0;
    if !part.more || budget.is_spent() {
        return Ok(part);
    }
    let mut rows = tables.prepare_cached(
        "SELECT sequence, previous, event FROM entry
         WHERE room = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
    )?;
    for logged in rows.query_map(params![room_id, signed(after), count], logged_of)? {
        let logged = logged?;
        if !budget.take(&logged) {
            return Ok(part);
        }
        part.events.push(logged);
    }
    part.more = false;
    Ok(part)
}

/// Is this entry in the room? 0 is before everything.
fn holds(
    tables: &Transaction<'_>,
    room_id: &str,
    sequence: Sequence,
    key: Option<&Key>,
) -> Result<bool, ReadError> {
    if sequence == Sequence(0) {
        return Ok(true);
    }
    let Some(key) = key else { return Ok(false) };
    Ok(tables
        .prepare_cached(
            "SELECT 1 FROM entry WHERE sequence = ?1 AND room = ?2 AND uid = ?3 AND ulid = ?4",
        )?
        .exists(params![
            signed(sequence),
            room_id,
            key.author.as_str(),
            key.ulid.to_string()
        ])?)
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

/// Who wrote an entry, and whom it is about.
fn names_in(logged: &v1::LoggedEvent) -> impl Iterator<Item = &str> {
    let event = logged.event.as_ref();
    let author = event.and_then(|event| event.key.as_ref());
    let whom = event.and_then(|event| match &event.body {
        Some(v1::event::Body::MembershipChanged(changed)) => Some(changed.uid.as_str()),
        _ => None,
    });
    author.map(|key| key.uid.as_str()).into_iter().chain(whom)
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
