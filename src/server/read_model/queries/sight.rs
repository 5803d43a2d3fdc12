//! Who may see what. Every question about rooms goes through here; the rights of a connection are
//! worked out from the same tables ([`standing`]).

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::ReadError;
use crate::domain::{self, RoomId, Sequence, Standing, Username, limits};
use crate::wire::v1::{self, Role, RoomKind};

/// Somebody who asks, and may.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewer {
    /// Who.
    pub person: v1::Person,
    /// The entry of LOG that describes their account.
    pub place: Sequence,
}

impl Viewer {
    /// Do they see only where they were brought in?
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.person.role() == Role::Guest
    }

    /// Do they look after the workspace?
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        self.person.role() == Role::Administrator
    }
}

/// The person who asks. `None`: there is none, or they are suspended.
///
/// # Errors
/// SQLite failed.
pub fn viewer(tables: &Transaction<'_>, uid: &Username) -> Result<Option<Viewer>, ReadError> {
    let person = super::people(tables, [uid.to_string()])?.pop();
    let Some(person) = person.filter(|person| !person.suspended) else {
        return Ok(None);
    };
    let place: i64 = tables
        .prepare_cached("SELECT place FROM person WHERE uid = ?1")?
        .query_row([uid.as_str()], |row| row.get(0))?;
    Ok(Some(Viewer {
        person,
        place: Sequence(place.unsigned_abs()),
    }))
}

/// The entry of LOG that says that somebody is in a room. `None`: there is none, as where they are
/// in the room that everybody is in.
///
/// # Errors
/// SQLite failed.
pub fn membership_place(
    tables: &Transaction<'_>,
    uid: &str,
    room: &v1::Room,
) -> Result<Option<Sequence>, ReadError> {
    let place: Option<i64> = tables
        .prepare_cached("SELECT place FROM member WHERE uid = ?1 AND room = ?2")?
        .query_row(params![uid, room.id], |row| row.get(0))
        .optional()?;
    Ok(place.map(|place| Sequence(place.unsigned_abs())))
}

/// May they rename and archive a room that they are in, and remove others from it? Whoever made it
/// and administrators may. Guests may not, nor may a maker whom somebody has removed since.
///
/// # Errors
/// SQLite failed.
pub fn looks_after(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: &v1::Room,
) -> Result<bool, ReadError> {
    if viewer.is_guest() || !is_in(tables, &viewer.person, room)? {
        return Ok(false);
    }
    if viewer.is_administrator() {
        return Ok(true);
    }
    if room.made_by != viewer.person.uid {
        return Ok(false);
    }
    let was_removed: bool = tables
        .prepare_cached("SELECT maker_removed FROM room WHERE id = ?1")?
        .query_row([&room.id], |row| row.get(0))?;
    Ok(!was_removed)
}

/// The session generation of somebody's account, which their sessions must have. `None`: there is no
/// such person.
///
/// # Errors
/// SQLite failed.
pub fn session_generation(
    tables: &Transaction<'_>,
    uid: &Username,
) -> Result<Option<u64>, ReadError> {
    let generation: Option<i64> = tables
        .prepare_cached("SELECT generation FROM person WHERE uid = ?1")?
        .query_row([uid.as_str()], |row| row.get(0))
        .optional()?;
    Ok(generation.map(i64::unsigned_abs))
}

