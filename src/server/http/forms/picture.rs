//! One's own picture.

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{Extension, State};
use axum::response::Response;

use super::super::body::CutOff;
use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::super::{AppState, render};
use super::{on_to, refused};
use crate::domain::limits;
use crate::server::Failure;
use crate::server::store::{PersonChange, PictureName};
use crate::wire::v1;

/// The form's page, which shows the account.
const PATH: &str = "/settings/picture";

/// Takes a picture, or takes it away: `of` says which form it was, and stands first in it.
pub(in super::super) async fn picture(
    State(state): State<AppState>,
    me: SignedIn,
    cut_off: Option<Extension<CutOff>>,
    mut form: Multipart,
) -> Response {
    let changed = match cut_off {
        Some(_) => state
            .limits
            .picture(&me.uid)
            .and_then(|()| Err(too_large())),
        None => change(&state, &me, &mut form).await,
    };
    match changed {
        Ok(()) => on_to("/settings/account?done"),
        Err(failure) => {
            if let Err(gone) = me.still(&state).await {
                return render::plain(&gone);
            }
            let typed = v1::FormState {
                of: "picture".into(),
                ..v1::FormState::default()
            };
            refused(&state, &me, PATH, Shown::Account(""), typed, &failure).await
        }
    }
}

async fn change(state: &AppState, me: &SignedIn, form: &mut Multipart) -> Result<(), Failure> {
    state.limits.picture(&me.uid)?;
    let mut is_removal = false;
    let mut file = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| not_whole())? {
        match field.name() {
            Some("of") => is_removal = read(field, 16).await? == b"remove",
            Some("picture") => file = read(field, limits::PICTURE_BYTES).await?,
            _ => {}
        }
    }
    let after = if is_removal {
        None
    } else if file.is_empty() {
        return Err(Failure::invalid("Choose a picture first."));
    } else {
        let square = state.pictures.square(&me.uid, file).await?;
        let name = PictureName::of(&me.uid, &square);
        me.still(state).await?;
        state.store.pictures.put(&name, &square).await?;
        Some(name)
    };
    let directory = state.store.directory();
    let change = PersonChange::Picture(after.clone());
    let changed = directory.change_person(me.permit(), &me.uid, &change);
    let before = PictureName::parse(&changed.await?.before.person.picture);
    if let Some(before) = before.filter(|before| Some(before) != after.as_ref()) {
        // The person has another one already: what is left over is nobody's business.
        if let Err(error) = state.store.pictures.delete(&before).await {
            tracing::warn!(%error, "a picture that nobody has any more is still there");
        }
    }
    Ok(())
}

/// A field of the form, of at most so many bytes. What is longer is read to its end and dropped.
async fn read(mut field: Field<'_>, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut is_too_long = false;
    while let Some(chunk) = field.chunk().await.map_err(|_| not_whole())? {
        is_too_long |= bytes.len() + chunk.len() > most;
        if is_too_long {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    if is_too_long {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> Failure {
    Failure::invalid("This file is too large: a picture has at most 10 MB.")
}

fn not_whole() -> Failure {
    Failure::invalid("The picture did not arrive as a whole. Try again with a smaller one.")
}
