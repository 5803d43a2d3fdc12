//! A message, with scripts off.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::super::pages::Shown;
use super::super::signed_in::{NotSignedIn, SignedIn};
use super::super::{AppState, render};
use super::{on_to, refused};
use crate::server::{Failure, services};
use crate::wire::v1;

#[derive(Deserialize)]
pub(in super::super) struct MessageForm {
    ulid: String,
    text: String,
}

pub(in super::super) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(room): Path<String>,
    Form(form): Form<MessageForm>,
) -> Response {
    let me = match SignedIn::find(&headers, &state).await {
        Ok(me) => me,
        Err(NotSignedIn::Nobody | NotSignedIn::Suspended) => {
            let over = Failure::forbidden(
                "You are signed out. Your message is kept here: sign in in another tab, then send it again.",
            );
            return render::plain_with_message(&over, &form.ulid, &form.text);
        }
        Err(NotSignedIn::Unknown(failure)) => {
            return render::plain_with_message(&failure, &form.ulid, &form.text);
        }
    };
    let asked = v1::PostRequest {
        room_id: room.clone(),
        ulid: form.ulid,
        text: form.text,
    };
    let path = format!("/r/{room}");
    match services::post_message(&state.services, me.uid.clone(), &asked).await {
        Ok(_) => on_to(&path),
        // Where no page of the room can be had, the text stands in a small form.
        Err(failure)
            if matches!(
                failure.kind,
                v1::FailureKind::Unavailable | v1::FailureKind::NotFound
            ) =>
        {
            render::plain_with_message(&failure, &asked.ulid, &asked.text)
        }
        Err(failure) => {
            let typed = v1::FormState {
                text: asked.text,
                ..v1::FormState::default()
            };
            refused(&state, &me, &path, Shown::Room(&room), typed, &failure).await
        }
    }
}
