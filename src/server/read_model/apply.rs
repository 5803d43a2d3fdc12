//! What one entry of LOG changes in the tables.

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::ReadError;
use crate::domain::{DisplayName, Place, Sequence, looked_up, name_keys};
use crate::server::store::Epoch;
use crate::wire::v1::{self, MembershipChange, RoomKind, event::Body};

/// Applies an entry. Something that natter did not write, or a later natter did, changes nothing:
/// the log goes on.
pub(super) fn apply(
    tables: &Transaction<'_>,
    subject: &str,
    sequence: Sequence,
    payload: &[u8],
) -> Result<(), ReadError> {
    match v1::Event::decode(payload) {
        Ok(event) => match Place::of_subject(subject) {
            Some(place) => apply_to_room(tables, &place, sequence, &event, payload)?,
            None if subject.starts_with("natter.log.dir.") => {
                apply_to_directory(tables, sequence, &event, payload)?;
            }
            None => {}
        },
        Err(error) => tracing::warn!(%error, sequence = sequence.0, "an entry cannot be read"),
    }
    Ok(())
}

fn apply_to_room(
    tables: &Transaction<'_>,
    place: &Place,
    sequence: Sequence,
    event: &v1::Event,
    payload: &[u8],
) -> Result<(), ReadError> {
    let room = match place {
        Place::Open(room) | Place::Closed(room) => Some(room.to_string()),
        Place::Direct(pair) => tables
            .prepare_cached("SELECT id FROM room WHERE pair = ?1")?
            .query_row([pair.to_string()], |row| row.get(0))
            .optional()?,
    };
    match room {
        Some(room) => add_entry(tables, &room, sequence, event, payload),
        None => Ok(()),
    }
}

fn apply_to_directory(
    tables: &Transaction<'_>,
    sequence: Sequence,
    event: &v1::Event,
    payload: &[u8],
) -> Result<(), ReadError> {
    match &event.body {
        Some(Body::PersonJoined(v1::PersonJoined {
            person: Some(person),
            ..
        })) => set_person(tables, sequence, event.at_ms, person, 0)?,
        Some(Body::PersonChanged(v1::PersonChanged {
            person: Some(person),
            session_generation,
            ..
        })) => set_person(tables, sequence, event.at_ms, person, *session_generation)?,
        Some(
            Body::RoomMade(v1::RoomMade { room: Some(room) })
            | Body::RoomChanged(v1::RoomChanged {
                room: Some(room), ..
            }),
        ) => set_room(tables, sequence, room)?,
        Some(Body::MembershipChanged(changed)) => {
            change_membership(tables, sequence, event, changed)?;
        }
        Some(Body::AdministratorActed(_)) => {
            tables.execute(
                "INSERT OR IGNORE INTO audit (sequence, event) VALUES (?1, ?2)",
                params![signed(sequence), payload],
            )?;
        }
        Some(Body::LogRestored(_)) => {
            let epoch = i64::try_from(Epoch::begun_by(event).unwrap_or_default().0);
            tables.execute(
                "UPDATE meta SET epoch = ?1, epoch_place = ?2 WHERE epoch < ?1",
                params![epoch.unwrap_or_default(), signed(sequence)],
            )?;
        }
        _ => {}
    }
    Ok(())
}

