//! The questions that pages and commands ask. Each runs in the transaction it is given, so that
//! several make one consistent picture. `sight` says who may see what, `consent` who is asked to come in, `unread` how much of it is new
//! to somebody; the others are told.

mod consent;
mod sight;
mod unread;

pub use consent::{Asking, Consent, consent, invitation, invitations, invited_into};
pub use sight::{
    Viewer, is_in, looks_after, may_read, members, membership_place, session_generation, standing,
    viewer, visible_people, visible_room, visible_room_by_id,
};
pub use unread::{count_unread, mark_read};

use std::collections::BTreeSet;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::ReadError;
use super::apply::signed;
use crate::domain::{Key, Sequence, Timestamp, Username, limits};
use crate::server::store::Epoch;
use crate::wire::v1;

/// How far LOG had been applied, and in which of its lives.
///
/// # Errors
/// SQLite failed.
pub fn applied(tables: &Transaction<'_>) -> Result<(Sequence, Epoch), ReadError> {
    let mut meta = tables.prepare_cached("SELECT applied, epoch FROM meta")?;
    let (applied, epoch): (i64, i64) = meta.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((
        Sequence(applied.unsigned_abs()),
        Epoch(epoch.unsigned_abs()),
    ))
}

/// The columns that [`room_of`] reads.
macro_rules! room_columns {
    () => {
        "room.id, room.name, room.kind, room.topic, room.archived, room.pair, room.made_by"
    };
}

/// The rooms of somebody's sidebar with their heads, by name, and those of `also` that they may
/// read. Archived rooms are found by browsing; a direct room shows up when something was said.
///
/// # Errors
/// SQLite failed.
pub fn room_heads(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    also: &[String],
) -> Result<Vec<v1::RoomHead>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        ", entry.sequence, entry.uid, entry.ulid, coalesce(member.muted, 0),
            (SELECT count(*) FROM (SELECT 1 FROM entry WHERE room = room.id LIMIT 2))
         FROM room
         LEFT JOIN member ON member.room = room.id AND member.uid = ?1
         LEFT JOIN entry ON entry.sequence =
            (SELECT max(sequence) FROM entry WHERE entry.room = room.id)
         WHERE (member.uid IS NOT NULL OR (room.made_by = 'natter' AND NOT ?2))
            AND room.archived = 0
         ORDER BY room.folded IS NULL, room.folded, room.id",
    ))?;
    let me = &viewer.person.uid;
    let heads = rows.query_map(params![me, viewer.is_guest()], |row| {
        let room = room_of(row)?;
        let is_empty = row.get::<_, i64>(11)? < 2;
        let is_shown = room.kind() != v1::RoomKind::Direct || !is_empty || room.made_by == *me;
        let head = v1::RoomHead {
            head: Some(position_of(&room.id, row)?),
            room: Some(room),
            joined: true,
            muted: row.get(10)?,
            ..v1::RoomHead::default()
        };
        Ok(is_shown.then_some(head))
    })?;
    let mut heads: Vec<_> = heads
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    for id in also.iter().take(limits::SYNC_ROOMS) {
        let is_there = |head: &v1::RoomHead| head.room.as_ref().is_some_and(|room| room.id == *id);
        if !heads.iter().any(is_there)
            && let Some(room) = visible_room(tables, viewer, id)?
        {
            heads.push(head_of(tables, viewer, room)?);
        }
    }
    for head in &mut heads {
        if let Some(room) = head.room.as_ref().filter(|room| room.name.is_empty()) {
            head.with = others(tables, viewer, room)?;
        }
    }
    Ok(heads)
}

