//! POST: the forms. They work with scripts off: done, and the browser is sent on (303); refused,
//! and the page comes back with what was typed and why (422).
//!
//! `account` signs up, in and out, `joining` has what all ways of signing up share; `message`
//! posts; `picture` is one's picture; `rooms`, `settings` and `admin` are those of the pages of
//! these names. `check` is where a password is checked, whichever form it is in.

pub(super) mod account;
pub(super) mod admin;
mod check;
pub(super) mod joining;
pub(super) mod message;
pub(super) mod picture;
pub(super) mod rooms;
pub(super) mod settings;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::counted::Entered;
use super::pages::{Outside, Shown, outside, respond};
use super::render::{status_of, with_retry_after};
use super::signed_in::SignedIn;
use super::{AppState, cookie};
use crate::domain::{Password, Username, limits};
use crate::server::Failure;
use crate::server::source::Asker;
use crate::server::store::{Origin, SessionToken};
use crate::wire::v1;

/// Done: the browser goes on to `path`, which is one of natter's own.
pub(super) fn on_to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Begins a session of somebody whose account had this session generation when they showed who they are,
/// and goes on to `path` with it. The session that the browser had, if any, ends: a session that somebody else put
/// there is never signed in.
pub(super) async fn begin_session(
    state: &AppState,
    uid: &Username,
    generation: u64,
    before: Option<&SessionToken>,
    from: Origin,
    path: &str,
) -> Result<Response, Failure> {
    state.limits.session(uid)?;
    let token = fresh_session(state, uid, generation, from).await?;
    if let Some(before) = before {
        state.sign_out.end(&before.id()).await?;
    }
    Ok(with_session(on_to(path), state, &token, (uid, generation)))
}

/// Begins a session of this generation.
pub(super) async fn fresh_session(
    state: &AppState,
    uid: &Username,
    generation: u64,
    from: Origin,
) -> Result<SessionToken, Failure> {
    let who = Some((uid, generation));
    let sessions = &state.store.sessions;
    Ok(sessions.begin(who, limits::SESSION_LIFE, from).await?)
}

/// Gives the browser a session, of this person and generation, and has it known at the account.
pub(super) fn with_session(
    mut response: Response,
    state: &AppState,
    token: &SessionToken,
    (uid, generation): (&Username, u64),
) -> Response {
    response.extensions_mut().insert(Entered {
        uid: uid.clone(),
        generation,
        session: token.id(),
    });
    if let Some(cookie) = cookie::set(token, &state.site) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A form that natter's pages do not have: nothing is done.
fn unknown_act() -> Failure {
    Failure::invalid("Natter does not know what to do. Reload the page and try again.")
}

/// The key of a new password's hash.
async fn keep_password(
    state: &AppState,
    asker: &Asker,
    text: String,
    about: &[&str],
) -> Result<String, Failure> {
    let (passwords, password) = (&state.passwords, Password::parse(text)?);
    let password = passwords.not_easily_guessed(asker, password, about).await?;
    let hash = passwords.hash(asker, password).await?;
    Ok(state.store.credentials.add(hash).await?)
}

pub(super) async fn refused_outside(
    state: &AppState,
    path: &str,
    typed: v1::FormState,
    invited: Option<v1::InvitationView>,
    failure: &Failure,
) -> Response {
    let form = v1::FormState {
        error: failure.reason.clone(),
        ..typed
    };
    let shown = Outside {
        form: Some(form),
        invited,
        ..Outside::default()
    };
    let response = outside(state, path, refusal(failure), shown).await;
    with_retry_after(response, failure.retry_after)
}

/// The page that a form of somebody who is signed in stands on, with what was typed and why it was
/// refused.
pub(super) async fn refused(
    state: &AppState,
    me: &SignedIn,
    path: &str,
    shown: Shown<'_>,
    typed: v1::FormState,
    failure: &Failure,
) -> Response {
    let form = v1::FormState {
        error: failure.reason.clone(),
        ..typed
    };
    let response = respond(state, path, me, shown, Some((refusal(failure), form))).await;
    with_retry_after(response, failure.retry_after)
}

/// A form that breaks a rule, whichever, comes back as 422.
pub(super) fn refusal(failure: &Failure) -> StatusCode {
    match status_of(failure) {
        StatusCode::CONFLICT => StatusCode::UNPROCESSABLE_ENTITY,
        status => status,
    }
}
