//! What every form goes through before its handler runs: the whole body first, then the session and
//! whose page the form stands on. A handler that asked for the session before the body would act on
//! rights that may be gone by the time the body is there.
//!
//! `routes` wraps every handler that takes a body in a [`Guarded`].

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use tokio::time::timeout;

use super::body::{self, Bounds, CutOff};
use super::counted::TooMany;
use super::signed_in::{NotSignedIn, SignedIn};
use super::typed::Typed;
use super::uploads::Upload;
use super::{AppState, render};
use crate::server::Failure;

/// Of a large body that is refused, this much is listened to: 10 MB at 1.4 Mbit/s. A browser that is
/// cut off while it sends does not show why.
const DROPPED_WITHIN: Duration = Duration::from_secs(60);

/// For an upload to come to its end.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// What a form needs of the session that it comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: the page is for people who are not signed in.
    Nothing,
    /// A session that holds, of the person whose page the form stands on.
    Session,
    /// None, or one of that person: a sign-out of somebody who is signed out already is done.
    NobodyElse,
}

/// A form's handler, with what is looked at before it.
#[derive(Clone)]
pub(super) struct Guarded<H> {
    pub form: H,
    pub needs: Needs,
    pub bounds: Bounds,
    /// Too much to be read into memory for somebody who may turn out to be nobody.
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
            let upload = match is_large {
                true => begin_upload(&parts, &state).await,
                false => Ok(None),
            };
            // Counted for as long as anything holds the body.
            let _upload = match upload {
                Ok(upload) => upload,
                Err(refusal) => {
                    // Read and dropped, so that the browser comes to read the answer.
                    let dropped = Bounds { kept: 0, ..bounds };
                    let dropped = body::whole(body, dropped, state.body_pace);
                    drop(timeout(DROPPED_WITHIN, dropped).await);
                    return *refusal;
                }
            };
            let body = match body::whole(body, bounds, state.body_pace).await {
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
                    let request = Request::from_parts(parts, Body::from(body));
                    form.call(request, state).await
                }
                Err(refusal) => *refusal,
            }
        })
    }
}

/// May this person have natter hold a large body? A first look, which spares the memory; what counts
/// is the one after the body.
async fn begin_upload(parts: &Parts, state: &AppState) -> Result<Option<Upload>, Box<Response>> {
    if let Some(TooMany(failure)) = parts.extensions.get() {
        return Err(Box::new(render::plain(failure)));
    }
    let me = match SignedIn::find(&parts.headers, state).await {
        Ok(me) => me,
        Err(not) => return Err(Box::new(refused(not, &Typed::default()))),
    };
    match state.uploads.begin(&me.uid) {
        Some(upload) => Ok(Some(upload)),
        None => Err(Box::new(render::plain(&Failure::too_many(TRY_AGAIN)))),
    }
}

/// Looks the session up now that the body is here, and gives it to the handler.
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
        Err(not) => return Err(Box::new(refused(not, &typed))),
    };
    match typed.page_of() {
        Some(uid) if uid == me.uid.as_str() => {
            parts.extensions.insert(me);
            Ok(())
        }
        Some(_) => Err(Box::new(render::other_user(&me.display_name, &typed))),
        None => Err(Box::new(render::owner_missing(&typed))),
    }
}

/// To somebody who sends too much: what they typed is kept.
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

/// To somebody without a session: what they typed is kept; where that is nothing they are sent to
/// sign in.
fn refused(not: NotSignedIn, typed: &Typed) -> Response {
    let has_text = typed.texts().next().is_some();
    match not {
        NotSignedIn::Unknown(failure) => render::to_send_again(&failure, typed),
        _ if has_text => render::to_send_again(&render::signed_out(), typed),
        NotSignedIn::Nobody => Redirect::to("/login").into_response(),
        NotSignedIn::Suspended => Redirect::to("/login?why=suspended").into_response(),
    }
}
