//! The checks of every form before its handler runs: first the whole body is read, then the session and the
//! person of the page are checked. A handler that looked up the session before the body would act on
//! rights that may be gone by the time the body has arrived.
//!
//! `routes` wraps every handler that takes a body in a [`Guarded`].

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::time::timeout;

use super::bodies::Held;
use super::body::{self, Bounds, CutOff};
use super::counted::{CountedAs, TooMany};
use super::signed_in::{NotSignedIn, SignedIn};
use super::typed::Typed;
use super::{AppState, onward, render};
use crate::server::Failure;

/// How long a large body that is refused is still read: 10 MB at 1.4 Mbit/s. A browser whose
/// connection closes while it sends does not show the answer.
const DROPPED_WITHIN: Duration = Duration::from_secs(60);

/// The retry delay when too many uploads of one person are under way.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// The session that a form needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: the page is for people who are not signed in.
    Nothing,
    /// A valid session of the person that the page was made for.
    Session,
    /// None, or one of that person: a sign-out without a session succeeds.
    NobodyElse,
}

/// A form's handler with the checks before it.
#[derive(Clone)]
pub(super) struct Guarded<H> {
    pub form: H,
    pub needs: Needs,
    pub bounds: Bounds,
    /// Is the body too large to be read into memory before a session was found?
    pub is_large: bool,
}

impl<H: Handler<T, AppState>, T: 'static> Handler<T, AppState> for Guarded<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: AppState) -> Self::Future {
        Box::pin(async move {
            let Self {
                form,
                needs,
                bounds,
                is_large,
            } = self;
            let (mut parts, body) = request.into_parts();
            let asker = parts.extensions.get::<CountedAs>().cloned();
            let upload = match is_large {
                true => begin_upload(&parts, &state).await,
                false => Ok(None),
            };
            let upload = match upload {
                Ok(upload) => upload,
                Err(refusal) => {
                    // Read and dropped, so that the browser goes on to read the answer.
                    let dropped = Bounds { kept: 0, ..bounds };
                    let dropped = body::whole(body, dropped, state.body_pace, || Some(()));
                    drop(timeout(DROPPED_WITHIN, dropped).await);
                    return *refusal;
                }
            };
            let more = || match upload {
                Some(upload) => Some(upload),
                None => state.bodies.begin_form(asker?.0),
            };
            // It counts for as long as anything holds the body.
            let (body, _held) = match body::whole(body, bounds, state.body_pace, more).await {
                Ok(body) => body,
                Err(error) => return render::incomplete(error),
            };
            if body.is_cut_off {
                parts.extensions.insert(CutOff);
            }
            let body = body.bytes;
            let admitted = match needs {
                _ if parts.extensions.get::<TooMany>().is_some() => too_many(&parts, &body).await,
                Needs::Nothing => Ok(()),
                needs => admit(needs, &mut parts, &body, &state).await,
            };
            match admitted {
                Ok(()) => {
                    let me = parts.extensions.get::<SignedIn>();
                    let uid = me.map(|me| me.uid.clone());
                    let pages = state.pages_of_one.clone();
                    let request = Request::from_parts(parts, Body::from(body));
                    let answer = form.call(request, state);
                    pages.answer(uid.as_ref(), answer).await
                }
                Err(refusal) => *refusal,
            }
        })
    }
}

/// May natter read a large body for this request? This first check spares memory; the check after the body
/// decides.
async fn begin_upload(parts: &Parts, state: &AppState) -> Result<Option<Held>, Box<Response>> {
    if let Some(TooMany(failure)) = parts.extensions.get() {
        return Err(Box::new(render::plain(failure)));
    }
    let me = match SignedIn::find(&parts.headers, state).await {
        Ok(me) => me,
        Err(not) => return Err(Box::new(refused(not, &Typed::default(), parts))),
    };
    match state.bodies.begin_upload(&me.uid) {
        Some(upload) => Ok(Some(upload)),
        None => Err(Box::new(render::plain(&Failure::too_many(TRY_AGAIN)))),
    }
}

/// Looks up the session after the body has arrived, and gives it to the handler.
async fn admit(
    needs: Needs,
    parts: &mut Parts,
    body: &Bytes,
    state: &AppState,
) -> Result<(), Box<Response>> {
    let typed = Typed::read(parts, body).await;
    let me = match SignedIn::of_request(parts, state).await {
        Ok(me) => me,
        Err(NotSignedIn::Nobody | NotSignedIn::Suspended) if needs == Needs::NobodyElse => {
            return Ok(());
        }
        Err(not) => return Err(Box::new(refused(not, &typed, parts))),
    };
    match typed.page_of() {
        Some(uid) if uid == me.uid.as_str() => {
            parts.extensions.insert(me);
            Ok(())
        }
        Some(_) => Err(Box::new(render::other_user(me.uid.as_str(), &typed))),
        None => Err(Box::new(render::owner_missing(&typed))),
    }
}

/// The answer to a form past the limit. It keeps the typed text.
async fn too_many(parts: &Parts, body: &Bytes) -> Result<(), Box<Response>> {
    let Some(TooMany(failure)) = parts.extensions.get() else {
        return Ok(());
    };
    let typed = Typed::read(parts, body).await;
    Err(Box::new(match typed.texts().next() {
        Some(_) => render::to_send_again(failure, &typed),
        None => render::plain(failure),
    }))
}

/// The answer to a form without a session. It keeps the typed text; without one it redirects to the
/// sign-in.
fn refused(not: NotSignedIn, typed: &Typed, parts: &Parts) -> Response {
    let has_text = typed.texts().next().is_some();
    match not {
        NotSignedIn::Unknown(failure) => render::to_send_again(&failure, typed),
        _ if has_text => render::to_send_again(&render::signed_out(), typed),
        NotSignedIn::Nobody => onward::to_sign_in("/login", &parts.method, &parts.uri),
        NotSignedIn::Suspended => {
            onward::to_sign_in("/login?why=suspended", &parts.method, &parts.uri)
        }
    }
}
