//! The commands about rooms as they come over NATS. What they do is in [`rooms`], which the forms use
//! too.

use super::{Services, rooms};
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::wire::v1::{self, Room, RoomResponse};

fn answer(room: Room) -> Proto<RoomResponse> {
    Proto(RoomResponse { room: Some(room) })
}

pub(super) async fn make(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::MakeRoomRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    rooms::make(&services, &me, &asked).await.map(answer)
}

pub(super) async fn talk_to(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::TalkToRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    rooms::talk_to(&services, &me, asked.uids).await.map(answer)
}

pub(super) async fn join(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::JoinRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    rooms::join(&services, &me, &asked.room_id)
        .await
        .map(answer)
}

pub(super) async fn leave(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::LeaveRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    rooms::leave(&services, &me, &asked.room_id)
        .await
        .map(answer)
}

pub(super) async fn invite(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::InviteRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    let invited = rooms::invite(&services, &me, &asked.room_id, asked.uids).await;
    invited.map(answer)
}

pub(super) async fn remove(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::RemoveRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    let removed = rooms::remove(&services, &me, &asked.room_id, &asked.uid).await;
    removed.map(answer)
}

pub(super) async fn mute(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::MuteRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    let muted = rooms::mute(&services, &me, &asked.room_id, asked.muted).await;
    muted.map(answer)
}

pub(super) async fn change(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::ChangeRoomRequest>,
) -> Result<Proto<RoomResponse>, Failure> {
    rooms::change(&services, &me, &asked).await.map(answer)
}

pub(super) async fn browse(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(v1::BrowseRequest { after }): Proto<v1::BrowseRequest>,
) -> Result<Proto<v1::BrowseResponse>, Failure> {
    let mut budget = services.budget();
    let answer = services
        .ask_as(&me, move |tables, viewer| {
            // Invitations are few, and come with the first part.
            let invitations = match after.is_empty() {
                true => queries::invitations(tables, viewer)?,
                false => Vec::new(),
            };
            for invitation in &invitations {
                budget.reserve(invitation);
            }
            let part = queries::browse(tables, viewer, &after, &mut budget)?;
            Ok((part, invitations))
        })
        .await?;
    let (part, invitations) = answer.value;
    Ok(Proto(v1::BrowseResponse {
        through: answer.through.0,
        rooms: part.items,
        more: part.more,
        invitations,
    }))
}

pub(super) async fn members(
    State(services): State<Services>,
    CurrentUser(me): CurrentUser,
    Proto(asked): Proto<v1::MembersRequest>,
) -> Result<Proto<v1::MembersResponse>, Failure> {
    let mut budget = services.budget();
    let found = services
        .ask_as(&me, move |tables, viewer| {
            let Some(room) = queries::visible_room(tables, viewer, &asked.room)? else {
                return Ok(None);
            };
            budget.reserve(&room);
            let members = queries::members_part(tables, &room, &asked.after, &mut budget)?;
            Ok(Some(v1::MembersResponse {
                room: Some(room),
                members: members.items,
                more: members.more,
            }))
        })
        .await?;
    found.value.map(Proto).ok_or_else(Failure::no_such_room)
}
