//! GET /session: what the page asks when the broker refuses it, since a refusal looks the same
//! whether the session is bad or natter is not there yet.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::AppState;
use super::signed_in::{NotSignedIn, SignedIn};

/// 204: the session holds. 401: it does not, and 403: its person is suspended; only these sign the
/// page out. 429: this person has as many connections as one may have, or has asked too much. 503:
/// not known yet.
pub(super) async fn session(State(state): State<AppState>, headers: HeaderMap) -> StatusCode {
    match SignedIn::find(&headers, &state).await {
        Ok(me) if state.tunnels.is_full(&me.uid) || state.limits.is_cut_off(&me.uid) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Ok(_) if !state.ready.is_ready() => StatusCode::SERVICE_UNAVAILABLE,
        Ok(_) => StatusCode::NO_CONTENT,
        Err(NotSignedIn::Nobody) => StatusCode::UNAUTHORIZED,
        Err(NotSignedIn::Suspended) => StatusCode::FORBIDDEN,
        Err(NotSignedIn::Unknown(_)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
