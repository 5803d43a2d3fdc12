//! One's own account and sessions.

use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::super::{AppState, oidc, render};
use super::account::change_password;
use super::check::{Offered, is_password_of};
use super::{fresh_session, keep_password, on_to, refused, unknown_act, with_session};
use crate::domain::{DisplayName, limits};
use crate::server::Failure;
use crate::server::source::Asker;
use crate::server::store::{Account, Origin, PersonChange, SessionId};
use crate::wire::v1;

/// Where the page of one's account goes when an identity is no longer connected.
const DISCONNECTED: &str = "/settings/account?done";

/// What the page of one's account can do; `of` says which form it was.
#[derive(Deserialize)]
pub(in super::super) struct AccountForm {
    of: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    time_zone: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    new_password: String,
    /// The password once more, where an identity is connected.
    #[serde(default)]
    confirm_password: String,
    #[serde(default)]
    identity: String,
}

pub(in super::super) async fn account(
    State(state): State<AppState>,
    address: ClientAddress,
    me: SignedIn,
    headers: HeaderMap,
    Form(form): Form<AccountForm>,
) -> Response {
    let path = "/settings/account";
    let typed = v1::FormState {
        of: form.of.clone(),
        display_name: form.display_name.clone(),
        about: form.about.clone(),
        time_zone: form.time_zone.clone(),
        ..v1::FormState::default()
    };
    let changed = match form.of.as_str() {
        "password" => {
            let from = origin_of(&headers, address);
            let changed = choose_password(&state, &me, form).await;
            match changed {
                Ok(account) => {
                    another_session(&state, &me, &account, from, "/settings/account?password").await
                }
                Err(failure) => Err(failure),
            }
        }
        "connect" => connect(&state, &me, &headers, form).await,
        "disconnect" => {
            let from = origin_of(&headers, address);
            match oidc::disconnect(&state, &me, &form.identity).await {
                Ok(account) if account.admits(me.session.generation) => Ok(on_to(DISCONNECTED)),
                Ok(account) => another_session(&state, &me, &account, from, DISCONNECTED).await,
                Err(failure) => Err(failure),
            }
        }
        "profile" => change_profile(&state, &me, &form)
            .await
            .map(|()| on_to("/settings/account?done")),
        _ => Err(unknown_act()),
    };
    match changed {
        Ok(response) => response,
        Err(failure) => {
            if let Err(gone) = me.still(&state).await {
                return render::plain(&gone);
            }
            // What was proven can still be connected.
            let proven = match typed.of.as_str() {
                "connect" => oidc::proven_for(&state, &headers, &me).await.ok().flatten(),
                _ => None,
            };
            let proven_as = proven.map(|(_, proven)| proven.shown_as);
            let shown = Shown::Account(proven_as.as_deref().unwrap_or_default());
            refused(&state, &me, path, shown, typed, &failure).await
        }
    }
}

async fn change_profile(
    state: &AppState,
    me: &SignedIn,
    form: &AccountForm,
) -> Result<(), Failure> {
    state.limits.change(&me.uid)?;
    let about = form.about.trim();
    if about.chars().count() > limits::ABOUT_CHARS {
        return Err(Failure::invalid(
            "What you say about yourself has at most 300 characters.",
        ));
    }
    let zone = form.time_zone.trim();
    let is_zone_name = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    if zone.len() > 64 || !zone.chars().all(is_zone_name) {
        return Err(Failure::invalid(
            "A time zone is named like Europe/Berlin. It can be left empty.",
        ));
    }
    let change = PersonChange::Profile {
        display_name: DisplayName::parse(form.display_name.trim())?,
        about: about.to_owned(),
        time_zone: zone.to_owned(),
    };
    let directory = state.store.directory();
    directory
        .change_person(me.permit(), &me.uid, &change)
        .await?;
    Ok(())
}

