//! `sync`: what happened since, room by room, complete up to a sequence or as far as one answer
//! goes.

use std::collections::BTreeMap;

use rusqlite::Transaction;

use super::Services;
use crate::domain::{Key, RoomId, Sequence, limits};
use crate::server::read_model::ReadError;
use crate::server::read_model::queries::{self, Viewer};
use crate::server::router::{CurrentUser, Proto, State};
use crate::server::{Budget, Failure};
use crate::wire::key_of;
use crate::wire::v1::{Position, RoomSync, SyncRequest, SyncResponse};

pub(super) async fn sync(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<SyncRequest>,
) -> Result<Proto<SyncResponse>, Failure> {
    if asked.positions.len() > limits::SYNC_ROOMS {
        return Err(Failure::invalid("Sync at most 200 rooms at once."));
    }
    let positions = earliest(asked.positions)?;
    let mut budget = services.budget();
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            for (room, ..) in &positions {
                // However little fits, each room is named.
                budget.reserve(&unread_part(room));
            }
            let parts = positions.iter().map(|(room, after, key)| {
                part(tables, viewer, room, *after, key.as_ref(), &mut budget)
            });
            parts.collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(Proto(SyncResponse {
        through: answer.through.0,
        rooms: answer.value,
        epoch: answer.epoch.0,
    }))
}

/// A position for each room, in the order in which they were first named. What was asked for twice is
/// answered once, from the earlier position: that holds what both asked for.
fn earliest(positions: Vec<Position>) -> Result<Vec<(RoomId, Sequence, Option<Key>)>, Failure> {
    let mut places = BTreeMap::new();
    let mut merged: Vec<(RoomId, Sequence, Option<Key>)> = Vec::new();
    for position in positions {
        let room = RoomId::parse(&position.room_id)?;
        let after = Sequence(position.sequence);
        let key = position.key.as_ref().map(key_of).transpose()?;
        let place = *places.entry(room.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some((_, known, known_key)) if after < *known => (*known, *known_key) = (after, key),
            Some(_) => {}
            None => merged.push((room, after, key)),
        }
    }
    Ok(merged)
}

/// A room of which nothing was read.
fn unread_part(room: &RoomId) -> RoomSync {
    RoomSync {
        room_id: room.to_string(),
        more: true,
        ..RoomSync::default()
    }
}

fn part(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: &RoomId,
    after: Sequence,
    key: Option<&Key>,
    budget: &mut Budget,
) -> Result<RoomSync, ReadError> {
    if queries::visible_room_by_id(tables, viewer, room.as_str())?.is_none() {
        return Ok(RoomSync {
            room_id: room.to_string(),
            gone: true,
            ..RoomSync::default()
        });
    }
    queries::since(tables, room.as_str(), after, key, budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_named_twice_is_answered_once_from_the_earlier_position() {
        let position = |room: &str, sequence| Position {
            room_id: room.into(),
            sequence,
            key: None,
        };
        let asked = vec![
            position("b", 7),
            position("a", 3),
            position("b", 4),
            position("b", 9),
        ];
        let merged = earliest(asked).unwrap();
        let merged: Vec<_> = merged
            .iter()
            .map(|(room, at, _)| (room.as_str(), at.0))
            .collect();
        assert_eq!(merged, [("b", 4), ("a", 3)]);
        assert!(earliest(vec![position("no room", 0)]).is_err());
    }
}
