//! Rooms and who is in them.

use axum::extract::{Form, Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::{on_to, refused, unknown_act};
use crate::server::services::rooms;
use crate::wire::v1;

#[derive(Deserialize)]
pub(in super::super) struct NewRoomForm {
    name: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    kind: String,
}

pub(in super::super) async fn make(
    State(state): State<AppState>,
    me: SignedIn,
    Form(form): Form<NewRoomForm>,
) -> Response {
    let kind = match form.kind.as_str() {
        "open" | "" => v1::RoomKind::Open,
        "closed" => v1::RoomKind::Closed,
        _ => v1::RoomKind::Unspecified,
    };
    let asked = v1::MakeRoomRequest {
        kind: kind.into(),
        name: form.name,
        topic: form.topic,
    };
    match rooms::make(&state.services, &me.uid, &asked).await {
        Ok(room) => on_to(&format!("/r/{}", room.id)),
        Err(failure) => {
            let typed = v1::FormState {
                room_name: asked.name,
                topic: asked.topic,
                room_kind: asked.kind,
                ..v1::FormState::default()
            };
            refused(&state, &me, "/rooms/new", Shown::Nothing, typed, &failure).await
        }
    }
}

#[derive(Deserialize)]
pub(in super::super) struct PeopleForm {
    #[serde(default)]
    uids: String,
}

impl PeopleForm {
    /// The usernames in it, however they are separated; a leading `@` is left off.
    fn uids(&self) -> Vec<String> {
        let names = self.uids.split([' ', ',', ';', '\n', '\r', '\t']);
        let names = names.map(|name| name.trim_start_matches('@').to_lowercase());
        names.filter(|name| !name.is_empty()).collect()
    }
}

pub(in super::super) async fn talk_to(
    State(state): State<AppState>,
    me: SignedIn,
    Form(form): Form<PeopleForm>,
) -> Response {
    match rooms::talk_to(&state.services, &me.uid, form.uids()).await {
        Ok(room) => on_to(&format!("/r/{}", room.id)),
        Err(failure) => {
            let typed = v1::FormState {
                uids: form.uids,
                ..v1::FormState::default()
            };
            refused(&state, &me, "/people", Shown::People, typed, &failure).await
        }
    }
}

/// What the page of details can do to a room; `of` says which form it was.
#[derive(Deserialize)]
pub(in super::super) struct DetailsForm {
    of: String,
    #[serde(default)]
    uids: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    topic: String,
}

pub(in super::super) async fn change(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    Path(room): Path<String>,
    Form(form): Form<DetailsForm>,
) -> Response {
    let (services, uid) = (&state.services, &me.uid);
    let people = PeopleForm {
        uids: form.uids.clone(),
    };
    let change = v1::ChangeRoomRequest {
        room_id: room.clone(),
        ..v1::ChangeRoomRequest::default()
    };
    let changed = match form.of.as_str() {
        "join" => rooms::join(services, uid, &room).await,
        "leave" => rooms::leave(services, uid, &room).await,
        "decline" => rooms::decline(services, uid, &room).await,
        "mute" => rooms::mute(services, uid, &room, true).await,
        "unmute" => rooms::mute(services, uid, &room, false).await,
        "invite" => rooms::invite(services, uid, &room, people.uids()).await,
        "remove" => rooms::remove(services, uid, &room, &form.uids).await,
        of @ ("archive" | "restore") => {
            let archived = Some(of == "archive");
            let change = v1::ChangeRoomRequest { archived, ..change };
            rooms::change(services, uid, &change).await
        }
        "name" => {
            let name = Some(form.name.clone());
            let change = v1::ChangeRoomRequest { name, ..change };
            rooms::change(services, uid, &change).await
        }
        "topic" => {
            let topic = Some(form.topic.clone());
            let change = v1::ChangeRoomRequest { topic, ..change };
            rooms::change(services, uid, &change).await
        }
        _ => Err(unknown_act()),
    };
    let path = uri.path();
    match changed {
        Ok(_) if form.of == "leave" => on_to("/"),
        Ok(_) if form.of == "decline" => on_to("/rooms"),
        Ok(room) if form.of == "join" => on_to(&format!("/r/{}", room.id)),
        Ok(_) => on_to(path),
        Err(failure) => {
            let typed = v1::FormState {
                of: form.of,
                uids: form.uids,
                room_name: form.name,
                topic: form.topic,
                ..v1::FormState::default()
            };
            refused(&state, &me, path, Shown::Details(&room), typed, &failure).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_read_however_they_are_written() {
        let form = |uids: &str| PeopleForm { uids: uids.into() };
        assert_eq!(form(" @Ada, ben;cleo\r\n").uids(), ["ada", "ben", "cleo"]);
        assert!(form(" , @ ").uids().is_empty());
    }
}
