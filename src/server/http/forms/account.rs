//! Signing up, in and out, and choosing a new password by a link.

use std::net::IpAddr;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::pages::invitation_view;
use super::super::{AppState, cookie, render};
use super::joining::{Names, bad_link, may_found, needs_invitation, settle};
use super::{begin_session, keep_password, on_to, refused_outside};
use crate::domain::{Password, Username};
use crate::server::config::Signup;
use crate::server::store::{Invitation, PersonChange};
use crate::server::{Failure, passwords};
use crate::wire::v1::{self, InvitationKind};

#[derive(Deserialize)]
pub(in super::super) struct SignUpForm {
    username: String,
    display_name: String,
    password: String,
    #[serde(default)]
    setup_token: String,
    #[serde(default)]
    email: String,
}

pub(in super::super) async fn sign_up(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignUpForm>,
) -> Response {
    make_account(&state, address, &headers, form, String::new()).await
}

/// The same by a link.
pub(in super::super) async fn accept(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<SignUpForm>,
) -> Response {
    make_account(&state, address, &headers, form, token).await
}

async fn make_account(
    state: &AppState,
    address: IpAddr,
    headers: &HeaderMap,
    form: SignUpForm,
    token: String,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        display_name: form.display_name.clone(),
        email: form.email.clone(),
        ..v1::FormState::default()
    };
    let path = match token.as_str() {
        "" => "/signup".to_owned(),
        token => format!("/invite/{token}"),
    };
    let invited = match invitation(state, &token, InvitationKind::Join).await {
        Ok(invited) => invited,
        Err(failure) => return refused_outside(state, &path, typed, None, &failure).await,
    };
    let joined = async {
        state.limits.sign_up(address)?;
        let uid = join(state, form, invited.as_ref()).await?;
        let before = cookie::read(headers, &state.site);
        begin_session(state, &uid, before.as_ref(), origin_of(headers, address)).await
    };
    match joined.await {
        Ok(response) => response,
        Err(failure) => {
            let invited = match &invited {
                Some(invited) => Some(invitation_view(state, invited, &token).await),
                None => None,
            };
            refused_outside(state, &path, typed, invited, &failure).await
        }
    }
}

/// The link that somebody came with. `None`: they came without.
async fn invitation(
    state: &AppState,
    token: &str,
    kind: InvitationKind,
) -> Result<Option<Invitation>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let found = state.store.invitations.find(token, kind).await?;
    found.map(Some).ok_or_else(bad_link)
}

async fn join(
    state: &AppState,
    form: SignUpForm,
    invited: Option<&Invitation>,
) -> Result<Username, Failure> {
    let founded = state.store.directory().is_founded().await?;
    if founded && invited.is_none() {
        may_sign_up(&state.signup, &form.email)?;
    }
    if !founded {
        may_found(state, &form.setup_token)?;
    }
    let names = Names::parse(&form.username, &form.display_name)?;
    names.are_free(state).await?;
    let about = [names.uid.as_str(), names.display_name.as_str()];
    let credential = keep_password(state, form.password, &about).await?;
    settle(state, names, credential, None, invited).await
}

fn may_sign_up(signup: &Signup, email: &str) -> Result<(), Failure> {
    match signup {
        Signup::Open => Ok(()),
        Signup::Invite => Err(needs_invitation()),
        Signup::Domains(domains) => {
            let domain = email.trim().rsplit_once('@').map(|(_, domain)| domain);
            let is_ours = domain
                .is_some_and(|domain| domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain)));
            if is_ours {
                return Ok(());
            }
            Err(Failure::forbidden(format!(
                "Accounts here are for people with an address at {}.",
                domains.join(" or ")
            )))
        }
    }
}

#[derive(Deserialize)]
pub(in super::super) struct SignInForm {
    username: String,
    password: String,
}

