//! `people`: who these are.

use super::Services;
use crate::domain::limits;
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{PeopleRequest, PeopleResponse};

pub(super) async fn people(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<PeopleRequest>,
) -> Result<Proto<PeopleResponse>, Failure> {
    if asked.uids.len() > limits::PEOPLE_ASKED {
        return Err(Failure::invalid("Ask for at most 200 people at once."));
    }
    let uids = asked.uids.into_iter().collect();
    let mut budget = services.budget();
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            queries::people_part(tables, viewer, &uids, &asked.after, &mut budget)
        })
        .await?;
    Ok(Proto(PeopleResponse {
        people: answer.value.items,
        more: answer.value.more,
    }))
}
