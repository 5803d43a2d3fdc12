//! `mark-read`: how far a person has read. It is kept for them alone, and told to their other
//! clients at once.

use std::collections::BTreeMap;

use prost::Message as _;

use super::Services;
use crate::domain::{RoomId, Sequence, limits, subject};
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::server::store::StoreError;
use crate::wire::v1::{MarkReadRequest, ReadState};

/// Several clients of one person can be at it at once.
const TRIES: u32 = 5;

pub(super) async fn mark_read(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(MarkReadRequest { markers }): Proto<MarkReadRequest>,
) -> Result<Proto<ReadState>, Failure> {
    services.limits.read(&me)?;
    if markers.len() > limits::SYNC_ROOMS {
        return Err(Failure::invalid("Mark at most 200 rooms at once."));
    }
    let mut asked = BTreeMap::<RoomId, Sequence>::new();
    for marker in &markers {
        let furthest = asked.entry(RoomId::parse(&marker.room_id)?).or_default();
        *furthest = Sequence(marker.sequence).max(*furthest);
    }
    for _ in 0..TRIES {
        let (before, revision) = services.store.reads.of(&me).await?;
        let (known, wanted) = (before.clone(), asked.clone());
        let answer = services
            .ask_as(&me, move |tables, viewer| {
                queries::mark_read(tables, viewer, &known, &wanted)
            })
            .await?;
        let (after, rooms) = answer.value;
        if rooms.is_empty() {
            return Err(Failure::no_such_room());
        }
        let state = ReadState {
            through: answer.through.0,
            rooms,
            epoch: answer.epoch.0,
        };
        if after == before {
            return Ok(Proto(state));
        }
        match services.store.reads.keep(&me, &after, revision).await {
            Ok(()) => {
                let signal = state.encode_to_vec().into();
                // A client that does not hear it learns it from the next heads.
                if let Err(error) = services
                    .chat
                    .publish(subject::signal_user(&me), signal)
                    .await
                {
                    tracing::debug!(%error, "a signal was not sent");
                }
                return Ok(Proto(state));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
