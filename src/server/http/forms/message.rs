//! A message, with scripts off.

use axum::extract::{Form, Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::super::typed::Typed;
use super::super::{AppState, render};
use super::{on_to, refused};
use crate::app::PAGE_OF;
use crate::server::services;
use crate::wire::v1;

#[derive(Deserialize)]
pub(in super::super) struct MessageForm {
    ulid: String,
    text: String,
}

pub(in super::super) async fn post(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    Path(room): Path<String>,
    Form(form): Form<MessageForm>,
) -> Response {
    let asked = v1::PostRequest {
        room_id: room.clone(),
        ulid: form.ulid,
        text: form.text,
    };
    let path = uri.path();
    match services::post_message(&state.services, me.uid.clone(), &asked).await {
        Ok(_) => on_to(path),
        // Where no page of the room can be had, the text stands in a small form.
        Err(failure)
            if matches!(
                failure.kind,
                v1::FailureKind::Unavailable | v1::FailureKind::NotFound
            ) =>
        {
            let typed = Typed::of([
                (PAGE_OF, me.uid.as_str()),
                ("ulid", &asked.ulid),
                ("text", &asked.text),
            ]);
            render::to_send_again(&failure, &typed)
        }
        Err(failure) => {
            let typed = v1::FormState {
                text: asked.text,
                ..v1::FormState::default()
            };
            refused(&state, &me, path, Shown::Room(&room), typed, &failure).await
        }
    }
}
