//! What rooms there are, and what they are called.
//!
//! A name is taken by entries of the directory, one for each of its keys (`name_keys`), so that of two rooms
//! whose names could be taken for each other one alone is made, whoever races. Rooms of older natters have
//! the first key alone: whoever names a room asks the read model as well, which knows all keys of all rooms.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use super::members::came;
use super::{Directory, DirectoryError, FREE, Guard, TRIES, corrupt, entry, fresh_ulid};
use crate::domain::{Pair, RoomId, RoomName, Sequence, Topic, Username, name_keys, subject};
use crate::server::store::{Entry, Expect, StoreError};
use crate::wire::place_of;
use crate::wire::v1::{self, MembershipChange, RoomChange, event::Body};

/// What is to become of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEdit {
    /// Another name.
    Name(RoomName),
    /// Another topic.
    Topic(Topic),
    /// Ended, or opened again.
    Archived(bool),
}

impl RoomEdit {
    fn apply(&self, room: &mut v1::Room) -> RoomChange {
        match self {
            Self::Name(name) => {
                room.name = name.to_string();
                RoomChange::Renamed
            }
            Self::Topic(topic) => {
                room.topic = topic.to_string();
                RoomChange::Topic
            }
            Self::Archived(archived) => {
                room.archived = *archived;
                if *archived {
                    RoomChange::Archived
                } else {
                    RoomChange::Restored
                }
            }
        }
    }
}

