//! GET: the pages. Each gathers what it shows in one transaction of the read model, behind the
//! barrier, and hands it to the app to render.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::provide_context;
use rusqlite::Transaction;

use super::onward::{self, Next};
use super::signed_in::{NotSignedIn, SignedIn};
use super::warnings::warnings;
use super::{AppState, oidc, render};
use crate::app::EchoBackend;
use crate::domain::{Sequence, Ulid, with_next};
use crate::server::config::Signup;
use crate::server::oidc::Provider;
use crate::server::read_model::ReadError;
use crate::server::read_model::queries::{self, Viewer};
use crate::server::store::{Invitation, Markers};
use crate::server::{Budget, Failure, clock};
use crate::wire::v1::{self, InvitationKind, Notice};

/// How many acts of administrators their page shows.
const AUDIT_SHOWN: u32 = 100;

/// Where people sign in.
const SIGN_IN: &str = "/login";

/// What a page shows beside the sidebar.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// Where people land: the room that everybody is in; a guest's first room.
    Home,
    /// A room, by id or name.
    Room(&'a str),
    /// What a room is and who is in it, by id or name.
    Details(&'a str),
    /// The rooms to join.
    Browse,
    /// Everybody.
    People,
    /// Where one is signed in.
    Sessions,
    /// What administrators see.
    Admin,
    /// One's own account; with who an identity provider said that one is, to be confirmed.
    Account(&'a str),
    /// Something that needs no more than the sidebar.
    Nothing,
}

pub(super) async fn home(State(state): State<AppState>, me: SignedIn) -> Response {
    respond(&state, "/", &me, Shown::Home, None).await
}

/// A name in an address, or why it is none: bytes that are no text name nothing.
type Named = Result<Path<String>, PathRejection>;

pub(super) async fn room(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    room: Named,
) -> Response {
    let Ok(Path(room)) = room else {
        return nothing_at(&state, &me, &uri).await;
    };
    respond(&state, uri.path(), &me, Shown::Room(&room), None).await
}

pub(super) async fn details(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    room: Named,
) -> Response {
    let Ok(Path(room)) = room else {
        return nothing_at(&state, &me, &uri).await;
    };
    respond(&state, uri.path(), &me, Shown::Details(&room), None).await
}

pub(super) async fn browse(State(state): State<AppState>, me: SignedIn) -> Response {
    respond(&state, "/rooms", &me, Shown::Browse, None).await
}

pub(super) async fn people(State(state): State<AppState>, me: SignedIn) -> Response {
    respond(&state, "/people", &me, Shown::People, None).await
}

pub(super) async fn sessions(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    with_notice(&state, &me, uri.path(), Shown::Sessions, query).await
}

pub(super) async fn admin(State(state): State<AppState>, me: SignedIn) -> Response {
    if !me.is_administrator() {
        let nothing = gather(&state, &me, Shown::Nothing).await;
        return match nothing {
            Ok(page) => render::page(&state, "/admin", StatusCode::FORBIDDEN, page).await,
            Err(failure) => render::plain(&failure),
        };
    }
    respond(&state, "/admin", &me, Shown::Admin, None).await
}

/// A page that needs nothing but the sidebar.
pub(super) async fn plain(
    State(state): State<AppState>,
    me: SignedIn,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    with_notice(&state, &me, uri.path(), Shown::Nothing, query).await
}

pub(super) async fn account(
    State(state): State<AppState>,
    me: SignedIn,
    headers: HeaderMap,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    let proven = match oidc::proven_for(&state, &headers, &me).await {
        Ok(proven) => proven,
        Err(failure) => return render::plain(&failure),
    };
    let proven_as = proven
        .map(|(_, proven)| proven.shown_as)
        .unwrap_or_default();
    let shown = Shown::Account(&proven_as);
    with_notice(&state, &me, uri.path(), shown, query).await
}

async fn with_notice(
    state: &AppState,
    me: &SignedIn,
    path: &str,
    shown: Shown<'_>,
    query: Option<String>,
) -> Response {
    let mut page = match gather(state, me, shown).await {
        Ok(page) => page,
        Err(failure) => return render::plain(&failure),
    };
    page.set_notice(match query.as_deref() {
        Some("done") => Notice::Done,
        Some("ended") => Notice::SessionEnded,
        Some("others") => Notice::SessionsEnded,
        Some("password") => Notice::PasswordChanged,
        Some("reset") => Notice::PasswordReset,
        _ => Notice::Unspecified,
    });
    render::page(state, path, StatusCode::OK, page).await
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    Next(next): Next,
) -> Response {
    let why = query.as_deref().and_then(|query| query.split('&').next());
    let notice = match why {
        Some("why=ended") => Notice::SignedOut,
        Some("why=suspended") => Notice::Suspended,
        Some("why=link") => Notice::BadLink,
        Some("why=proof") => Notice::ProvenTooLongAgo,
        _ => Notice::Unspecified,
    };
    let shown = Outside {
        notice,
        form: with_nothing_typed(next),
        ..Outside::default()
    };
    signing(&state, SIGN_IN, &headers, shown).await
}

pub(super) async fn sign_up(
    State(state): State<AppState>,
    headers: HeaderMap,
    Next(next): Next,
) -> Response {
    let shown = Outside {
        form: with_nothing_typed(next),
        ..Outside::default()
    };
    signing(&state, "/signup", &headers, shown).await
}

/// An empty form that goes on to this page.
fn with_nothing_typed(next: String) -> Option<v1::FormState> {
    Some(v1::FormState {
        next,
        ..v1::FormState::default()
    })
}

pub(super) async fn invited(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(token): Path<String>,
    Next(next): Next,
) -> Response {
    match state.store.invitation(&token, InvitationKind::Join).await {
        Ok(Some(found)) => {
            let shown = Outside {
                form: with_nothing_typed(next),
                invited: Some(invitation_view(&state, &found, &token).await),
                ..Outside::default()
            };
            signing(&state, &format!("/invite/{token}"), &headers, shown).await
        }
        Ok(None) => Redirect::to("/login?why=link").into_response(),
        Err(error) => render::plain(&error.into()),
    }
}

pub(super) async fn reset(State(state): State<AppState>, Path(token): Path<String>) -> Response {
    let kind = InvitationKind::Reset;
    match state.store.invitation(&token, kind).await {
        Ok(Some(found)) => {
            let shown = Outside {
                invited: Some(invitation_view(&state, &found, &token).await),
                ..Outside::default()
            };
            outside(&state, &format!("/reset/{token}"), StatusCode::OK, shown).await
        }
        Ok(None) => Redirect::to("/login?why=link").into_response(),
        Err(error) => render::plain(&error.into()),
    }
}

/// Who is signed in already has no use for these pages.
async fn signing(state: &AppState, path: &str, headers: &HeaderMap, shown: Outside) -> Response {
    match SignedIn::find(headers, state).await {
        Ok(_) => {
            let next = shown.form.map(|form| form.next).unwrap_or_default();
            Redirect::to(&onward::landing(&next)).into_response()
        }
        Err(NotSignedIn::Nobody | NotSignedIn::Suspended) => {
            outside(state, path, StatusCode::OK, shown).await
        }
        Err(NotSignedIn::Unknown(failure)) => render::plain(&failure),
    }
}

/// An address that is nothing's.
pub(super) async fn not_found(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    if let Some(address) = without_slash(&uri) {
        return Redirect::permanent(&address).into_response();
    }
    match SignedIn::find(&headers, &state).await {
        Ok(me) => nothing_at(&state, &me, &uri).await,
        Err(_) => {
            let page = v1::Page::default();
            render::page(&state, uri.path(), StatusCode::NOT_FOUND, page).await
        }
    }
}

/// The same for somebody who is signed in.
async fn nothing_at(state: &AppState, me: &SignedIn, uri: &Uri) -> Response {
    match gather(state, me, Shown::Nothing).await {
        Ok(page) => render::page(state, uri.path(), StatusCode::NOT_FOUND, page).await,
        Err(failure) => render::plain(&failure),
    }
}

/// The address without the slash at its end, where it has one. Two slashes would lead to another site.
fn without_slash(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/')?;
    if path.is_empty() || path.contains("//") || path.contains('\\') || path.ends_with('/') {
        return None;
    }
    Some(match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

/// Leptos' server functions.
pub(super) async fn server_function(
    State(state): State<AppState>,
    me: SignedIn,
    request: axum::http::Request<Body>,
) -> Response {
    let backend = EchoBackend {
        uid: me.uid,
        nats: state.chat,
    };
    leptos_axum::handle_server_fns_with_context(move || provide_context(backend.clone()), request)
        .await
        .into_response()
}

/// A page for somebody who is signed in. With a form's state it says why the form was refused.
pub(super) async fn respond(
    state: &AppState,
    path: &str,
    me: &SignedIn,
    shown: Shown<'_>,
    refused: Option<(StatusCode, v1::FormState)>,
) -> Response {
    let mut page = match gather(state, me, shown).await {
        Ok(page) => page,
        Err(failure) => return render::plain(&failure),
    };
    let mut status = if page.missing_room.is_some() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    if let Some((refusal, form)) = refused {
        status = refusal;
        page.form = Some(form);
    }
    render::page(state, path, status, page).await
}

/// The administrators' page with a link on it that was made a moment ago.
pub(super) async fn with_fresh_link(
    state: &AppState,
    path: &str,
    me: &SignedIn,
    link: String,
) -> Response {
    match gather(state, me, Shown::Admin).await {
        Ok(page) => {
            let page = v1::Page {
                fresh_link: link,
                ..page
            };
            render::page(state, path, StatusCode::OK, page).await
        }
        Err(failure) => render::plain(&failure),
    }
}

/// What a page for somebody who is not signed in has to say.
#[derive(Default)]
pub(super) struct Outside {
    pub form: Option<v1::FormState>,
    pub invited: Option<v1::InvitationView>,
    pub notice: Notice,
    /// Who an identity provider said that it is.
    pub proven_as: String,
}

/// A page for somebody who is not signed in.
pub(super) async fn outside(
    state: &AppState,
    path: &str,
    status: StatusCode,
    shown: Outside,
) -> Response {
    let is_refused = |form: &v1::FormState| !form.error.is_empty();
    let is_refused = shown.form.as_ref().is_some_and(is_refused);
    let founded = match state.store.directory().is_founded().await {
        Ok(founded) => founded,
        // What was typed is worth more than whether this is the first account.
        Err(_) if is_refused => true,
        Err(error) => return render::plain(&error.into()),
    };
    if !founded && path == SIGN_IN && !is_refused {
        // Nobody can sign in yet.
        let next = shown.form.map(|form| form.next).unwrap_or_default();
        return Redirect::to(&with_next("/signup", &next)).into_response();
    }
    let signup_domains = match &state.signup {
        Signup::Domains(domains) if founded && shown.invited.is_none() => domains.clone(),
        _ => Vec::new(),
    };
    let page = v1::Page {
        form: shown.form,
        first_run: !founded,
        signup_open: !founded || shown.invited.is_some() || state.signup != Signup::Invite,
        oidc_label: label_of(state),
        proven_as: shown.proven_as,
        setup_token_needed: !founded && state.setup_token.is_some(),
        invited: shown.invited,
        notice: shown.notice.into(),
        signup_domains,
        ..v1::Page::default()
    };
    render::page(state, path, status, page).await
}

/// What the identity provider is called; empty: there is none.
fn label_of(state: &AppState) -> String {
    let label = state.oidc.as_ref().map(|provider| provider.label());
    label.unwrap_or_default().to_owned()
}

/// A link as it is shown to who came with it. Names of rooms that cannot be had now are left out.
pub(super) async fn invitation_view(
    state: &AppState,
    invitation: &Invitation,
    token: &str,
) -> v1::InvitationView {
    let record = &invitation.record;
    let mut room_names = Vec::new();
    for id in &record.room_ids {
        let Ok(id) = crate::domain::RoomId::parse(id) else {
            continue;
        };
        if let Ok(Some(room)) = state.store.directory().room(&id).await {
            room_names.push(room.name);
        }
    }
    view_of(invitation, room_names, token)
}

fn view_of(invitation: &Invitation, room_names: Vec<String>, token: &str) -> v1::InvitationView {
    let record = &invitation.record;
    v1::InvitationView {
        id: invitation.id.clone(),
        made_by: record.made_by.clone(),
        expires_at_ms: record.expires_at_ms,
        uses_left: record.uses_left,
        role: record.role,
        room_names,
        uid: record.uid.clone(),
        token: token.to_owned(),
    }
}

/// The same with nothing borrowed, for another thread.
enum Wanted {
    Home,
    Room(String),
    Details(String),
    Browse,
    People,
    Admin,
    Nothing,
}

impl From<Shown<'_>> for Wanted {
    fn from(shown: Shown<'_>) -> Self {
        match shown {
            Shown::Home => Self::Home,
            Shown::Room(room) => Self::Room(room.to_owned()),
            Shown::Details(room) => Self::Details(room.to_owned()),
            Shown::Browse => Self::Browse,
            Shown::People => Self::People,
            Shown::Admin => Self::Admin,
            Shown::Sessions | Shown::Account(_) | Shown::Nothing => Self::Nothing,
        }
    }
}

async fn gather(state: &AppState, me: &SignedIn, shown: Shown<'_>) -> Result<v1::Page, Failure> {
    let wanted = Wanted::from(shown);
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| Failure::unavailable())?;
    let now = u64::try_from(clock::now().0).unwrap_or_default();
    let (markers, _) = state.store.reads.of(&me.uid).await?;
    let answer = state
        .services
        .ask_as(&me.uid, move |tables, viewer| {
            page_of(tables, viewer, wanted, &markers)
        })
        .await?;
    let mut page = v1::Page {
        as_of: answer.through.0,
        rights_life_ms: u64::try_from(state.rights_life.as_millis()).unwrap_or_default(),
        epoch: answer.epoch.0,
        form_ulid: Ulid::new(now, random).to_string(),
        ..answer.value
    };
    match shown {
        Shown::Sessions => page.places = places(state, me).await?,
        Shown::Account(proven_as) => {
            let account = state.store.directory().person(&me.uid).await?;
            let account = account.ok_or_else(Failure::unavailable)?;
            let can_connect = |provider: &Provider| !account.holds_one_of(provider.issuer());
            page.can_connect = state.oidc.as_ref().is_some_and(can_connect);
            page.has_password = !account.credential.is_empty();
            page.identities = account.identities;
            page.oidc_label = label_of(state);
            page.proven_as = proven_as.to_owned();
        }
        Shown::Admin => {
            page.invitations = invitations(state, me).await?;
            page.warnings = warnings(state);
        }
        _ => {}
    }
    Ok(page)
}

fn page_of(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    wanted: Wanted,
    markers: &Markers,
) -> Result<v1::Page, ReadError> {
    let mut page = v1::Page {
        me: Some(viewer.person.clone()),
        ..v1::Page::default()
    };
    let room = match &wanted {
        Wanted::Room(name) | Wanted::Details(name) => {
            let room = queries::visible_room(tables, viewer, name)?;
            if room.is_none() {
                page.missing_room = Some(name.clone());
            }
            room
        }
        _ => None,
    };
    let also: Vec<String> = room.iter().map(|room| room.id.clone()).collect();
    // A page comes over HTTP, whole: it is read with scripts off, too.
    let whole = &mut Budget::unlimited();
    page.rooms = queries::room_heads(tables, viewer, markers, &also, "", whole)?.items;
    let room = match &wanted {
        Wanted::Home => queries::landing(&page.rooms),
        _ => room,
    };
    page.room_invitations = queries::invitations(tables, viewer)?;
    match wanted {
        Wanted::Home | Wanted::Room(_) => {
            page.view = room
                .map(|room| {
                    let budget = &mut Budget::of_payload(0);
                    queries::view(tables, room, Sequence(0), 0, budget)
                })
                .transpose()?;
        }
        Wanted::Details(_) => {
            page.details = room
                .map(|room| queries::details(tables, viewer, room))
                .transpose()?;
        }
        Wanted::Browse => page.browse = queries::browse(tables, viewer, "", whole)?.items,
        Wanted::People => {
            page.everybody = queries::everybody_visible(tables, viewer)?;
        }
        Wanted::Admin => {
            page.everybody = queries::everybody(tables)?;
            page.audit = queries::audit(tables, AUDIT_SHOWN)?;
        }
        Wanted::Nothing => {}
    }
    Ok(page)
}

/// The links that are good, each with the names of those of its rooms that the administrator may
/// know of.
async fn invitations(state: &AppState, me: &SignedIn) -> Result<Vec<v1::InvitationView>, Failure> {
    let good = state.store.good_invitations().await?;
    let ids: Vec<_> = good.iter().map(|one| one.record.room_ids.clone()).collect();
    let names = state.services.ask_as(&me.uid, move |tables, viewer| {
        let mut names = Vec::new();
        for ids in ids {
            let mut of_one = Vec::new();
            for id in ids {
                let room = queries::visible_room_by_id(tables, viewer, &id)?;
                of_one.extend(room.map(|room| room.name));
            }
            names.push(of_one);
        }
        Ok(names)
    });
    let views = good.iter().zip(names.await?.value);
    Ok(views
        .map(|(invitation, names)| view_of(invitation, names, ""))
        .collect())
}

async fn places(state: &AppState, me: &SignedIn) -> Result<Vec<v1::SignedInPlace>, Failure> {
    let sessions = state.store.sessions.of(&me.uid).await?;
    let place = |session: crate::server::store::Session| v1::SignedInPlace {
        is_this: session.id == me.session.id,
        id: session.id.as_str().to_owned(),
        agent: session.from.agent,
        address: session.from.address,
        began_at_ms: session.began.0,
        used_at_ms: session.used.0,
    };
    Ok(sessions.into_iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_is_dropped_and_leads_nowhere_else() {
        let without = |uri: &str| without_slash(&uri.parse().unwrap());
        assert_eq!(without("/settings/").as_deref(), Some("/settings"));
        assert_eq!(without("/r/x/?a=b").as_deref(), Some("/r/x?a=b"));
        for uri in ["/", "/settings", "//", "//evil.example/", "/x//", "/r//x/"] {
            assert_eq!(without(uri), None, "{uri}");
        }
    }
}