/// A room's head, whether or not it is in the sidebar.
fn head_of(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: v1::Room,
) -> Result<v1::RoomHead, ReadError> {
    let last = tables
        .prepare_cached(
            "SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, sequence, uid, ulid FROM entry
             WHERE room = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([&room.id], |row| position_of(&room.id, row))
        .optional()?;
    Ok(v1::RoomHead {
        head: Some(last.unwrap_or_else(|| v1::Position {
            room_id: room.id.clone(),
            ..v1::Position::default()
        })),
        joined: is_in(tables, &viewer.person, &room)?,
        room: Some(room),
        ..v1::RoomHead::default()
    })
}

/// The others in a room that is called by who is in it.
fn others(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: &v1::Room,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut people = match room.kind() {
        // Somebody who is suspended is still who one talked to.
        v1::RoomKind::Direct => people(tables, room.pair.iter().cloned())?,
        _ => members(tables, room)?,
    };
    people.retain(|person| person.uid != viewer.person.uid);
    people.truncate(limits::GROUP_PEOPLE);
    Ok(people)
}

/// The open rooms as somebody finds them who looks for one, by name, archived ones last.
///
/// # Errors
/// SQLite failed.
pub fn browse(
    tables: &Transaction<'_>,
    viewer: &Viewer,
) -> Result<Vec<v1::RoomListing>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        ", (SELECT count(*) FROM member WHERE member.room = room.id)
         FROM room WHERE kind = ?1 ORDER BY archived, folded",
    ))?;
    let open: i32 = v1::RoomKind::Open.into();
    let rooms: Vec<(v1::Room, u32)> = rows
        .query_map([open], |row| Ok((room_of(row)?, row.get(7)?)))?
        .collect::<Result<_, _>>()?;
    let mut listings = Vec::new();
    for (room, count) in rooms {
        if may_read(tables, viewer, &room)? {
            listings.push(v1::RoomListing {
                members: if room.is_home() {
                    u32::try_from(members(tables, &room)?.len()).unwrap_or(u32::MAX)
                } else {
                    count
                },
                joined: is_in(tables, &viewer.person, &room)?,
                room: Some(room),
            });
        }
    }
    Ok(listings)
}

/// A room with all that its page of details shows.
///
/// # Errors
/// SQLite failed.
pub fn details(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: v1::Room,
) -> Result<v1::RoomDetails, ReadError> {
    let me = &viewer.person.uid;
    let muted: Option<bool> = tables
        .prepare_cached("SELECT muted FROM member WHERE uid = ?1 AND room = ?2")?
        .query_row(params![me, room.id], |row| row.get(0))
        .optional()?;
    let joined = is_in(tables, &viewer.person, &room)?;
    Ok(v1::RoomDetails {
        members: members(tables, &room)?,
        joined,
        muted: muted.unwrap_or_default(),
        looks_after: looks_after(tables, viewer, &room)?,
        invited: if joined {
            invited_into(tables, &room)?
        } else {
            Vec::new()
        },
        is_asked: invitation(tables, me, &room.id)?.is_some(),
        with: if room.name.is_empty() {
            others(tables, viewer, &room)?
        } else {
            Vec::new()
        },
        room: Some(room),
    })
}

/// The room with this id or, failing that, this name; whether the one who asks may know of it is
/// not asked here, but by [`visible_room`].
fn room(tables: &Transaction<'_>, id_or_name: &str) -> Result<Option<v1::Room>, ReadError> {
    Ok(tables
        .prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM room WHERE id = ?1 OR folded = ?2 ORDER BY id = ?1 DESC LIMIT 1",
        ))?
        .query_row(params![id_or_name, id_or_name.to_lowercase()], room_of)
        .optional()?)
}

/// The room with this id, alike.
fn room_by_id(tables: &Transaction<'_>, id: &str) -> Result<Option<v1::Room>, ReadError> {
    let room = room(tables, id)?;
    Ok(room.filter(|room| room.id == id))
}

/// Where somebody lands: the room that everybody is in; a guest's first room.
///
/// # Errors
/// SQLite failed.
pub fn landing(tables: &Transaction<'_>, viewer: &Viewer) -> Result<Option<v1::Room>, ReadError> {
    let rooms = room_heads(tables, viewer, &[])?;
    let mut rooms = rooms.into_iter().filter_map(|head| head.room);
    let first = rooms.next();
    Ok(match first {
        Some(room) if !room.is_home() => rooms.find(v1::Room::is_home).or(Some(room)),
        other => other,
    })
}

/// The group (a closed room without a name) of exactly these people.
///
/// # Errors
/// SQLite failed.
pub fn group_of(
    tables: &Transaction<'_>,
    uids: &BTreeSet<String>,
) -> Result<Option<v1::Room>, ReadError> {
    let Some(one) = uids.first() else {
        return Ok(None);
    };
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        " FROM room JOIN member ON member.room = room.id
         WHERE member.uid = ?1 AND room.kind = ?2 AND room.folded IS NULL
            AND room.archived = 0 AND
            (SELECT count(*) FROM member WHERE member.room = room.id) = ?3
         ORDER BY room.id",
    ))?;
    let mut everyone = tables.prepare_cached("SELECT uid FROM member WHERE room = ?1")?;
    let closed: i32 = v1::RoomKind::Closed.into();
    let count = i64::try_from(uids.len()).unwrap_or(i64::MAX);
    let rooms = rows.query_map(params![one, closed, count], room_of)?;
    for room in rooms {
        let room = room?;
        let found: BTreeSet<String> = everyone
            .query_map([&room.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if found == *uids {
            return Ok(Some(room));
        }
    }
    Ok(None)
}

/// How many closed rooms somebody is in.
///
/// # Errors
/// SQLite failed.
pub fn closed_rooms(tables: &Transaction<'_>, uid: &Username) -> Result<usize, ReadError> {
    Ok(sight::rooms_of(tables, uid, v1::RoomKind::Closed)?.len())
}

/// Everybody, by display name.
///
/// # Errors
/// SQLite failed.
pub fn everybody(tables: &Transaction<'_>) -> Result<Vec<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT uid, display_name, role, suspended, about, time_zone, picture FROM person
         ORDER BY lower(display_name), uid",
    )?;
    let people = rows.query_map([], person_of)?;
    Ok(people.collect::<Result<_, _>>()?)
}

