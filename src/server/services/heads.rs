//! `heads`: the rooms that a person may see, and where each one's log ends. It finds what a
//! live feed has missed (design section 5, "Heads").

use super::Services;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{Proto, State};
use crate::wire::v1::{HeadsRequest, HeadsResponse};

pub(super) async fn heads(
    State(services): State<Services>,
    Proto(HeadsRequest {}): Proto<HeadsRequest>,
) -> Result<Proto<HeadsResponse>, Failure> {
    let answer = services.read_model.ask(queries::room_heads).await?;
    Ok(Proto(HeadsResponse {
        through: answer.through.0,
        rooms: answer.value,
    }))
}
