//! One's own account and sessions.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::super::{AppState, cookie, oidc, render};
use super::account::change_password;
use super::{keep_password, on_to, refused};
use crate::domain::{DisplayName, Password, limits};
use crate::server::store::{PersonChange, SessionId};
use crate::server::{Failure, passwords};
use crate::wire::v1;

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
    #[serde(default)]
    identity: String,
}

pub(in super::super) async fn account(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
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
            let changed = choose_password(&state, &me, form, address).await;
            match changed {
                Ok(()) => another_session(&state, &me, from).await,
                Err(failure) => Err(failure),
            }
        }
        "connect" => oidc::connect(&state, &headers, &me).await,
        "disconnect" => oidc::disconnect(&state, &me, &form.identity).await,
        _ => change_profile(&state, &me, &form)
            .await
            .map(|()| on_to("/settings/account?done")),
    };
    match changed {
        Ok(response) => response,
        Err(failure) => {
            if let Err(gone) = me.still(&state).await {
                return render::plain(&gone);
            }
            refused(&state, &me, path, Shown::Account(""), typed, &failure).await
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
    directory.change_person(&me.uid, &me.uid, &change).await?;
    Ok(())
}

async fn choose_password(
    state: &AppState,
    me: &SignedIn,
    form: AccountForm,
    address: std::net::IpAddr,
) -> Result<(), Failure> {
    state.limits.sign_in(address, me.uid.as_str())?;
    let wrong = || Failure::invalid("This is not your password. It was not changed.");
    let account = state.store.directory().person(&me.uid).await?;
    let account = account.ok_or_else(wrong)?;
    if account.credential.is_empty() {
        return Err(Failure::invalid(
            "Your account has no password. Ask an administrator for a link to choose one.",
        ));
    }
    let hash = state.store.credentials.get(&account.credential).await?;
    let old = Password::parse(form.password).map_err(|_| wrong())?;
    match passwords::verify(old, hash).await {
        Ok(true) => {}
        Ok(false) => return Err(wrong()),
        Err(error) => {
            tracing::error!(%error, "a password could not be checked");
            return Err(Failure::unavailable());
        }
    }
    let about = [me.uid.as_str(), account.person.display_name.as_str()];
    let credential = keep_password(state, form.new_password, &about).await?;
    // Two hashes took their time.
    if let Err(gone) = me.still(state).await {
        state.store.credentials.forget(&credential).await?;
        return Err(gone);
    }
    change_password(state, &me.uid, &me.uid, credential).await
}

/// After a new password: all other sessions end, and this one goes on under another token.
async fn another_session(
    state: &AppState,
    me: &SignedIn,
    from: crate::server::store::Origin,
) -> Result<Response, Failure> {
    let token = state
        .store
        .sessions
        .begin(Some(&me.uid), limits::SESSION_LIFE, from)
        .await?;
    state.sign_out.end_all(&me.uid, Some(&token.id())).await?;
    let mut response = on_to("/settings/account?password");
    if let Some(cookie) = cookie::set(&token, &state.site) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize)]
pub(in super::super) struct EndForm {
    /// A session's name, or "others".
    session: String,
}

pub(in super::super) async fn end_sessions(
    State(state): State<AppState>,
    me: SignedIn,
    Form(form): Form<EndForm>,
) -> Response {
    let ended = if form.session == "others" {
        state.sign_out.end_all(&me.uid, Some(&me.session.id)).await
    } else {
        match SessionId::parse(&form.session).filter(|id| id.is_of(&me.uid)) {
            Some(id) => state.sign_out.end(&id).await,
            None => Ok(()),
        }
    };
    match ended {
        Ok(()) => on_to("/settings/sessions"),
        Err(error) => {
            let nothing = v1::FormState::default();
            let shown = Shown::Sessions;
            refused(
                &state,
                &me,
                "/settings/sessions",
                shown,
                nothing,
                &error.into(),
            )
            .await
        }
    }
}
