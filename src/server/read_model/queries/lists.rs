//! Lists that are told in parts: the open rooms, who is in a room, who people are.

use std::collections::BTreeSet;
use std::ops::Bound;

use rusqlite::{Transaction, params};

use super::sight::visible_person;
use super::{ReadError, Viewer, is_in, may_read, person_of, room_of};
use crate::server::{Budget, Part};
use crate::wire::v1::{self, Role};

/// The open rooms as somebody finds them who looks for one, after a room's id. By name within the
/// part, archived ones last.
///
/// # Errors
/// SQLite failed.
pub fn browse(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    after: &str,
    budget: &mut Budget,
) -> Result<Part<v1::RoomListing>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        " FROM room WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    ))?;
    let open: i32 = v1::RoomKind::Open.into();
    let rooms = rows.query_map(params![open, after, budget.limit()], room_of)?;
    let rooms = rooms.map(|room| {
        let room = room?;
        Ok::<_, ReadError>((room.id.clone(), room))
    });
    let mut part = Part::fill(budget, rooms, |_: &str, room| {
        if !may_read(tables, viewer, &room)? {
            return Ok(None);
        }
        Ok(Some(v1::RoomListing {
            members: count_members(tables, &room)?,
            joined: is_in(tables, &viewer.person, &room)?,
            room: Some(room),
        }))
    })?;
    part.items.sort_by_cached_key(|listing| {
        let room = listing.room.as_ref();
        room.map(|room| (room.archived, room.name.to_lowercase()))
    });
    Ok(part)
}

/// How many people are in a room.
fn count_members(tables: &Transaction<'_>, room: &v1::Room) -> Result<u32, ReadError> {
    let count = match room.is_home() {
        false => tables
            .prepare_cached("SELECT members FROM room WHERE id = ?1")?
            .query_row([&room.id], |row| row.get(0))?,
        true => {
            let guest: i32 = Role::Guest.into();
            tables
                .prepare_cached(
                    "SELECT count(*) FROM person WHERE suspended = 0 AND (
                        role <> ?2
                        OR uid IN (SELECT uid FROM member WHERE room = ?1 AND since IS NOT NULL))",
                )?
                .query_row(params![room.id, guest], |row| row.get(0))?
        }
    };
    Ok(count)
}

/// Who is in a room, after a username. By display name within the part.
///
/// # Errors
/// SQLite failed.
pub fn members_part(
    tables: &Transaction<'_>,
    room: &v1::Room,
    after: &str,
    budget: &mut Budget,
) -> Result<Part<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        " FROM person WHERE suspended = 0 AND uid > ?4 AND (
                (?2 AND role <> ?3)
                OR uid IN (SELECT uid FROM member WHERE room = ?1 AND since IS NOT NULL))
             ORDER BY uid LIMIT ?5",
    ))?;
    let guest: i32 = Role::Guest.into();
    let asked = params![room.id, room.is_home(), guest, after, budget.limit()];
    let people = rows.query_map(asked, person_of)?;
    let people = people.map(|person| {
        let person = person?;
        Ok::<_, ReadError>((person.uid.clone(), person))
    });
    let mut part = Part::fill(budget, people, |_: &str, person| Ok(Some(person)))?;
    part.items
        .sort_by_cached_key(|person| (person.display_name.to_lowercase(), person.uid.clone()));
    Ok(part)
}

/// Of these people, those whom somebody may see, after a username, each once.
///
/// # Errors
/// SQLite failed.
pub fn people_part(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    uids: &BTreeSet<String>,
    after: &str,
    budget: &mut Budget,
) -> Result<Part<v1::Person>, ReadError> {
    let rest = uids.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
    let rest = rest.map(|uid| Ok::<_, ReadError>((uid.clone(), ())));
    Part::fill(budget, rest, |uid: &str, ()| {
        visible_person(tables, viewer, uid)
    })
}
