//! Signing up, in and out, and choosing a new password by a link.

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::known::Mark;
use super::super::pages::invitation_view;
use super::super::{AppState, cookie, onward, render};
use super::check::{Offered, is_nobodys_password, is_password_of};
use super::joining::{Names, Way, bad_link, needs_invitation, settle};
use super::{begin_session, keep_password, on_to, refused_outside};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::config::Signup;
use crate::server::source::{Asker, Source};
use crate::server::store::{Account, DirectoryError, Invitation, Permit, PersonChange};
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
    #[serde(default)]
    next: String,
}

pub(in super::super) async fn sign_up(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignUpForm>,
) -> Response {
    make_account(&state, address, &headers, form, String::new()).await
}

/// The same by a link.
pub(in super::super) async fn accept(
    State(state): State<AppState>,
    address: ClientAddress,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<SignUpForm>,
) -> Response {
    make_account(&state, address, &headers, form, token).await
}

async fn make_account(
    state: &AppState,
    address: ClientAddress,
    headers: &HeaderMap,
    form: SignUpForm,
    token: String,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        display_name: form.display_name.clone(),
        email: form.email.clone(),
        next: onward::own(&form.next),
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
    let landing = onward::landing(&form.next);
    let joined = async {
        state.limits.sign_up(address.source())?;
        let asker = Asker::Source(address.source());
        let uid = join(state, &asker, form, invited.as_ref()).await?;
        let before = cookie::read(headers, &state.site);
        let from = origin_of(headers, address);
        // A new account is of generation 0.
        begin_session(state, &uid, 0, before.as_ref(), from, &landing).await
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
    let found = state.store.invitation(token, kind).await?;
    found.map(Some).ok_or_else(bad_link)
}

async fn join(
    state: &AppState,
    asker: &Asker,
    form: SignUpForm,
    invited: Option<&Invitation>,
) -> Result<Username, Failure> {
    let may_sign_up = || may_sign_up(&state.signup, &form.email);
    let way = Way {
        invited,
        setup_token: &form.setup_token,
        may_sign_up: &may_sign_up,
    };
    // What is refused anyway is refused before a hash is worked out.
    way.admission(state).await?;
    let names = Names::parse(&form.username, &form.display_name)?;
    names.are_free(state).await?;
    let about = [names.uid.as_str(), names.display_name.as_str()];
    let credential = keep_password(state, asker, form.password.clone(), &about).await?;
    settle(state, names, credential, None, &way).await
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
    #[serde(default)]
    next: String,
}

pub(in super::super) async fn sign_in(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    let typed = v1::FormState {
        username: form.username.clone(),
        next: onward::own(&form.next),
        ..v1::FormState::default()
    };
    let landing = onward::landing(&form.next);
    let recognised = async {
        let marks = state.known_browsers.read(&headers, &state.site);
        let (uid, account) = recognise(&state, address.source(), &marks, form).await?;
        let before = cookie::read(&headers, &state.site);
        let (generation, from) = (account.session_generation, origin_of(&headers, address));
        begin_session(&state, &uid, generation, before.as_ref(), from, &landing).await
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

/// Whose password it is, with their account as it was while the password was checked.
async fn recognise(
    state: &AppState,
    source: Source,
    marks: &[Mark],
    form: SignInForm,
) -> Result<(Username, Account), Failure> {
    let wrong = || Failure::invalid("Wrong username or password. Check both and try again.");
    let Ok(uid) = Username::typed(&form.username) else {
        is_nobodys_password(state, source, form.password).await?;
        return Err(wrong());
    };
    let account = state.store.directory().person(&uid).await?;
    let offered = Offered::By(source, marks);
    let is_right = is_password_of(state, offered, &uid, account.as_ref(), form.password).await?;
    let (Some(account), true) = (account, is_right) else {
        return Err(wrong());
    };
    // Checking takes its time, in which the password may have been replaced.
    let now = state.store.directory().person(&uid).await?;
    let now = now.filter(|now| now.session_generation == account.session_generation);
    match now {
        Some(now) if now.person.suspended => Err(suspended()),
        Some(now) => Ok((uid, now)),
        None => Err(wrong()),
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
    address: ClientAddress,
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
        let uid = Username::parse(&found.record.uid)?;
        // A request with the link counts for the person, so others at the same address cannot use up the limit.
        state.limits.change(&uid)?;
        let (asker, about) = (Asker::Person(uid.clone()), [uid.as_str()]);
        let credential = keep_password(&state, &asker, form.password, &about).await?;
        if !state.store.invitations.take(&found.id).await? {
            state.store.credentials.forget(&credential).await?;
            return Err(bad_link());
        }
        let made_by = Username::parse(&found.record.made_by)?;
        let link = Permit::Link(found.record.generation, &made_by);
        let account = match change_password(&state, link, &uid, credential).await {
            // The account has changed since the link was made, or its maker is no administrator any more.
            Err(DirectoryError::Outdated) => return Err(bad_link()),
            changed => changed?,
        };
        if let Err(error) = state.store.invitations.clear(&found.id).await {
            tracing::debug!(%error, "a used link was not cleared away");
        }
        state.sign_out.end_all(&uid, None).await?;
        // Somebody who had access to the account may have connected an identity of their own to it.
        let path = match account.identities.is_empty() {
            true => "/settings/account?password",
            false => "/settings/account?reset",
        };
        let (generation, from) = (account.session_generation, origin_of(&headers, address));
        begin_session(&state, &uid, generation, None, from, path).await
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

/// Gives an account another password, and forgets the one before. One that was not taken is forgotten
/// too.
pub(super) async fn change_password(
    state: &AppState,
    permit: Permit<'_>,
    uid: &Username,
    credential: String,
) -> Result<Account, DirectoryError> {
    let directory = state.store.directory();
    let change = PersonChange::Password(credential.clone());
    let unused = match directory.change_person(permit, uid, &change).await {
        Ok(changed) => {
            forget(state, &changed.before.credential).await;
            return Ok(changed.after);
        }
        Err(error) => error,
    };
    // After any other failure it may be in use.
    if matches!(unused, DirectoryError::Outdated) {
        forget(state, &credential).await;
    }
    Err(unused)
}

/// A hash that is left behind is of no use to anybody: the account does not name it.
async fn forget(state: &AppState, credential: &str) {
    if !credential.is_empty()
        && let Err(error) = state.store.credentials.forget(credential).await
    {
        tracing::warn!(%error, "the hash of an old password was not deleted");
    }
}
