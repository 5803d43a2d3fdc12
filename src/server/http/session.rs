//! GET /session: what the page asks when the broker refuses it, since a refusal looks the same
//! whether the session is bad or natter is not there yet.

use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::counted::Seen;
use super::signed_in::{NotSignedIn, SignedIn};
use super::{AppState, render};
use crate::domain::Username;

/// Which limit somebody has run into: "connections", as many as one may have, or "requests", cut off
/// for asking too much.
const LIMIT: HeaderName = HeaderName::from_static("natter-limit");

/// Somebody has asked for too much.
pub(super) const REQUESTS: HeaderValue = HeaderValue::from_static("requests");
/// They have as many connections as one may have.
const CONNECTIONS: HeaderValue = HeaderValue::from_static("connections");

/// Names the person who is signed in: a page that was made for another person must not go on.
const USER: HeaderName = HeaderName::from_static("natter-user");

/// Between two tries of a page that finds no room, and of one that finds natter not there yet.
const TRY_AGAIN: Duration = Duration::from_secs(4);

/// 204: the session holds. 401: it does not, and 403: its person is suspended; only these sign the
/// page out. 429: this person may not connect now, and `Natter-Limit` says why. 503: not known yet.
/// `Natter-User` says whose session it is, where there is one.
pub(super) async fn session(
    State(state): State<AppState>,
    seen: Option<Extension<Seen>>,
    headers: HeaderMap,
) -> Response {
    let me = match seen {
        Some(Extension(Seen(me))) => Ok(me),
        None => SignedIn::find(&headers, &state).await,
    };
    let mut response = match me {
        Ok(me) => {
            let mut response = may_connect(&state, &me.uid);
            if let Ok(uid) = HeaderValue::from_str(me.uid.as_str()) {
                response.headers_mut().insert(USER, uid);
            }
            response
        }
        Err(NotSignedIn::Nobody) => StatusCode::UNAUTHORIZED.into_response(),
        Err(NotSignedIn::Suspended) => StatusCode::FORBIDDEN.into_response(),
        Err(NotSignedIn::Unknown(failure)) => {
            let response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            render::with_retry_after(response, failure.retry_after)
        }
    };
    render::must_not_be_kept(&mut response);
    response
}

/// What holds for a person who wants to connect; the tunnel answers the same.
pub(super) fn may_connect(state: &AppState, uid: &Username) -> Response {
    if !state.ready.is_ready() {
        let response = StatusCode::SERVICE_UNAVAILABLE.into_response();
        return render::with_retry_after(response, Some(TRY_AGAIN));
    }
    if let Some(left) = state.limits.cut_off_for(uid) {
        return refused(REQUESTS, left);
    }
    if state.tunnels.is_full(uid) || state.connections.is_full(uid.as_str()) {
        return refused(CONNECTIONS, TRY_AGAIN);
    }
    StatusCode::NO_CONTENT.into_response()
}

fn refused(limit: HeaderValue, wait: Duration) -> Response {
    let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
    name_limit(&mut response, limit);
    render::with_retry_after(response, Some(wait))
}

/// Says which limit it was, for a page that asks before it connects again.
pub(super) fn name_limit(response: &mut Response, limit: HeaderValue) {
    response.headers_mut().insert(LIMIT, limit);
}