async fn choose_password(
    state: &AppState,
    me: &SignedIn,
    form: AccountForm,
) -> Result<Account, Failure> {
    let account = own_account(state, me).await?;
    if account.credential.is_empty() {
        return Err(Failure::invalid(
            "Your account has no password. Ask an administrator for a link to choose one.",
        ));
    }
    confirm_password(state, me, &account, form.password).await?;
    let about = [me.uid.as_str(), account.person.display_name.as_str()];
    let asker = Asker::Person(me.uid.clone());
    let credential = keep_password(state, &asker, form.new_password, &about).await?;
    // Two hashes took their time.
    if let Err(gone) = me.still(state).await {
        state.store.credentials.forget(&credential).await?;
        return Err(gone);
    }
    Ok(change_password(state, me.permit(), &me.uid, credential).await?)
}

async fn own_account(state: &AppState, me: &SignedIn) -> Result<Account, Failure> {
    let account = state.store.directory().person(&me.uid).await?;
    account.ok_or_else(Failure::unavailable)
}

/// What lets somebody else into the account asks for the password once more: a browser that was left
/// alone is not the person.
async fn confirm_password(
    state: &AppState,
    me: &SignedIn,
    account: &Account,
    password: String,
) -> Result<(), Failure> {
    let offered = Offered::InSession(me);
    match is_password_of(state, offered, &me.uid, Some(account), password).await? {
        true => Ok(()),
        false => Err(Failure::invalid(
            "This is not your password. Nothing was changed.",
        )),
    }
}

/// Connects the identity that was proven in this browser.
async fn connect(
    state: &AppState,
    me: &SignedIn,
    headers: &HeaderMap,
    form: AccountForm,
) -> Result<Response, Failure> {
    let account = own_account(state, me).await?;
    if !account.credential.is_empty() {
        confirm_password(state, me, &account, form.confirm_password).await?;
        me.still(state).await?;
    }
    oidc::connect(state, headers, me).await
}

/// Ends all other sessions, and goes on with this one under another token, of the account's new
/// generation.
async fn another_session(
    state: &AppState,
    me: &SignedIn,
    account: &Account,
    from: Origin,
    path: &str,
) -> Result<Response, Failure> {
    let generation = account.session_generation;
    let token = fresh_session(state, &me.uid, generation, from).await?;
    state.sign_out.end_all(&me.uid, Some(&token.id())).await?;
    let who = (&me.uid, generation);
    Ok(with_session(on_to(path), state, &token, who))
}

#[derive(Deserialize)]
pub(in super::super) struct EndForm {
    /// A session's name, or "others".
    session: String,
}

pub(in super::super) async fn end_sessions(
    State(state): State<AppState>,
    address: ClientAddress,
    me: SignedIn,
    headers: HeaderMap,
    Form(form): Form<EndForm>,
) -> Response {
    let path = "/settings/sessions";
    let ended = match form.session.as_str() {
        "others" => end_others(&state, &me, origin_of(&headers, address)).await,
        id => {
            let ended = end_one(&state, &me, id).await;
            ended.map(|()| on_to("/settings/sessions?ended"))
        }
    };
    match ended {
        Ok(response) => response,
        Err(failure) => {
            let nothing = v1::FormState::default();
            refused(&state, &me, path, Shown::Sessions, nothing, &failure).await
        }
    }
}

/// Ends every other session, one that begins at this moment too.
async fn end_others(state: &AppState, me: &SignedIn, from: Origin) -> Result<Response, Failure> {
    let directory = state.store.directory();
    let change = PersonChange::SessionsEnded;
    let changed = directory.change_person(me.permit(), &me.uid, &change);
    let account = changed.await?.after;
    another_session(state, me, &account, from, "/settings/sessions?others").await
}

async fn end_one(state: &AppState, me: &SignedIn, id: &str) -> Result<(), Failure> {
    match SessionId::parse(id).filter(|id| id.is_of(&me.uid)) {
        Some(id) => Ok(state.sign_out.end(&id).await?),
        None => Ok(()),
    }
}
