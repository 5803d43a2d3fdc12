//! Who is invited into a room, and whether they can still be brought in without an invitation.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Viewer, is_in, membership_place, viewer};
use crate::domain::{Sequence, Timestamp, Username, limits};
use crate::server::read_model::ReadError;
use crate::wire::v1;

/// How somebody stands to a room that others want to bring them into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// They are in it.
    pub is_in: bool,
    /// The directory's last entry about it; 0 for none.
    pub place: Sequence,
    /// They left it or were removed so often that it is theirs to say whether they come in.
    pub is_needed: bool,
    /// They have a valid invitation.
    pub is_invited: bool,
    /// When they last declined.
    pub declined: Option<Timestamp>,
}

/// How somebody stands to a room.
///
/// # Errors
/// SQLite failed.
pub fn consent(
    tables: &Transaction<'_>,
    person: &v1::Person,
    room: &v1::Room,
) -> Result<Consent, ReadError> {
    let row: Option<(u32, i64, i64)> = tables
        .prepare_cached(
            "SELECT partings, place, declined_ms FROM consent WHERE uid = ?1 AND room = ?2",
        )?
        .query_row(params![person.uid, room.id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let (partings, place, declined_ms) = row.unwrap_or_default();
    let member = membership_place(tables, &person.uid, room)?;
    Ok(Consent {
        is_in: is_in(tables, person, room)?,
        place: member.unwrap_or(Sequence(place.unsigned_abs())),
        is_needed: partings >= limits::PARTINGS_WITHOUT_CONSENT,
        is_invited: invitation(tables, &person.uid, &room.id)?.is_some(),
        declined: (declined_ms > 0).then_some(Timestamp(declined_ms)),
    })
}

/// An invitation into a room, as long as it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// Where to.
    pub room: v1::Room,
    /// Who invites.
    pub by: Viewer,
    /// The entry that says that they are in the room, where there is one.
    pub membership: Option<Sequence>,
    /// The entry that is the invitation.
    pub place: Sequence,
    /// When.
    pub at: Timestamp,
}

impl From<Asking> for v1::RoomInvitation {
    fn from(asking: Asking) -> Self {
        Self {
            room: Some(asking.room),
            by: Some(asking.by.person),
            at_ms: asking.at.0,
        }
    }
}

/// The invitation of somebody into a room. It holds while whoever made it may still make it, and the
/// room is not archived.
///
/// # Errors
/// SQLite failed.
pub fn invitation(
    tables: &Transaction<'_>,
    uid: &str,
    room_id: &str,
) -> Result<Option<Asking>, ReadError> {
    let found: Option<(String, i64, i64)> = tables
        .prepare_cached(
            "SELECT invited_by, place, invited_ms FROM consent
             WHERE uid = ?1 AND room = ?2 AND invited_by IS NOT NULL",
        )?
        .query_row(params![uid, room_id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((by, place, at_ms)) = found else {
        return Ok(None);
    };
    let by = Username::parse(&by).map_err(|_| ReadError::Corrupt)?;
    let room = super::room_by_id(tables, room_id)?.filter(|room| !room.archived);
    let by = viewer(tables, &by)?.filter(|by| !by.is_guest());
    let (Some(room), Some(by)) = (room, by) else {
        return Ok(None);
    };
    if !is_in(tables, &by.person, &room)? {
        return Ok(None);
    }
    Ok(Some(Asking {
        membership: membership_place(tables, &by.person.uid, &room)?,
        room,
        by,
        place: Sequence(place.unsigned_abs()),
        at: Timestamp(at_ms),
    }))
}

/// The rooms that somebody is invited into, the latest invitation first.
///
/// # Errors
/// SQLite failed.
pub fn invitations(
    tables: &Transaction<'_>,
    viewer: &Viewer,
) -> Result<Vec<v1::RoomInvitation>, ReadError> {
    let uid = &viewer.person.uid;
    let mut rows = tables.prepare_cached(
        "SELECT room FROM consent WHERE uid = ?1 AND invited_by IS NOT NULL
         ORDER BY invited_ms DESC, room LIMIT ?2",
    )?;
    let rooms: Vec<String> = rows
        .query_map(params![uid, limits::INVITATIONS_SHOWN], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for room in rooms {
        found.extend(invitation(tables, uid, &room)?.map(Into::into));
    }
    Ok(found)
}

/// The people who are invited into a room, by username.
///
/// # Errors
/// SQLite failed.
pub fn invited_into(
    tables: &Transaction<'_>,
    room: &v1::Room,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT uid FROM consent WHERE room = ?1 AND invited_by IS NOT NULL ORDER BY uid LIMIT ?2",
    )?;
    let uids: Vec<String> = rows
        .query_map(params![room.id, limits::INVITATIONS_SHOWN], |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    let mut invited = Vec::new();
    for uid in uids {
        if invitation(tables, &uid, &room.id)?.is_some() {
            invited.push(uid);
        }
    }
    super::people(tables, invited)
}
