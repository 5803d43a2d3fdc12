//! Signing in at an identity provider. `begin` sends the browser there, `callback` takes it back,
//! `join` asks who is new what they want to be called, and `connect` lets who is signed in sign in
//! there from now on.
//!
//! A GET changes nothing but what this browser is in the middle of: an account is made, and an
//! identity connected, by a form of natter's own, which other sites cannot send. (A form that leads
//! to the provider would be stopped by `form-action 'self'` in browsers that apply it to redirects;
//! so one goes there by a link.)

mod begin;
mod callback;
mod connect;
mod join;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::address::ClientAddress;
use super::forms::refused_outside;
use super::pages::Shown;
use super::signed_in::{NotSignedIn, SignedIn};
use super::{AppState, cookie, forms, onward, render};
use crate::server::Failure;
use crate::server::oidc::Provider;
use crate::server::store::{Pending, PendingToken};
use crate::wire::v1::{self, oidc_record::Step};

pub(super) use begin::begin;
pub(super) use callback::callback;
pub(super) use connect::{connect, disconnect};
pub(super) use join::{join, sign_up};

/// Where the provider sends the browser back to.
const CALLBACK: &str = "/login/oidc/callback";

/// Counts a step of a sign-in there.
fn may_go_on(state: &AppState, address: ClientAddress, headers: &HeaderMap) -> Result<(), Failure> {
    let marks = state.known_browsers.read(headers, &state.site);
    let known = marks.first().map(|mark| mark.account);
    state.limits.sign_in_elsewhere(address.source(), known)
}

fn redirect_of(state: &AppState, headers: &HeaderMap) -> String {
    format!("{}{CALLBACK}", state.site.origin_of(headers))
}

fn provider_of(state: &AppState) -> Result<&Provider, Failure> {
    state.oidc.as_ref().ok_or_else(|| {
        Failure::not_found("There is no identity provider to sign in at. Use your password.")
    })
}

/// To a browser that comes back without having begun, too late, or a second time.
fn not_begun() -> Failure {
    Failure::invalid(
        "This sign-in was begun in another browser, has been used, or took more than ten minutes. Begin again.",
    )
}

/// Sends the browser on with a cookie for what it is in the middle of; `None` takes that away.
fn with_pending(
    mut response: Response,
    state: &AppState,
    token: Option<&PendingToken>,
) -> Response {
    let cookie = match token {
        Some(token) => cookie::set_pending(token, &state.site),
        None => cookie::clear_pending(&state.site),
    };
    let headers = response.headers_mut();
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What this browser is in the middle of.
async fn pending_of(state: &AppState, headers: &HeaderMap) -> Result<Option<Pending>, Failure> {
    match cookie::read_pending(headers, &state.site) {
        Some(token) => Ok(state.store.pending.find(&token).await?),
        None => Ok(None),
    }
}

/// What was proven in this browser, for who is signed in (`uid`) or for nobody yet (empty).
async fn proven(
    state: &AppState,
    headers: &HeaderMap,
    uid: &str,
) -> Result<Option<(Pending, v1::OidcProven)>, Failure> {
    let pending = pending_of(state, headers).await?;
    Ok(
        pending.and_then(|mut pending| match pending.record.step.take() {
            Some(Step::Proven(proven)) if pending.record.uid == uid => Some((pending, proven)),
            _ => None,
        }),
    )
}

/// Who the provider said that somebody who is signed in is, which they have yet to confirm.
pub(super) async fn proven_for(
    state: &AppState,
    headers: &HeaderMap,
    me: &SignedIn,
) -> Result<Option<(Pending, v1::OidcProven)>, Failure> {
    proven(state, headers, me.uid.as_str()).await
}

/// The page that says why it came to nothing, with the form for signing in by password.
async fn refused(
    state: &AppState,
    path: &str,
    headers: &HeaderMap,
    next: &str,
    failure: &Failure,
) -> Response {
    let nothing = v1::FormState {
        next: onward::own(next),
        ..v1::FormState::default()
    };
    match SignedIn::find(headers, state).await {
        Ok(me) => forms::refused(state, &me, path, Shown::Nothing, nothing, failure).await,
        Err(NotSignedIn::Nobody | NotSignedIn::Suspended) => {
            refused_outside(state, path, nothing, None, failure).await
        }
        Err(NotSignedIn::Unknown(failure)) => render::plain(&failure),
    }
}
