//! `heads`: the rooms in a person's sidebar, and where each one's log ends, and how much of
//! it they have not read. It finds what a live feed has missed (design section 5, "Heads").

use super::Services;
use crate::domain::limits;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{HeadsRequest, HeadsResponse};

pub(super) async fn heads(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(HeadsRequest { also, after }): Proto<HeadsRequest>,
) -> Result<Proto<HeadsResponse>, Failure> {
    if also.len() > limits::SYNC_ROOMS {
        return Err(Failure::invalid("Ask for at most 200 other rooms at once."));
    }
    let (markers, _) = services.store.reads.of(&me).await?;
    let mut budget = services.budget();
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            budget.reserve(&viewer.person);
            let rooms = queries::room_heads(tables, viewer, &markers, &also, &after, &mut budget)?;
            Ok((rooms, viewer.person.clone()))
        })
        .await?;
    let (rooms, me) = answer.value;
    Ok(Proto(HeadsResponse {
        through: answer.through.0,
        rooms: rooms.items,
        me: Some(me),
        more: rooms.more,
        epoch: answer.epoch.0,
    }))
}
