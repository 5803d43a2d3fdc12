//! `history`: a page of a room.

use super::Services;
use crate::domain::Sequence;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{HistoryRequest, HistoryResponse};

pub(super) async fn history(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<HistoryRequest>,
) -> Result<Proto<HistoryResponse>, Failure> {
    let mut budget = services.budget();
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            let Some(room) = queries::visible_room(tables, viewer, &asked.room)? else {
                return Ok(None);
            };
            let before = Sequence(asked.before);
            queries::view(tables, room, before, asked.limit, &mut budget).map(Some)
        })
        .await?;
    let view = answer.value.ok_or_else(Failure::no_such_room)?;
    Ok(Proto(HistoryResponse {
        through: answer.through.0,
        view: Some(view),
        epoch: answer.epoch.0,
    }))
}
