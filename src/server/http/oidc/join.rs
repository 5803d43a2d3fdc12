//! /signup/oidc: who is new says what they want to be called.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::forms::account::suspended;
use super::super::forms::joining::{Names, Way, bad_link, needs_invitation, settle};
use super::super::forms::{begin_session, on_to, refusal};
use super::super::pages::{Outside, outside};
use super::super::{AppState, cookie, onward, render};
use super::{proven, provider_of, with_pending};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::oidc::OidcAccounts;
use crate::server::store::{Invitation, Pending};
use crate::wire::v1::{self, OidcProven};

const PATH: &str = "/signup/oidc";

pub(in super::super) async fn sign_up(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Response {
    match proven(&state, &headers, "").await {
        Ok(Some((pending, proven))) => {
            let form = v1::FormState {
                next: pending.record.next,
                username: proven.username,
                display_name: proven.display_name,
                ..v1::FormState::default()
            };
            let shown = Outside {
                form: Some(form),
                proven_as: proven.shown_as,
                ..Outside::default()
            };
            outside(&state, PATH, StatusCode::OK, shown).await
        }
        Ok(None) => on_to("/login?why=proof"),
        Err(failure) => render::plain(&failure),
    }
}

#[derive(Deserialize)]
pub(in super::super) struct JoinForm {
    username: String,
    display_name: String,
    #[serde(default)]
    setup_token: String,
}

pub(in super::super) async fn join(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(form): Form<JoinForm>,
) -> Response {
    let (pending, proven) = match proven(&state, &headers, "").await {
        Ok(Some(proven)) => proven,
        Ok(None) => return on_to("/login?why=proof"),
        Err(failure) => return render::plain(&failure),
    };
    let shown_as = proven.shown_as.clone();
    let typed = v1::FormState {
        username: form.username.clone(),
        display_name: form.display_name.clone(),
        next: pending.record.next.clone(),
        ..v1::FormState::default()
    };
    let joined = async {
        state.limits.sign_up(address.source())?;
        let (uid, generation) = account_of(&state, &form, &pending, proven).await?;
        let before = cookie::read(&headers, &state.site);
        let from = origin_of(&headers, address);
        let landing = onward::landing(&pending.record.next);
        let inside =
            begin_session(&state, &uid, generation, before.as_ref(), from, &landing).await?;
        // The identity is somebody's now: what may be left of this makes no second account.
        if let Err(error) = state.store.pending.take(&pending).await {
            tracing::debug!(%error, "a sign-in that has ended was not cleared away");
        }
        Ok::<_, Failure>(with_pending(inside, &state, None))
    };
    match joined.await {
        Ok(response) => response,
        Err(failure) => {
            let form = v1::FormState {
                error: failure.reason.clone(),
                ..typed
            };
            let shown = Outside {
                form: Some(form),
                proven_as: shown_as,
                ..Outside::default()
            };
            outside(&state, PATH, refusal(&failure), shown).await
        }
    }
}

/// Makes the account, and gives its session generation; a form that was sent twice finds it made.
async fn account_of(
    state: &AppState,
    form: &JoinForm,
    pending: &Pending,
    proven: OidcProven,
) -> Result<(Username, u64), Failure> {
    let identity = proven.identity.ok_or_else(Failure::unavailable)?;
    let directory = state.store.directory();
    if let Some(uid) = directory.person_of(&identity.id).await? {
        let account = directory.person(&uid).await?;
        let account = account.ok_or_else(Failure::unavailable)?;
        return if account.person.suspended {
            Err(suspended())
        } else {
            Ok((uid, account.session_generation))
        };
    }
    let invited = invitation(state, &pending.record.invitation_id).await?;
    let provider = provider_of(state)?;
    let may_sign_up = || match provider.accounts() {
        OidcAccounts::Open => Ok(()),
        OidcAccounts::Invite => Err(needs_invitation()),
    };
    let way = Way {
        invited: invited.as_ref(),
        setup_token: &form.setup_token,
        may_sign_up: &may_sign_up,
    };
    way.admission(state).await?;
    let names = Names::parse(&form.username, &form.display_name)?;
    names.are_free(state).await?;
    let uid = settle(state, names, String::new(), Some(identity), &way).await?;
    // A new account is of generation 0.
    Ok((uid, 0))
}

async fn invitation(state: &AppState, id: &str) -> Result<Option<Invitation>, Failure> {
    if id.is_empty() {
        return Ok(None);
    }
    let found = state.store.invitation_by_id(id).await?;
    found.map(Some).ok_or_else(bad_link)
}