impl Directory<'_> {
    /// A room, read from the leader.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn room(&self, id: &RoomId) -> Result<Option<v1::Room>, StoreError> {
        Ok(self.room_with_place(id).await?.1)
    }

    async fn room_with_place(
        &self,
        id: &RoomId,
    ) -> Result<(Sequence, Option<v1::Room>), StoreError> {
        let (place, event) = self.log.last_with_place(&subject::log_room(id)).await?;
        let room = match event.and_then(|event| event.body) {
            Some(
                Body::RoomMade(v1::RoomMade { room })
                | Body::RoomChanged(v1::RoomChanged { room, .. }),
            ) => room,
            _ => None,
        };
        Ok((place, room))
    }

    /// Makes an open or closed room with its name (a group has none) and its first members, the
    /// maker among them. The room that natter itself makes is everybody's, and has no list.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when a room has taken this name or one like it, and
    /// [`DirectoryError::Outdated`] when the guard does not hold.
    pub async fn make_room(
        &self,
        by: &Username,
        kind: v1::RoomKind,
        name: Option<&RoomName>,
        topic: &Topic,
        with: &[Username],
        guard: Option<&Guard>,
    ) -> Result<v1::Room, DirectoryError> {
        let id = fresh_room_id()?;
        let room = v1::Room {
            id: id.to_string(),
            name: name.map(ToString::to_string).unwrap_or_default(),
            kind: kind.into(),
            topic: topic.to_string(),
            made_by: by.to_string(),
            ..v1::Room::default()
        };
        let feed = place_of(&room)
            .map_err(|_| StoreError::Corrupt("a fresh room"))?
            .log();
        let mut entries = Vec::new();
        if let Some(name) = name {
            entries.extend(self.take_name(by, &tokens_of(name.as_str()), &id).await?);
        }
        entries.extend(made(by, &id, &room)?);
        if *by != Username::natter() {
            // The room's own log says who made it; that they are in it goes without saying.
            let mut joined = came(by, by, &room, MembershipChange::Joined, Sequence(0))?;
            joined.retain(|entry| entry.subject != feed);
            entries.extend(joined);
        }
        for uid in with.iter().filter(|uid| *uid != by) {
            entries.extend(came(by, uid, &room, MembershipChange::Added, Sequence(0))?);
        }
        let guards = guard.map(std::slice::from_ref).unwrap_or_default();
        match self.append_guarded(entries, guards).await {
            Ok(_) => Ok(room),
            Err(DirectoryError::Store(StoreError::Conflict)) => Err(DirectoryError::Taken),
            Err(error) => Err(error),
        }
    }

    /// The room of two people for their direct messages; it is made when there is none.
    ///
    /// # Errors
    /// [`DirectoryError::Outdated`] when the guard does not hold, or the broker did not acknowledge it.
    pub async fn direct_room(
        &self,
        by: &Username,
        pair: &Pair,
        guard: &Guard,
    ) -> Result<v1::Room, DirectoryError> {
        for _ in 0..TRIES {
            let subject = subject::log_direct(pair);
            let event = self.log.last_of(&subject).await?;
            if let Some(Body::DirectMade(made)) = event.and_then(|event| event.body) {
                let id = RoomId::parse(&made.room_id).map_err(corrupt)?;
                let room = self.room(&id).await?;
                return room.ok_or(DirectoryError::Missing("room"));
            }
            let id = fresh_room_id()?;
            let room = v1::Room {
                id: id.to_string(),
                kind: v1::RoomKind::Direct.into(),
                pair: pair.both().map(ToString::to_string).into(),
                made_by: by.to_string(),
                ..v1::Room::default()
            };
            let taken = Body::DirectMade(v1::DirectMade {
                room_id: id.to_string(),
            });
            let mut entries = vec![entry(by, subject, taken, FREE)?];
            entries.extend(made(by, &id, &room)?);
            match self
                .append_guarded(entries, std::slice::from_ref(guard))
                .await
            {
                Ok(_) => return Ok(room),
                // The other one was first.
                Err(DirectoryError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Changes a room while the guards hold, and tells it in the room's log. An archived room is only
    /// opened again.
    ///
    /// # Errors
    /// [`DirectoryError::Missing`], [`DirectoryError::Taken`] when another room has the name,
    /// [`DirectoryError::Outdated`] when a guard does not hold, or [`DirectoryError::Moved`] when the
    /// room was archived meanwhile.
    pub async fn change_room(
        &self,
        by: &Username,
        id: &RoomId,
        edit: &RoomEdit,
        guards: &[Guard],
    ) -> Result<v1::Room, DirectoryError> {
        for _ in 0..TRIES {
            let (place, before) = self.room_with_place(id).await?;
            let before = before.ok_or(DirectoryError::Missing("room"))?;
            let mut after = before.clone();
            let change = edit.apply(&mut after);
            if after == before {
                return Ok(after);
            }
            if before.archived && after.archived {
                return Err(DirectoryError::Moved);
            }
            let body = Body::RoomChanged(v1::RoomChanged {
                room: Some(after.clone()),
                change: change.into(),
            });
            let feed = place_of(&after).map_err(|_| StoreError::Corrupt("a room"))?;
            let mut entries = vec![
                entry(by, subject::log_room(id), body.clone(), Expect::Last(place))?,
                entry(by, feed.log(), body, Expect::Any)?,
            ];
            if let RoomEdit::Name(name) = edit {
                let (old, new) = (tokens_of(&before.name), tokens_of(name.as_str()));
                entries.extend(self.take_name(by, &new, id).await?);
                let left = old.difference(&new).cloned().collect();
                entries.extend(self.free_name(by, &left, id).await?);
            }
            match self.append_guarded(entries, guards).await {
                Ok(_) => return Ok(after),
                Err(DirectoryError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The entries that take a name, if it can be had: those that the room does not have already.
    async fn take_name(
        &self,
        by: &Username,
        tokens: &BTreeSet<String>,
        id: &RoomId,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let mut entries = Vec::new();
        for token in tokens {
            let (place, holder) = self.holder_of(token).await?;
            match holder {
                Some(holder) if holder == id.as_str() => {}
                Some(_) => return Err(DirectoryError::Taken),
                None => {
                    let room_id = id.to_string();
                    let taken = Body::RoomNameTaken(v1::RoomNameTaken { room_id });
                    let subject = subject::log_room_name(token);
                    entries.push(entry(by, subject, taken, Expect::Last(place))?);
                }
            }
        }
        Ok(entries)
    }

    /// The entries that give a name back, as far as the room has it.
    async fn free_name(
        &self,
        by: &Username,
        tokens: &BTreeSet<String>,
        id: &RoomId,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let mut entries = Vec::new();
        for token in tokens {
            let (place, holder) = self.holder_of(token).await?;
            if holder.is_some_and(|holder| holder == id.as_str()) {
                let room_id = id.to_string();
                let freed = Body::RoomNameFreed(v1::RoomNameFreed { room_id });
                let subject = subject::log_room_name(token);
                entries.push(entry(by, subject, freed, Expect::Last(place))?);
            }
        }
        Ok(entries)
    }

    /// The room that has taken this token of a name, and the entry that says so.
    async fn holder_of(&self, token: &str) -> Result<(Sequence, Option<String>), StoreError> {
        let subject = subject::log_room_name(token);
        let (place, event) = self.log.last_with_place(&subject).await?;
        let holder = match event.and_then(|event| event.body) {
            Some(Body::RoomNameTaken(taken)) => Some(taken.room_id),
            _ => None,
        };
        Ok((place, holder))
    }
}

/// The entries that every new room has: in the directory, and the first one of its own log.
fn made(by: &Username, id: &RoomId, room: &v1::Room) -> Result<[Entry; 2], StoreError> {
    let place = place_of(room).map_err(|_| StoreError::Corrupt("a fresh room"))?;
    let (made, opened) = (Some(room.clone()), Some(room.clone()));
    Ok([
        entry(
            by,
            subject::log_room(id),
            Body::RoomMade(v1::RoomMade { room: made }),
            FREE,
        )?,
        entry(
            by,
            place.log(),
            Body::RoomOpened(v1::RoomOpened { room: opened }),
            FREE,
        )?,
    ])
}

fn fresh_room_id() -> Result<RoomId, StoreError> {
    RoomId::parse(&fresh_ulid()?.to_string()).map_err(corrupt)
}

/// The tokens of subjects that stand for a name: one for each of its keys.
fn tokens_of(name: &str) -> BTreeSet<String> {
    let keys = name_keys(name).into_iter().filter(|key| !key.is_empty());
    keys.map(|key| BASE64URL_NOPAD.encode(&Sha256::digest(key)[..16]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_taken_for_each_other_share_a_token() {
        let are_alike = |one, other| !tokens_of(one).is_disjoint(&tokens_of(other));
        assert!(are_alike("Launch", "launch"));
        assert!(!are_alike("launch", "launch-2"));
        for token in tokens_of("Ünïcode room") {
            assert!(RoomId::parse(&token).is_ok(), "one token of a subject");
        }
        // As an older natter took it.
        let older = BASE64URL_NOPAD.encode(&Sha256::digest("ünïcode room")[..16]);
        assert!(tokens_of("Ünïcode room").contains(&older));
        assert!(tokens_of("").is_empty(), "a group has no name");
    }
}