pub(in super::super) async fn sign_in(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        ..v1::FormState::default()
    };
    let recognised = async {
        state.limits.sign_in(address, form.username.trim())?;
        let uid = recognise(&state, form).await?;
        let before = cookie::read(&headers, &state.site);
        begin_session(&state, &uid, before.as_ref(), origin_of(&headers, address)).await
    };
    match recognised.await {
        Ok(response) => response,
        Err(failure) => refused_outside(&state, "/login", typed, None, &failure).await,
    }
}

/// To who has shown who they are, and to nobody else.
pub(in super::super) fn suspended() -> Failure {
    Failure::forbidden("This account is suspended. Ask an administrator.")
}

async fn recognise(state: &AppState, form: SignInForm) -> Result<Username, Failure> {
    let wrong = || Failure::invalid("Wrong username or password. Check both and try again.");
    let name = Username::parse(form.username.trim());
    let account = match &name {
        Ok(uid) => state.store.directory().person(uid).await?,
        Err(_) => None,
    };
    let hash = match &account {
        Some(account) if !account.credential.is_empty() => {
            state.store.credentials.get(&account.credential).await?
        }
        _ => None,
    };
    // What can be nobody's password takes as long as any other.
    let password = Password::parse(form.password);
    let hash = hash.filter(|_| password.is_ok());
    let password = match password {
        Ok(password) => password,
        Err(_) => Password::parse("no password at all".into())?,
    };
    match passwords::verify(password, hash).await {
        Ok(true) if account.is_some_and(|account| account.person.suspended) => Err(suspended()),
        Ok(true) => name.map_err(|_| wrong()),
        Ok(false) => Err(wrong()),
        Err(error) => {
            tracing::error!(%error, "a password could not be checked");
            Err(Failure::unavailable())
        }
    }
}

pub(in super::super) async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Response {
    // Who is signed out already wants nothing else.
    if let Some(token) = cookie::read(&headers, &state.site)
        && let Err(error) = state.sign_out.end(&token.id()).await
    {
        return render::plain(&error.into());
    }
    let mut response = on_to("/login");
    if let Some(cookie) = cookie::clear(&state.site) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
pub(in super::super) struct ResetForm {
    password: String,
}

/// Chooses a new password by a link: all sessions end, and a new one begins.
pub(in super::super) async fn reset(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<ResetForm>,
) -> Response {
    let path = format!("/reset/{token}");
    let found = match invitation(&state, &token, InvitationKind::Reset).await {
        Ok(found) => found.ok_or_else(bad_link),
        Err(failure) => Err(failure),
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => {
            let nothing = v1::FormState::default();
            return refused_outside(&state, &path, nothing, None, &failure).await;
        }
    };
    let chosen = async {
        state.limits.sign_in(address, &found.record.uid)?;
        let uid = Username::parse(&found.record.uid)?;
        let credential = keep_password(&state, form.password, &[uid.as_str()]).await?;
        if !state.store.invitations.take(&found.id).await? {
            state.store.credentials.forget(&credential).await?;
            return Err(bad_link());
        }
        change_password(&state, &uid, &uid, credential).await?;
        state.sign_out.end_all(&uid, None).await?;
        begin_session(&state, &uid, None, origin_of(&headers, address)).await
    };
    match chosen.await {
        Ok(response) => response,
        Err(failure) => {
            let invited = invitation_view(&state, &found, &token).await;
            let nothing = v1::FormState::default();
            refused_outside(&state, &path, nothing, Some(invited), &failure).await
        }
    }
}

/// Gives an account another password, and forgets the one before.
pub(super) async fn change_password(
    state: &AppState,
    by: &Username,
    uid: &Username,
    credential: String,
) -> Result<(), Failure> {
    let directory = state.store.directory();
    let before = directory.person(uid).await?;
    let change = PersonChange::Password(credential);
    directory.change_person(by, uid, &change).await?;
    if let Some(before) = before.filter(|before| !before.credential.is_empty()) {
        state.store.credentials.forget(&before.credential).await?;
    }
    Ok(())
}
