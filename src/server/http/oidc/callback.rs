//! GET /login/oidc/callback: back from the provider.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::super::address::{ClientAddress, origin_of};
use super::super::forms::account::suspended;
use super::super::forms::joining::needs_invitation;
use super::super::forms::{begin_session, on_to};
use super::super::signed_in::SignedIn;
use super::super::{AppState, cookie, onward};
use super::{
    CALLBACK, may_go_on, not_begun, pending_of, provider_of, redirect_of, refused, with_pending,
};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::oidc::{Claims, OidcAccounts, Provider};
use crate::server::store::{DirectoryError, fingerprint};
use crate::wire::v1::{OidcBegun, OidcProven, OidcRecord, oidc_record::Step};

#[derive(Deserialize)]
pub(in super::super) struct CallbackQuery {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    #[serde(default)]
    error_description: String,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

pub(in super::super) async fn callback(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Response {
    let mut next = String::new();
    let came_back = async {
        may_go_on(&state, address, &headers)?;
        take_back(&state, address, &headers, query, &mut next).await
    };
    match came_back.await {
        Ok(response) => response,
        Err(failure) => refused(&state, CALLBACK, &headers, &next, &failure).await,
    }
}

async fn take_back(
    state: &AppState,
    address: ClientAddress,
    headers: &HeaderMap,
    query: CallbackQuery,
    next: &mut String,
) -> Result<Response, Failure> {
    let provider = provider_of(state)?;
    let (record, begun) = begun(state, headers, &query.state).await?;
    next.clone_from(&record.next);
    let code = answer(provider, query)?;
    let claims = provider
        .recognise(
            &redirect_of(state, headers),
            code,
            begun.nonce,
            begun.pkce_verifier,
        )
        .await
        .map_err(|error| error.failure(provider.label()))?;
    provider.admit(&claims)?;
    let directory = state.store.directory();
    let holder = directory.person_of(&claims.identity().id).await?;
    if !record.uid.is_empty() {
        return to_connect(state, headers, record, &claims, holder).await;
    }
    match holder {
        Some(uid) => come_in(state, address, headers, &uid, &record.next).await,
        None => to_join(state, provider, record, &claims).await,
    }
}

/// What this browser began with the `state` that it brings back, which nobody can go on with after
/// this. With another state it can still come to its end.
async fn begun(
    state: &AppState,
    headers: &HeaderMap,
    brought: &str,
) -> Result<(OidcRecord, OidcBegun), Failure> {
    let pending = pending_of(state, headers).await?.ok_or_else(not_begun)?;
    let Some(Step::Begun(begun)) = pending.record.step.clone() else {
        return Err(not_begun());
    };
    // Hashes, so that the time it takes to compare them tells nothing.
    if begun.state_hash != fingerprint(brought) {
        return Err(not_begun());
    }
    if !state.store.pending.take(&pending).await? {
        return Err(not_begun());
    }
    Ok((pending.record, begun))
}

/// The code, or why there is none.
fn answer(provider: &Provider, query: CallbackQuery) -> Result<String, Failure> {
    let label = provider.label();
    if query.iss.is_some_and(|iss| iss != provider.issuer()) {
        return Err(Failure::invalid(format!(
            "Somebody else than {label} answered. Sign in there once more."
        )));
    }
    if let Some(error) = query.error {
        let said = format!("{error}: {}", query.error_description);
        let said: String = said.escape_debug().take(200).collect();
        tracing::info!(said, "the identity provider sent somebody back");
        return Err(match error.as_str() {
            "access_denied" => Failure::forbidden(format!(
                "{label} did not let you in, or you stopped there. Nothing has changed."
            )),
            "temporarily_unavailable" | "server_error" => Failure {
                kind: crate::wire::v1::FailureKind::Unavailable,
                ..Failure::forbidden(format!(
                    "{label} has trouble of its own right now. Try again in a moment."
                ))
            },
            _ => Failure::forbidden(format!(
                "{label} refused to say who you are. An administrator finds its reason in natter’s log."
            )),
        });
    }
    query.code.ok_or_else(not_begun)
}

/// Who is known comes in.
async fn come_in(
    state: &AppState,
    address: ClientAddress,
    headers: &HeaderMap,
    uid: &Username,
    next: &str,
) -> Result<Response, Failure> {
    let account = state.store.directory().person(uid).await?;
    let account = account.ok_or_else(Failure::unavailable)?;
    if account.person.suspended {
        return Err(suspended());
    }
    let before = cookie::read(headers, &state.site);
    let from = origin_of(headers, address);
    let generation = account.session_generation;
    let landing = onward::landing(next);
    let inside = begin_session(state, uid, generation, before.as_ref(), from, &landing).await?;
    Ok(with_pending(inside, state, None))
}

/// Who is new says first what they want to be called.
async fn to_join(
    state: &AppState,
    provider: &Provider,
    record: OidcRecord,
    claims: &Claims,
) -> Result<Response, Failure> {
    let is_invited = !record.invitation_id.is_empty();
    if provider.accounts() == OidcAccounts::Invite
        && !is_invited
        && state.store.directory().is_founded().await?
    {
        return Err(needs_invitation());
    }
    let mut username = String::new();
    for name in claims.usernames() {
        if state.store.directory().person(&name).await?.is_none() {
            username = name.to_string();
            break;
        }
    }
    let proven = OidcProven {
        username,
        ..proven(claims)
    };
    go_on(state, record, proven, "/signup/oidc").await
}

/// Who is signed in confirms first that it is they.
async fn to_connect(
    state: &AppState,
    headers: &HeaderMap,
    record: OidcRecord,
    claims: &Claims,
    holder: Option<Username>,
) -> Result<Response, Failure> {
    let me = SignedIn::find(headers, state).await.ok();
    let Some(me) = me.filter(|me| me.uid.as_str() == record.uid) else {
        return Err(not_begun());
    };
    match holder {
        Some(holder) if holder == me.uid => {
            Ok(with_pending(on_to("/settings/account"), state, None))
        }
        Some(_) => Err(DirectoryError::IdentityTaken.into()),
        None => go_on(state, record, proven(claims), "/settings/account").await,
    }
}

fn proven(claims: &Claims) -> OidcProven {
    OidcProven {
        identity: Some(claims.identity()),
        shown_as: claims.shown_as(),
        username: String::new(),
        display_name: claims
            .display_name()
            .map(|name| name.to_string())
            .unwrap_or_default(),
    }
}

async fn go_on(
    state: &AppState,
    record: OidcRecord,
    proven: OidcProven,
    path: &str,
) -> Result<Response, Failure> {
    let step = Step::Proven(proven);
    let token = state.store.pending.keep(record, step).await?;
    Ok(with_pending(on_to(path), state, Some(&token)))
}
