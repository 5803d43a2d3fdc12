//! POST: the forms. They work with scripts off: done, and the browser is sent on (303); refused,
//! and the page comes back with what was typed and why (422).

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::pages::{Shown, outside, respond};
use super::render::status_of;
use super::signed_in::{NotSignedIn, SignedIn};
use super::{AppState, cookie, render};
use crate::domain::{DisplayName, Password, RoomName, Topic, Username, limits};
use crate::server::config::Signup;
use crate::server::services;
use crate::server::store::{NewPerson, SessionToken};
use crate::server::{Failure, passwords};
use crate::wire::v1;

#[derive(Deserialize)]
pub(super) struct SignUpForm {
    username: String,
    display_name: String,
    password: String,
    #[serde(default)]
    setup_token: String,
}

pub(super) async fn sign_up(
    State(state): State<AppState>,
    Form(form): Form<SignUpForm>,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        display_name: form.display_name.clone(),
        ..v1::FormState::default()
    };
    match join(&state, form).await {
        Ok(uid) => begin_session(&state, &uid, "/signup", typed).await,
        Err(failure) => refused_outside(&state, "/signup", typed, &failure).await,
    }
}

async fn join(state: &AppState, form: SignUpForm) -> Result<Username, Failure> {
    let founded = state.store.directory().is_founded().await?;
    if founded && state.signup == Signup::Closed {
        return Err(Failure::forbidden(
            "Making an account is closed here. Ask an administrator.",
        ));
    }
    if let (false, Some(token)) = (founded, &state.setup_token)
        && *form.setup_token.trim() != **token
    {
        return Err(Failure::forbidden(
            "The set-up token is not the one that natter printed when it started.",
        ));
    }
    let uid = Username::parse(form.username.trim())?;
    let shown_as = Some(form.display_name.trim())
        .filter(|name| !name.is_empty())
        .unwrap_or(uid.as_str());
    let display_name = DisplayName::parse(shown_as)?;
    let password = Password::parse(form.password)?;
    if state.store.directory().person(&uid).await?.is_some() {
        return Err(Failure::conflict(
            "This username is taken. Choose another one.",
        ));
    }
    let hash = passwords::hash(password).await.map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Failure::unavailable()
    })?;
    let credential = SessionToken::generate()
        .map_err(|_| Failure::unavailable())?
        .hash();
    state.store.credentials.put(&credential, hash).await?;
    let new = NewPerson {
        uid: uid.clone(),
        display_name,
        credential: credential.clone(),
    };
    match state.store.directory().join(&new).await {
        Ok(_) => Ok(uid),
        Err(error) => {
            let failure = Failure::from(error);
            // On any other failure the entry may be there after all, and needs its hash.
            if failure.kind == v1::FailureKind::Conflict {
                state.store.credentials.forget(&credential).await?;
            }
            Err(failure)
        }
    }
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    username: String,
    password: String,
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    Form(form): Form<SignInForm>,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        ..v1::FormState::default()
    };
    match recognise(&state, form).await {
        Ok(uid) => begin_session(&state, &uid, "/login", typed).await,
        Err(failure) => refused_outside(&state, "/login", typed, &failure).await,
    }
}

async fn recognise(state: &AppState, form: SignInForm) -> Result<Username, Failure> {
    let wrong = || Failure::invalid("Wrong username or password. Check both and try again.");
    let uid = Username::parse(form.username.trim()).map_err(|_| wrong())?;
    let password = Password::parse(form.password).map_err(|_| wrong())?;
    let hash = match state.store.directory().person(&uid).await? {
        Some(joined) => state.store.credentials.get(&joined.credential).await?,
        None => None,
    };
    match passwords::verify(password, hash).await {
        Ok(true) => Ok(uid),
        Ok(false) => Err(wrong()),
        Err(error) => {
            tracing::error!(%error, "a password could not be checked");
            Err(Failure::unavailable())
        }
    }
}

async fn begin_session(
    state: &AppState,
    uid: &Username,
    path: &str,
    typed: v1::FormState,
) -> Response {
    let begun = state
        .store
        .sessions
        .begin(Some(uid), limits::SESSION_LIFE)
        .await;
    match begun {
        Ok(token) => {
            let mut response = Redirect::to("/").into_response();
            if let Some(cookie) = cookie::set(&token, &state.site) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => refused_outside(state, path, typed, &error.into()).await,
    }
}

async fn refused_outside(
    state: &AppState,
    path: &str,
    typed: v1::FormState,
    failure: &Failure,
) -> Response {
    let form = v1::FormState {
        error: failure.reason.clone(),
        ..typed
    };
    outside(state, path, refusal(failure), Some(form)).await
}

/// A form that breaks a rule, whichever, comes back as 422.
fn refusal(failure: &Failure) -> StatusCode {
    match status_of(failure) {
        StatusCode::CONFLICT => StatusCode::UNPROCESSABLE_ENTITY,
        status => status,
    }
}

pub(super) async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Response {
    // Who is signed out already wants nothing else.
    if let Some(token) = cookie::read(&headers, &state.site)
        && let Err(error) = state.sign_out.end(&token).await
    {
        return render::plain(&error.into());
    }
    let mut response = Redirect::to("/login").into_response();
    if let Some(cookie) = cookie::clear(&state.site) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
pub(super) struct NewRoomForm {
    name: String,
    #[serde(default)]
    topic: String,
}

pub(super) async fn make_room(
    State(state): State<AppState>,
    me: SignedIn,
    Form(form): Form<NewRoomForm>,
) -> Response {
    let made = async {
        let name = RoomName::parse(&form.name)?;
        let topic = Topic::parse(&form.topic)?;
        let directory = state.store.directory();
        Ok::<_, Failure>(directory.make_open_room(&me.uid, &name, &topic).await?)
    };
    match made.await {
        Ok(room) => Redirect::to(&format!("/r/{}", room.id)).into_response(),
        Err(failure) => {
            let refused = v1::FormState {
                error: failure.reason.clone(),
                room_name: form.name,
                topic: form.topic,
                ..v1::FormState::default()
            };
            let refused = Some((refusal(&failure), refused));
            respond(&state, "/rooms/new", &me, Shown::Nothing, refused).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MessageForm {
    ulid: String,
    text: String,
}

pub(super) async fn post_message(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(room): Path<String>,
    Form(form): Form<MessageForm>,
) -> Response {
    let me = match SignedIn::find(&headers, &state).await {
        Ok(me) => me,
        Err(NotSignedIn::Nobody) => {
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
    let posted =
        services::post_message(&state.store, &state.read_model, me.uid.clone(), &asked).await;
    match posted {
        Ok(_) => Redirect::to(&path).into_response(),
        Err(failure) if failure.kind == v1::FailureKind::Unavailable => {
            render::plain_with_message(&failure, &asked.ulid, &asked.text)
        }
        Err(failure) => {
            let refused = v1::FormState {
                error: failure.reason.clone(),
                text: asked.text,
                ..v1::FormState::default()
            };
            let refused = Some((refusal(&failure), refused));
            respond(&state, &path, &me, Shown::Room(&room), refused).await
        }
    }
}
