//! Counts every request before anything is done for it: by person where it has a session that holds,
//! else by address. The one place where natter knows both; `router` puts it around all addresses of the
//! table, and not around the site's files.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::known::Mark;
use super::signed_in::SignedIn;
use super::{AppState, address, cookie, render, session};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::limits::Wanted;

/// In the extensions of a GET: whose session it has. What is sent looks again when its body is there.
#[derive(Debug, Clone)]
pub(super) struct Seen(pub SignedIn);

/// In the extensions of a request with a body: it is one too many. It is refused when its body has been
/// read, so that what somebody typed is given back (`guarded`).
#[derive(Debug, Clone)]
pub(super) struct TooMany(pub Failure);

/// In the extensions of an answer: a session of this person and generation has begun with it.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub uid: Username,
    pub generation: u64,
}

pub(super) async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let marks = state.known_browsers.read(&parts.headers, &state.site);
    // Apart, so that what all requests go through stays small on the stack.
    let me = match Box::pin(whose(&parts, &marks, &state)).await {
        Ok(me) => me,
        Err(wait) if is_read => return too_many(wait),
        Err(wait) => {
            parts.extensions.insert(TooMany(Failure::too_many(wait)));
            None
        }
    };
    if let Some(me) = me.clone().filter(|_| is_read) {
        parts.extensions.insert(Seen(me));
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let begun = response.extensions_mut().remove::<Entered>();
    let entered = begun.or_else(|| {
        // One that began before natter made browsers known.
        me.filter(|_| is_page(&response)).map(|me| Entered {
            uid: me.uid,
            generation: me.session.generation,
        })
    });
    if let Some(entered) = entered {
        make_known(&mut response, &entered, &marks, &state);
    }
    response
}

/// Whose session it is; `None`: nobody's. An error says when there may be another request.
async fn whose(
    parts: &Parts,
    marks: &[Mark],
    state: &AppState,
) -> Result<Option<SignedIn>, Duration> {
    let (limits, headers) = (&state.limits, &parts.headers);
    let source = address::source(parts, state);
    let wanted = wanted(parts.uri.path());
    let known = marks.first().map(|mark| mark.account);
    let by_address = || limits.http_of_source(wanted, source, known).map(|()| None);
    let claimed = cookie::read(headers, &state.site).and_then(|token| token.claimed());
    let Some(claimed) = claimed.filter(|_| wanted != Wanted::Health) else {
        return by_address();
    };
    limits.http_look_up(wanted, &claimed, source, known)?;
    match SignedIn::find(headers, state).await {
        Ok(me) => limits.http_of_person(wanted, &me.uid).map(|()| Some(me)),
        Err(_) => by_address(),
    }
}

fn wanted(path: &str) -> Wanted {
    match path {
        "/health" => Wanted::Health,
        path if path.starts_with("/pictures/") => Wanted::Picture,
        _ => Wanted::Page,
    }
}

fn too_many(wait: Duration) -> Response {
    let mut response = render::plain(&Failure::too_many(wait));
    session::name_limit(&mut response, session::REQUESTS);
    response
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    response.status().is_success() && kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// A browser that somebody is signed in with is known at their account from now on.
fn make_known(response: &mut Response, entered: &Entered, marks: &[Mark], state: &AppState) {
    let (known, Entered { uid, generation }) = (&state.known_browsers, entered);
    if known.find(marks, uid, *generation).is_some() {
        return;
    }
    match known.add(marks, uid, *generation, &state.site) {
        Ok(Some(cookie)) => {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "a browser was not marked as known"),
    }
}
