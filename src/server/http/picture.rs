//! GET /pictures/<name>: what somebody looks like.

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::AppState;
use super::counted::Seen;
use super::signed_in::{NotSignedIn, SignedIn};
use crate::server::Failure;
use crate::server::http::render;
use crate::server::store::PictureName;

/// A name never comes to mean another picture, so a browser need not ask again. It is for those
/// who are signed in, and for no cache between.
const CACHING: &str = "private, max-age=31536000, immutable";

/// To who is signed in. Names cannot be guessed: who may see a person learns theirs.
pub(super) async fn picture(
    State(state): State<AppState>,
    seen: Option<Extension<Seen>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    let me = match seen {
        Some(Extension(Seen(me))) => Ok(me),
        None => SignedIn::find(&headers, &state).await,
    };
    match me {
        Ok(_) => {}
        Err(NotSignedIn::Nobody) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(NotSignedIn::Suspended) => return StatusCode::FORBIDDEN.into_response(),
        Err(NotSignedIn::Unknown(failure)) => return no_answer(&failure),
    }
    let Some(name) = PictureName::parse(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match state.store.pictures.get(&name).await {
        Ok(Some(picture)) => {
            let headers = [
                (header::CONTENT_TYPE, "image/jpeg"),
                (header::CACHE_CONTROL, CACHING),
                (
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; sandbox",
                ),
            ];
            (headers, picture).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => no_answer(&error.into()),
    }
}

fn no_answer(failure: &Failure) -> Response {
    let response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    render::with_retry_after(response, failure.retry_after)
}
