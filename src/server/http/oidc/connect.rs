//! /settings/account: who is signed in may sign in at the provider from now on, or no longer.

use axum::http::HeaderMap;
use axum::response::Response;

use super::super::AppState;
use super::super::forms::on_to;
use super::super::signed_in::SignedIn;
use super::{not_begun, proven_for, with_pending};
use crate::server::Failure;
use crate::server::store::Account;

const DONE: &str = "/settings/account?done";

/// Connects the identity that was proven in this browser. That takes a form: a link of somebody
/// else's could lead through the provider with an identity of theirs.
pub(in super::super) async fn connect(
    state: &AppState,
    headers: &HeaderMap,
    me: &SignedIn,
) -> Result<Response, Failure> {
    state.limits.change(&me.uid)?;
    let proven = proven_for(state, headers, me).await?;
    let (pending, proven) = proven.ok_or_else(not_begun)?;
    let identity = proven.identity.ok_or_else(Failure::unavailable)?;
    if !state.store.pending.take(&pending).await? {
        return Err(not_begun());
    }
    let (directory, generation) = (state.store.directory(), me.session.generation);
    directory.connect(&me.uid, generation, &identity).await?;
    Ok(with_pending(on_to(DONE), state, None))
}

/// Takes an identity away, and ends every session so far in the account: one of them may have been begun
/// with that identity.
pub(in super::super) async fn disconnect(
    state: &AppState,
    me: &SignedIn,
    identity: &str,
) -> Result<Account, Failure> {
    state.limits.change(&me.uid)?;
    let directory = state.store.directory();
    let generation = me.session.generation;
    let account = directory.disconnect(&me.uid, generation, identity).await?;
    Ok(account)
}
