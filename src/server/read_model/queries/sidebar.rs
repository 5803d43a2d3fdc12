//! The rooms of somebody's sidebar: how each of them stands, and where they land.

use std::collections::HashMap;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::sight::may_read_listed;
use super::unread::Counter;
use super::{ReadError, Viewer, people, room_by_id};
use crate::domain::{Sequence, Username, limits};
use crate::server::store::Markers;
use crate::server::{Budget, Part};
use crate::wire::v1;

/// Ids of the rooms that somebody is in, of the one that everybody but guests is in, and of those that
/// were asked for, in the order of ids: it never changes.
const CANDIDATES: &str = "
    SELECT room FROM member WHERE uid = ?1 AND room > ?2 AND since IS NOT NULL
    UNION SELECT id FROM room WHERE made_by = ?3 AND NOT ?4 AND id > ?2
    UNION SELECT value FROM json_each(?5) WHERE value > ?2
    ORDER BY 1 LIMIT ?6";

/// The rooms of somebody's sidebar with their heads and what of them is unread, and those of `also`
/// (ids) that they may read, after a room's id. By name within the part. Archived rooms are found by
/// browsing; a direct room shows up when something was said.
///
/// # Errors
/// SQLite failed.
pub fn room_heads(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    markers: &Markers,
    also: &[String],
    after: &str,
    budget: &mut Budget,
) -> Result<Part<v1::RoomHead>, ReadError> {
    let counter = Counter::new(tables, viewer, markers)?;
    let partners = partners(tables, viewer, after, budget)?;
    let mut rows = tables.prepare_cached(CANDIDATES)?;
    let natter = Username::natter();
    let asked = params![
        viewer.person.uid,
        after,
        natter.as_str(),
        viewer.is_guest(),
        serde_json::to_string(also).unwrap_or_default(),
        budget.limit(),
    ];
    let ids = rows.query_map(asked, |row| Ok((row.get(0)?, ())))?;
    let ids = ids.map(|id| id.map_err(ReadError::from));
    let mut part = Part::fill(budget, ids, |id: &str, ()| {
        let head = head_of(tables, viewer, &partners, id)?;
        let Some((mut head, is_listed)) = head else {
            return Ok(None);
        };
        if !is_listed && !also.iter().any(|asked| asked == id) {
            return Ok(None);
        }
        if head.joined {
            let end = head.head.as_ref().map_or(0, |end| end.sequence);
            (head.marker, head.unread) = counter.count(id, Sequence(end))?;
        }
        Ok(Some(head))
    })?;
    part.items.sort_by_cached_key(v1::RoomHead::order);
    Ok(part)
}

/// By their rooms' ids, the partners of somebody's direct messages in rooms after an id: one statement,
/// however many they are. A suspended person is still a partner in the conversation.
fn partners(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    after: &str,
    budget: &Budget,
) -> Result<HashMap<String, v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        ", room.id AS room
         FROM member AS mine
         JOIN room ON room.id = mine.room
         JOIN member AS theirs ON theirs.room = room.id AND theirs.uid <> mine.uid
         JOIN person ON person.uid = theirs.uid
         WHERE mine.uid = ?1 AND mine.room > ?2 AND room.kind = ?3
         ORDER BY mine.room LIMIT ?4",
    ))?;
    let direct: i32 = v1::RoomKind::Direct.into();
    let asked = params![viewer.person.uid, after, direct, budget.limit()];
    let partners = rows.query_map(asked, |row| Ok((row.get("room")?, super::person_of(row)?)))?;
    Ok(partners.collect::<Result<_, _>>()?)
}

/// A room's head, where somebody may read it, and whether it is in their sidebar.
fn head_of(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    partners: &HashMap<String, v1::Person>,
    id: &str,
) -> Result<Option<(v1::RoomHead, bool)>, ReadError> {
    let Some(room) = room_by_id(tables, id)? else {
        return Ok(None);
    };
    let muted: Option<bool> = tables
        .prepare_cached("SELECT muted FROM member WHERE uid = ?1 AND room = ?2")?
        .query_row(params![viewer.person.uid, id], |row| row.get(0))
        .optional()?;
    let joined = muted.is_some() || (room.is_home() && !viewer.is_guest());
    if !may_read_listed(viewer, &room, joined) {
        return Ok(None);
    }
    let is_listed = joined && !room.archived && is_shown(tables, viewer, &room)?;
    let head = v1::RoomHead {
        head: Some(end_of(tables, id)?),
        joined,
        muted: muted.unwrap_or_default(),
        with: match (room.name.is_empty(), partners.get(id)) {
            (true, Some(partner)) => vec![partner.clone()],
            (true, None) => others(tables, viewer, &room)?,
            (false, _) => Vec::new(),
        },
        room: Some(room),
        ..v1::RoomHead::default()
    };
    Ok(Some((head, is_listed)))
}

/// A direct room without messages is shown only to the person who made it.
fn is_shown(tables: &Transaction<'_>, viewer: &Viewer, room: &v1::Room) -> Result<bool, ReadError> {
    if room.kind() != v1::RoomKind::Direct || room.made_by == viewer.person.uid {
        return Ok(true);
    }
    // The first entry is its making.
    let entries: u32 = tables
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM entry WHERE room = ?1 LIMIT 2)")?
        .query_row([&room.id], |row| row.get(0))?;
    Ok(entries > 1)
}

/// Where a room's log ends.
fn end_of(tables: &Transaction<'_>, room_id: &str) -> Result<v1::Position, ReadError> {
    let end = tables
        .prepare_cached(
            "SELECT sequence, uid, ulid FROM entry WHERE room = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([room_id], |row| {
            let sequence: i64 = row.get(0)?;
            let key = v1::Key {
                uid: row.get(1)?,
                ulid: row.get(2)?,
            };
            Ok((sequence.unsigned_abs(), key))
        })
        .optional()?;
    let (sequence, key) = end.unzip();
    Ok(v1::Position {
        room_id: room_id.to_owned(),
        sequence: sequence.unwrap_or_default(),
        key,
    })
}

/// Some of the other members of a room that is named after its members.
pub(super) fn others(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: &v1::Room,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut people = match room.kind() {
        // A suspended person is still a partner in the conversation.
        v1::RoomKind::Direct => people(tables, room.pair.iter().cloned())?,
        _ => first_members(tables, room)?,
    };
    people.retain(|person| person.uid != viewer.person.uid);
    people.truncate(limits::GROUP_PEOPLE);
    Ok(people)
}

/// Of the members of a room with a list, by display name, as many as are told and one more.
fn first_members(tables: &Transaction<'_>, room: &v1::Room) -> Result<Vec<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        " FROM member JOIN person ON person.uid = member.uid
             WHERE member.room = ?1 AND suspended = 0
             ORDER BY lower(display_name), person.uid LIMIT ?2",
    ))?;
    let most = i64::try_from(limits::GROUP_PEOPLE + 1).unwrap_or(i64::MAX);
    let people = rows.query_map(params![room.id, most], super::person_of)?;
    Ok(people.collect::<Result<_, _>>()?)
}

/// Where somebody lands: the room that everybody is in; a guest's first room.
#[must_use]
pub fn landing(sidebar: &[v1::RoomHead]) -> Option<v1::Room> {
    let mut rooms = sidebar.iter().filter_map(|head| head.room.as_ref());
    let home = rooms.clone().find(|room| room.is_home());
    home.or_else(|| rooms.next()).cloned()
}
