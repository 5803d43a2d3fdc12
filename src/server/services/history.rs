//! `history`: a page of a room.

use super::Services;
use crate::domain::Sequence;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{Proto, State};
use crate::wire::v1::{HistoryRequest, HistoryResponse};

pub(super) async fn history(
    State(services): State<Services>,
    Proto(asked): Proto<HistoryRequest>,
) -> Result<Proto<HistoryResponse>, Failure> {
    let answer = services
        .read_model
        .ask(move |tables| {
            let Some(room) = queries::room(tables, &asked.room)? else {
                return Ok(None);
            };
            queries::view(tables, room, Sequence(asked.before), asked.limit).map(Some)
        })
        .await?;
    let view = answer
        .value
        .ok_or_else(|| Failure::not_found("There is no such room."))?;
    Ok(Proto(HistoryResponse {
        through: answer.through.0,
        view: Some(view),
    }))
}
