//! GET: the pages. Each gathers what it shows in one transaction of the read model, behind the
//! barrier, and hands it to the app to render.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::provide_context;

use super::signed_in::{NotSignedIn, SignedIn};
use super::{AppState, render};
use crate::app::EchoBackend;
use crate::domain::{Sequence, Ulid, Username};
use crate::server::config::Signup;
use crate::server::read_model::{ReadError, queries};
use crate::server::{Failure, clock};
use crate::wire::v1;

/// Where people land: the room that always exists.
const HOME_ROOM: &str = "general";

/// What a page shows beside the sidebar.
pub(super) enum Shown<'a> {
    /// A room, by id or name.
    Room(&'a str),
    /// Something that needs no more than the sidebar.
    Nothing,
}

pub(super) async fn home(State(state): State<AppState>, me: SignedIn) -> Response {
    respond(&state, "/", &me, Shown::Room(HOME_ROOM), None).await
}

pub(super) async fn room(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    Path(room): Path<String>,
) -> Response {
    respond(&state, uri.path(), &me, Shown::Room(&room), None).await
}

pub(super) async fn new_room(State(state): State<AppState>, me: SignedIn) -> Response {
    respond(&state, "/rooms/new", &me, Shown::Nothing, None).await
}

pub(super) async fn settings(State(state): State<AppState>, me: SignedIn, uri: Uri) -> Response {
    respond(&state, uri.path(), &me, Shown::Nothing, None).await
}

pub(super) async fn sign_in(State(state): State<AppState>, headers: HeaderMap) -> Response {
    signing(&state, "/login", &headers).await
}

pub(super) async fn sign_up(State(state): State<AppState>, headers: HeaderMap) -> Response {
    signing(&state, "/signup", &headers).await
}

/// Who is signed in already has no use for these pages.
async fn signing(state: &AppState, path: &str, headers: &HeaderMap) -> Response {
    match SignedIn::find(headers, state).await {
        Ok(_) => Redirect::to("/").into_response(),
        Err(NotSignedIn::Nobody) => outside(state, path, StatusCode::OK, None).await,
        Err(NotSignedIn::Unknown(failure)) => render::plain(&failure),
    }
}

/// An address that is nothing's.
pub(super) async fn not_found(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    match SignedIn::find(&headers, &state).await {
        Ok(me) => match gather(&state, &me.uid, Shown::Nothing).await {
            Ok(page) => render::page(&state, uri.path(), StatusCode::NOT_FOUND, page).await,
            Err(failure) => render::plain(&failure),
        },
        Err(_) => (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response(),
    }
}

/// Leptos' server functions.
pub(super) async fn server_function(
    State(state): State<AppState>,
    me: SignedIn,
    request: axum::http::Request<Body>,
) -> Response {
    let backend = EchoBackend {
        uid: me.uid,
        nats: state.chat,
    };
    leptos_axum::handle_server_fns_with_context(move || provide_context(backend.clone()), request)
        .await
        .into_response()
}

/// A page for somebody who is signed in. With a form's state it says why the form was refused.
pub(super) async fn respond(
    state: &AppState,
    path: &str,
    me: &SignedIn,
    shown: Shown<'_>,
    refused: Option<(StatusCode, v1::FormState)>,
) -> Response {
    let mut page = match gather(state, &me.uid, shown).await {
        Ok(page) => page,
        Err(failure) => return render::plain(&failure),
    };
    let mut status = if page.missing_room.is_some() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    if let Some((refusal, form)) = refused {
        status = refusal;
        page.form = Some(form);
    }
    render::page(state, path, status, page).await
}

/// A page for somebody who is not signed in.
pub(super) async fn outside(
    state: &AppState,
    path: &str,
    status: StatusCode,
    form: Option<v1::FormState>,
) -> Response {
    let founded = match state.store.directory().is_founded().await {
        Ok(founded) => founded,
        // What was typed is worth more than whether this is the first account.
        Err(_) if form.is_some() => true,
        Err(error) => return render::plain(&error.into()),
    };
    let page = v1::Page {
        form,
        first_run: !founded,
        signup_open: !founded || state.signup == Signup::Open,
        setup_token_needed: !founded && state.setup_token.is_some(),
        ..v1::Page::default()
    };
    render::page(state, path, status, page).await
}

async fn gather(state: &AppState, uid: &Username, shown: Shown<'_>) -> Result<v1::Page, Failure> {
    let uid = uid.to_string();
    let room = match shown {
        Shown::Room(room) => Some(room.to_owned()),
        Shown::Nothing => None,
    };
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| Failure::unavailable())?;
    let now = u64::try_from(clock::now().0).unwrap_or_default();
    let answer = state
        .read_model
        .ask(move |tables| {
            let view = match &room {
                Some(wanted) => queries::room(tables, wanted)?
                    .map(|room| queries::view(tables, room, Sequence(0), 0))
                    .transpose()?,
                None => None,
            };
            let missing_room = room.filter(|_| view.is_none());
            Ok::<_, ReadError>(v1::Page {
                me: queries::people(tables, [uid])?.pop(),
                rooms: queries::room_heads(tables)?,
                view,
                missing_room,
                ..v1::Page::default()
            })
        })
        .await?;
    Ok(v1::Page {
        as_of: answer.through.0,
        form_ulid: Ulid::new(now, random).to_string(),
        ..answer.value
    })
}