/// What administrators did, the latest first.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn audit(tables: &Transaction<'_>, limit: u32) -> Result<Vec<v1::Event>, ReadError> {
    let mut rows =
        tables.prepare_cached("SELECT event FROM audit ORDER BY sequence DESC LIMIT ?1")?;
    let events = rows.query_map([limit], |row| row.get::<_, Vec<u8>>(0))?;
    events
        .map(|event| v1::Event::decode(event?.as_slice()).map_err(|_| ReadError::Corrupt))
        .collect()
}

/// A right that somebody has no longer: connections that were judged by the entry `came` and not by
/// `gone` may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Whose it was.
    pub uid: Username,
    /// The entry of LOG that gave it; 0 where they had it from the beginning.
    pub came: Sequence,
    /// The entry that took it.
    pub gone: Sequence,
}

/// What people may do no longer, by entries after `after` and not before `since`.
///
/// # Errors
/// SQLite failed, or a name in it is none.
pub fn losses(
    tables: &Transaction<'_>,
    after: Sequence,
    since: Timestamp,
) -> Result<Vec<Loss>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT uid, came, sequence FROM cut WHERE sequence > ?1 AND at_ms >= ?2",
    )?;
    let losses = rows.query_map(params![signed(after), since.0], |row| {
        let (came, gone): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, String>(0)?, came, gone))
    })?;
    losses
        .map(|loss| {
            let (uid, came, gone) = loss?;
            Ok(Loss {
                uid: Username::parse(&uid).map_err(|_| ReadError::Corrupt)?,
                came: Sequence(came.unsigned_abs()),
                gone: Sequence(gone.unsigned_abs()),
            })
        })
        .collect()
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
    let mut row = tables.prepare_cached(
        "SELECT uid, display_name, role, suspended, about, time_zone, picture FROM person WHERE uid = ?1",
    )?;
    let mut people = Vec::new();
    for uid in uids {
        people.extend(row.query_row([uid], person_of).optional()?);
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

/// Who wrote the entries, and whom they are about.
fn authors(events: &[v1::LoggedEvent]) -> BTreeSet<String> {
    let events = events.iter().filter_map(|logged| logged.event.as_ref());
    events
        .flat_map(|event| {
            let author = event.key.as_ref().map(|key| key.uid.clone());
            let whom = match &event.body {
                Some(v1::event::Body::MembershipChanged(changed)) => Some(changed.uid.clone()),
                _ => None,
            };
            author.into_iter().chain(whom)
        })
        .collect()
}

fn person_of(row: &Row<'_>) -> rusqlite::Result<v1::Person> {
    Ok(v1::Person {
        uid: row.get(0)?,
        display_name: row.get(1)?,
        role: row.get(2)?,
        suspended: row.get(3)?,
        about: row.get(4)?,
        time_zone: row.get(5)?,
        picture: row.get(6)?,
    })
}

fn room_of(row: &Row<'_>) -> rusqlite::Result<v1::Room> {
    let pair: Option<String> = row.get(5)?;
    Ok(v1::Room {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        topic: row.get(3)?,
        archived: row.get(4)?,
        pair: pair
            .map(|pair| pair.split('.').map(str::to_owned).collect())
            .unwrap_or_default(),
        made_by: row.get(6)?,
    })
}

/// The position in columns 7 to 9.
fn position_of(room_id: &str, row: &Row<'_>) -> rusqlite::Result<v1::Position> {
    let sequence: Option<i64> = row.get(7)?;
    let key = match sequence {
        Some(_) => Some(v1::Key {
            uid: row.get(8)?,
            ulid: row.get(9)?,
        }),
        None => None,
    };
    Ok(v1::Position {
        room_id: room_id.to_owned(),
        sequence: sequence.unwrap_or_default().unsigned_abs(),
        key,
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