fn set_person(
    tables: &Transaction<'_>,
    sequence: Sequence,
    at_ms: i64,
    person: &v1::Person,
    session_generation: u64,
) -> Result<(), ReadError> {
    let before: Option<(i32, bool)> = tables
        .prepare_cached("SELECT role, suspended FROM person WHERE uid = ?1")?
        .query_row([&person.uid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let name = DisplayName::of_log(&person.display_name, &person.uid);
    tables
        .prepare_cached("DELETE FROM person_key WHERE uid = ?1")?
        .execute([&person.uid])?;
    for key in name_keys(name.as_str()) {
        tables
            .prepare_cached("INSERT INTO person_key (key, uid) VALUES (?1, ?2)")?
            .execute(params![key, person.uid])?;
    }
    tables.execute(
        "INSERT INTO person
            (uid, display_name, role, suspended, about, time_zone, picture, since, place, generation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?10)
         ON CONFLICT (uid) DO UPDATE SET display_name = ?2, role = ?3, suspended = ?4,
            about = ?5, time_zone = ?6, picture = ?7, place = ?8, generation = ?10,
            since = CASE WHEN role = ?9 AND ?3 <> ?9 THEN ?8 ELSE since END",
        params![
            person.uid,
            name.as_str(),
            person.role,
            person.suspended,
            person.about,
            person.time_zone,
            person.picture,
            signed(sequence),
            // A guest who becomes a member comes into the room of everybody then.
            i32::from(v1::Role::Guest),
            i64::try_from(session_generation).unwrap_or(i64::MAX),
        ],
    )?;
    // Whatever changed of it: a connection that is made anew has the rights of now.
    if before.is_some_and(|before| before != (person.role, person.suspended)) {
        cut(tables, sequence, at_ms, &person.uid, 0)?;
    }
    Ok(())
}

fn set_room(
    tables: &Transaction<'_>,
    sequence: Sequence,
    room: &v1::Room,
) -> Result<(), ReadError> {
    let folded = (!room.name.is_empty()).then(|| looked_up(&room.name));
    let pair = (room.kind() == RoomKind::Direct).then(|| room.pair.join("."));
    tables.execute(
        "INSERT INTO room (id, name, folded, kind, topic, archived, pair, made_by, maker_removed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)
         ON CONFLICT (id) DO UPDATE SET name = ?2, folded = ?3, topic = ?5, archived = ?6",
        params![
            room.id,
            room.name,
            folded,
            room.kind,
            room.topic,
            room.archived,
            pair,
            room.made_by
        ],
    )?;
    tables
        .prepare_cached("DELETE FROM room_key WHERE room = ?1")?
        .execute([&room.id])?;
    for key in name_keys(&room.name).iter().filter(|key| !key.is_empty()) {
        tables
            .prepare_cached("INSERT INTO room_key (key, room) VALUES (?1, ?2)")?
            .execute(params![key, room.id])?;
    }
    for uid in &room.pair {
        tables.execute(
            "INSERT OR IGNORE INTO member (uid, room, muted, since, place) VALUES (?1, ?2, 0, ?3, ?3)",
            params![uid, room.id, signed(sequence)],
        )?;
    }
    Ok(())
}

fn change_membership(
    tables: &Transaction<'_>,
    sequence: Sequence,
    event: &v1::Event,
    changed: &v1::MembershipChanged,
) -> Result<(), ReadError> {
    let Some(room) = &changed.room else {
        return Ok(());
    };
    let change = changed.change();
    match change {
        MembershipChange::Muted | MembershipChange::Unmuted => {
            let muted = change == MembershipChange::Muted;
            let place = signed(sequence);
            if room.is_home() {
                tables.execute(
                    "INSERT OR IGNORE INTO member (uid, room, muted, place) VALUES (?1, ?2, ?3, ?4)",
                    params![changed.uid, room.id, muted, place],
                )?;
            }
            // Whoever is not in a room has nothing to mute: it brings nobody in.
            tables.execute(
                "UPDATE member SET muted = ?3, place = ?4 WHERE uid = ?1 AND room = ?2",
                params![changed.uid, room.id, muted, place],
            )?;
        }
        MembershipChange::Joined | MembershipChange::Added => {
            tables.execute(
                "INSERT INTO member (uid, room, muted, since, place) VALUES (?1, ?2, 0, ?3, ?3)
                 ON CONFLICT (uid, room) DO UPDATE
                 SET muted = 0, since = coalesce(since, ?3), place = ?3",
                params![changed.uid, room.id, signed(sequence)],
            )?;
            tables.execute(
                "UPDATE consent SET invited_by = NULL WHERE uid = ?1 AND room = ?2",
                params![changed.uid, room.id],
            )?;
        }
        MembershipChange::Left | MembershipChange::Removed => {
            let came: Option<Option<i64>> = tables
                .prepare_cached("DELETE FROM member WHERE uid = ?1 AND room = ?2 RETURNING since")?
                .query_row(params![changed.uid, room.id], |row| row.get(0))
                .optional()?;
            if change == MembershipChange::Removed {
                tables.execute(
                    "UPDATE room SET maker_removed = 1 WHERE id = ?1 AND made_by = ?2",
                    params![room.id, changed.uid],
                )?;
            }
            // Who has a right of its own to the room loses it. Connections that were judged before they
            // came in never had it.
            if room.kind() == RoomKind::Closed || is_guest(tables, &changed.uid)? {
                let came = came.flatten().unwrap_or_default();
                cut(tables, sequence, event.at_ms, &changed.uid, came)?;
            }
            set_consent(tables, sequence, event, changed)?;
        }
        MembershipChange::Invited | MembershipChange::Declined => {
            set_consent(tables, sequence, event, changed)?;
        }
        MembershipChange::Unspecified => {}
    }
    Ok(())
}

/// Notes how somebody who is not in a room stands to it now.
fn set_consent(
    tables: &Transaction<'_>,
    sequence: Sequence,
    event: &v1::Event,
    changed: &v1::MembershipChanged,
) -> Result<(), ReadError> {
    let change = changed.change();
    let by = event.key.as_ref().map(|key| key.uid.as_str());
    let at_ms = |is_it: bool| if is_it { event.at_ms } else { 0 };
    let is_invited = change == MembershipChange::Invited;
    let room = changed.room.as_ref().map(|room| room.id.as_str());
    tables.execute(
        "INSERT INTO consent (uid, room, partings, place, invited_by, invited_ms, declined_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (uid, room) DO UPDATE SET partings = partings + ?3, place = ?4,
            invited_by = ?5, invited_ms = ?6, declined_ms = max(declined_ms, ?7)",
        params![
            changed.uid,
            room,
            matches!(change, MembershipChange::Left | MembershipChange::Removed),
            signed(sequence),
            by.filter(|_| is_invited),
            at_ms(is_invited),
            at_ms(change == MembershipChange::Declined),
        ],
    )?;
    Ok(())
}

fn is_guest(tables: &Transaction<'_>, uid: &str) -> Result<bool, ReadError> {
    let role: Option<i32> = tables
        .prepare_cached("SELECT role FROM person WHERE uid = ?1")?
        .query_row([uid], |row| row.get(0))
        .optional()?;
    Ok(role == Some(v1::Role::Guest.into()))
}

fn cut(
    tables: &Transaction<'_>,
    sequence: Sequence,
    at_ms: i64,
    uid: &str,
    came: i64,
) -> Result<(), ReadError> {
    tables.execute(
        "INSERT OR IGNORE INTO cut (sequence, uid, came, at_ms) VALUES (?1, ?2, ?3, ?4)",
        params![signed(sequence), uid, came, at_ms],
    )?;
    Ok(())
}

fn add_entry(
    tables: &Transaction<'_>,
    room: &str,
    sequence: Sequence,
    event: &v1::Event,
    payload: &[u8],
) -> Result<(), ReadError> {
    let key = event.key.clone().unwrap_or_default();
    let previous: Option<i64> = tables
        .prepare_cached("SELECT max(sequence) FROM entry WHERE room = ?1")?
        .query_row([room], |row| row.get(0))?;
    let known: Option<i64> = tables
        .prepare_cached("SELECT 1 FROM entry WHERE uid = ?1 AND ulid = ?2 AND counts = 1")?
        .query_row([&key.uid, &key.ulid], |row| row.get(0))
        .optional()?;
    tables
        .prepare_cached(
            "INSERT OR IGNORE INTO entry (sequence, room, previous, uid, ulid, counts, is_message, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            signed(sequence),
            room,
            previous.unwrap_or_default(),
            key.uid,
            key.ulid,
            known.is_none(),
            matches!(event.body, Some(Body::MessagePosted(_))),
            payload,
        ])?;
    Ok(())
}

/// SQLite's integers have a sign; a stream does not reach 2^63 entries.
pub(super) fn signed(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}
