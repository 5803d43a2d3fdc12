//! Counts every request before anything is done for it: by person where it has a valid session, else by
//! address. A valid session is in use then, and its end moves. `router` puts it around all addresses of the table of routes, and not around the site's files.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::known::Mark;
use super::signed_in::SignedIn;
use super::{AppState, address, cookie, render, session};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::limits::Wanted;
use crate::server::source::Asker;
use crate::server::store::SessionId;

/// In the extensions of a GET: its session. A request with a body looks it up again after the body.
#[derive(Debug, Clone)]
pub(super) struct Seen(pub SignedIn);

/// In the extensions of a request with a body: it is past the limit. It is refused after its body has been
/// read, so that the answer can give back the typed text (`guarded`).
#[derive(Debug, Clone)]
pub(super) struct TooMany(pub Failure);

/// In the extensions of a request with a body: whom its limits count. It says nothing of what they may do.
#[derive(Debug, Clone)]
pub(super) struct CountedAs(pub Asker);

/// In the extensions of an answer: it begins a session of this person and generation.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub uid: Username,
    pub generation: u64,
    pub session: SessionId,
}

pub(super) async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let marks = state.known_browsers.read(&parts.headers, &state.site);
    // Boxed, so that the future of every request stays small.
    let me = match Box::pin(whose(&parts, &marks, &state)).await {
        Ok(me) => me,
        Err(wait) if is_read => return too_many(wait),
        Err(wait) => {
            parts.extensions.insert(TooMany(Failure::too_many(wait)));
            None
        }
    };
    let renewed = match &me {
        Some(me) => renew(me, &parts, &state).await,
        None => None,
    };
    match me.clone() {
        Some(me) if is_read => drop(parts.extensions.insert(Seen(me))),
        None if is_read => {}
        me => {
            let source = || Asker::Source(address::source(&parts, &state));
            let asker = me.map_or_else(source, |me| Asker::Person(me.uid));
            parts.extensions.insert(CountedAs(asker));
        }
    }
    let reader = me.as_ref().filter(|_| is_read && is_page_at(&parts));
    let reader = reader.map(|me| me.uid.clone());
    let answer = next.run(Request::from_parts(parts, body));
    let mut response = state.pages_of_one.answer(reader.as_ref(), answer).await;
    if let Some(cookie) = renewed.filter(|_| !cookie::is_set_by(&response, &state.site)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let begun = response.extensions_mut().remove::<Entered>();
    let entered = begun.or_else(|| {
        // A session from before natter marked browsers as known.
        me.filter(|_| is_page(&response)).map(|me| Entered {
            uid: me.uid,
            generation: me.session.generation,
            session: me.session.id,
        })
    });
    if let Some(entered) = entered {
        make_known(&mut response, &entered, &marks, &state);
    }
    response
}

/// The session of a request, if it has a valid one. An error says when the next request is allowed.
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

/// Notes once a day that a session is used, which moves its end. Gives the cookie that lives as long.
async fn renew(me: &SignedIn, parts: &Parts, state: &AppState) -> Option<HeaderValue> {
    let origin = address::origin(parts, state);
    match state.store.sessions.note_use(&me.session, origin).await {
        Ok(is_moved) => is_moved.then(|| cookie::set(&me.token, &state.site))?,
        Err(error) => {
            tracing::debug!(%error, "a session’s use was not noted");
            None
        }
    }
}

fn wanted(path: &str) -> Wanted {
    match path {
        "/health" => Wanted::Health,
        path if path.starts_with("/pictures/") => Wanted::Picture,
        _ => Wanted::Page,
    }
}

/// Is a page rendered at this address? A live connection lasts, and `/session` has to answer when pages do not.
fn is_page_at(parts: &Parts) -> bool {
    let path = parts.uri.path();
    wanted(path) == Wanted::Page && !["/nats", "/session"].contains(&path)
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

/// Marks the browser of a person who is signed in as known at their account.
fn make_known(response: &mut Response, entered: &Entered, marks: &[Mark], state: &AppState) {
    let known = &state.known_browsers;
    let Entered {
        uid,
        generation,
        session,
    } = entered;
    if known.find(marks, uid, *generation).is_some() {
        return;
    }
    if let Some(cookie) = known.add(marks, uid, *generation, session, &state.site) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
