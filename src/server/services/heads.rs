//! `heads`: the rooms in a person's sidebar, and where each one's log ends. It finds what a
//! live feed has missed (design section 5, "Heads").

use super::Services;
use crate::domain::limits;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{HeadsRequest, HeadsResponse};

pub(super) async fn heads(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(HeadsRequest { also }): Proto<HeadsRequest>,
) -> Result<Proto<HeadsResponse>, Failure> {
    if also.len() > limits::SYNC_ROOMS {
        return Err(Failure::invalid("Ask for at most 200 other rooms at once."));
    }
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            let rooms = queries::room_heads(tables, viewer, &also)?;
            Ok((rooms, viewer.person.clone()))
        })
        .await?;
    let (rooms, me) = answer.value;
    Ok(Proto(HeadsResponse {
        through: answer.through.0,
        rooms,
        me: Some(me),
        epoch: answer.epoch.0,
    }))
}
