//! A message, with scripts off.

use axum::extract::{Form, Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::super::typed::Typed;
use super::super::{AppState, render};
use super::{on_to, refused};
use crate::app::PAGE_OF;
use crate::domain::Ulid;
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
        ulid: key_of(&form),
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
                ("ulid", &form.ulid),
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

/// The ULID of a message: of the page and of the text. A form that is sent twice is one message; a browser
/// that went back to the page and sends another text from it sends another message.
fn key_of(form: &MessageForm) -> String {
    let Ok(of_page) = Ulid::parse(&form.ulid) else {
        return form.ulid.clone();
    };
    let digest = Sha256::new()
        .chain_update(&form.ulid)
        .chain_update(&form.text)
        .finalize();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    of_page.with_random(random).to_string()
}
