//! `sync`: what happened since, room by room, complete up to a sequence.

use super::Services;
use crate::domain::{Key, Sequence, limits};
use crate::server::Failure;
use crate::server::read_model::{ReadError, queries};
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{Position, RoomSync, SyncRequest, SyncResponse};
use crate::wire::{Malformed, key_of};

pub(super) async fn sync(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<SyncRequest>,
) -> Result<Proto<SyncResponse>, Failure> {
    if asked.positions.len() > limits::SYNC_ROOMS {
        return Err(Failure::invalid("Sync at most 200 rooms at once."));
    }
    let positions = asked
        .positions
        .into_iter()
        .map(|position| {
            let key = position.key.as_ref().map(key_of).transpose()?;
            Ok((position, key))
        })
        .collect::<Result<Vec<_>, Malformed>>()?;
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            let room = |(position, key): (Position, Option<Key>)| {
                if queries::visible_room_by_id(tables, viewer, &position.room_id)?.is_none() {
                    return Ok(RoomSync {
                        room_id: position.room_id,
                        gone: true,
                        ..RoomSync::default()
                    });
                }
                let after = Sequence(position.sequence);
                let events = queries::since(tables, &position.room_id, after, key.as_ref())?;
                Ok::<_, ReadError>(RoomSync {
                    room_id: position.room_id,
                    reset: events.is_none(),
                    events: events.unwrap_or_default(),
                    gone: false,
                })
            };
            positions
                .into_iter()
                .map(room)
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(Proto(SyncResponse {
        through: answer.through.0,
        rooms: answer.value,
        epoch: answer.epoch.0,
    }))
}