/// Is this person in the room? Everybody but guests is in the room that natter made. A row without
/// `since` says only that they muted it, and stays when they become a guest.
///
/// # Errors
/// SQLite failed.
pub fn is_in(
    tables: &Transaction<'_>,
    person: &v1::Person,
    room: &v1::Room,
) -> Result<bool, ReadError> {
    if room.is_home() && person.role() != Role::Guest {
        return Ok(true);
    }
    let found: Option<i64> = tables
        .prepare_cached("SELECT 1 FROM member WHERE uid = ?1 AND room = ?2 AND since IS NOT NULL")?
        .query_row(params![person.uid, room.id], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// May they read it?
///
/// # Errors
/// SQLite failed.
pub fn may_read(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: &v1::Room,
) -> Result<bool, ReadError> {
    Ok(may_read_listed(
        viewer,
        room,
        is_in(tables, &viewer.person, room)?,
    ))
}

/// The same where it is known whether they are in it.
pub(super) fn may_read_listed(viewer: &Viewer, room: &v1::Room, is_in: bool) -> bool {
    let is_open = room.kind() == RoomKind::Open;
    (is_open && !viewer.is_guest()) || is_in
}

/// The room with this id or, failing that, this name, if they may read it. One that they may not
/// read looks like one that is not there.
///
/// # Errors
/// SQLite failed.
pub fn visible_room(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    id_or_name: &str,
) -> Result<Option<v1::Room>, ReadError> {
    let room = super::room(tables, id_or_name)?;
    match room {
        Some(room) if may_read(tables, viewer, &room)? => Ok(Some(room)),
        _ => Ok(None),
    }
}

/// The same by id alone, as commands name rooms.
///
/// # Errors
/// SQLite failed.
pub fn visible_room_by_id(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    id: &str,
) -> Result<Option<v1::Room>, ReadError> {
    let room = visible_room(tables, viewer, id)?;
    Ok(room.filter(|room| room.id == id))
}

/// Of these people, those whom they may see: a guest sees who is in a room with them.
///
/// # Errors
/// SQLite failed.
pub fn visible_people(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    uids: impl IntoIterator<Item = String>,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut people = Vec::new();
    for uid in uids {
        people.extend(visible_person(tables, viewer, &uid)?);
    }
    Ok(people)
}

/// Who has this username, if they may see that person.
pub(super) fn visible_person(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    uid: &str,
) -> Result<Option<v1::Person>, ReadError> {
    let Some(person) = super::person(tables, uid)? else {
        return Ok(None);
    };
    let is_seen = !viewer.is_guest()
        || person.uid == viewer.person.uid
        || tables
            .prepare_cached(SHARES_A_ROOM)?
            .exists(params![viewer.person.uid, person.uid])?
        || is_home_shared(tables, viewer, &person)?;
    Ok(is_seen.then_some(person))
}

const SHARES_A_ROOM: &str = "SELECT 1 FROM member AS mine JOIN member AS theirs
    ON mine.room = theirs.room WHERE mine.uid = ?1 AND theirs.uid = ?2
    AND mine.since IS NOT NULL AND theirs.since IS NOT NULL";

/// Is the guest in the room that has no list of everybody else?
fn is_home_shared(
    tables: &Transaction<'_>,
    guest: &Viewer,
    person: &v1::Person,
) -> Result<bool, ReadError> {
    if person.role() == Role::Guest {
        return Ok(false);
    }
    let found: Option<i64> = tables
        .prepare_cached(
            "SELECT 1 FROM member JOIN room ON room.id = member.room
             WHERE member.uid = ?1 AND member.since IS NOT NULL AND room.made_by = ?2",
        )?
        .query_row(
            params![guest.person.uid, Username::natter().as_str()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.is_some())
}

/// Who is in a room, by display name.
///
/// # Errors
/// SQLite failed.
pub fn members(tables: &Transaction<'_>, room: &v1::Room) -> Result<Vec<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        " FROM person WHERE suspended = 0 AND (
                (?2 AND role <> ?3)
                OR uid IN (SELECT uid FROM member WHERE room = ?1 AND since IS NOT NULL))
             ORDER BY lower(display_name), uid",
    ))?;
    let guest: i32 = Role::Guest.into();
    let people = rows.query_map(params![room.id, room.is_home(), guest], super::person_of)?;
    Ok(people.collect::<Result<_, _>>()?)
}

/// What a person's rights hang on. `None`: there is no such person.
///
/// # Errors
/// SQLite failed, or a name in it is none.
pub fn standing(tables: &Transaction<'_>, uid: &Username) -> Result<Option<Standing>, ReadError> {
    let Some(person) = super::people(tables, [uid.to_string()])?.pop() else {
        return Ok(None);
    };
    let role = match person.role() {
        _ if person.suspended => domain::Role::Suspended,
        Role::Administrator => domain::Role::Administrator,
        Role::Member => domain::Role::Member,
        // What a later natter calls something else sees the least.
        Role::Guest | Role::Unspecified => domain::Role::Guest,
    };
    let people = match role {
        domain::Role::Guest => seen_by_guest(tables, uid)?,
        _ => Vec::new(),
    };
    Ok(Some(Standing {
        uid: uid.clone(),
        role,
        closed_rooms: rooms_of(tables, uid, RoomKind::Closed)?,
        open_rooms: rooms_of(tables, uid, RoomKind::Open)?,
        people,
    }))
}

/// The rooms of a kind that somebody is in.
pub(super) fn rooms_of(
    tables: &Transaction<'_>,
    uid: &Username,
    kind: RoomKind,
) -> Result<Vec<RoomId>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT room.id FROM member JOIN room ON room.id = member.room
         WHERE member.uid = ?1 AND member.since IS NOT NULL AND room.kind = ?2 ORDER BY room.id",
    )?;
    let ids = rows.query_map(params![uid.as_str(), i32::from(kind)], text)?;
    ids.map(|id| RoomId::parse(&id?).map_err(|_| ReadError::Corrupt))
        .collect()
}

fn seen_by_guest(tables: &Transaction<'_>, uid: &Username) -> Result<Vec<Username>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT DISTINCT theirs.uid FROM member AS mine JOIN member AS theirs
         ON mine.room = theirs.room WHERE mine.uid = ?1
         AND mine.since IS NOT NULL AND theirs.since IS NOT NULL ORDER BY theirs.uid LIMIT ?2",
    )?;
    let most = i64::try_from(limits::PEOPLE_OF_A_GUEST).unwrap_or(i64::MAX);
    let uids = rows.query_map(params![uid.as_str(), most], text)?;
    uids.map(|uid| Username::parse(&uid?).map_err(|_| ReadError::Corrupt))
        .collect()
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}
