//! GET /login/oidc: to the provider.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::AppState;
use super::super::address::ClientAddress;
use super::super::forms::joining::bad_link;
use super::super::forms::on_to;
use super::super::onward;
use super::super::signed_in::{NotSignedIn, SignedIn};
use super::{may_go_on, provider_of, redirect_of, refused, with_pending};
use crate::server::Failure;
use crate::server::store::fingerprint;
use crate::wire::v1::{InvitationKind, OidcBegun, OidcRecord, oidc_record::Step};

#[derive(Deserialize)]
pub(in super::super) struct BeginQuery {
    /// Who is signed in wants to sign in there from now on.
    connect: Option<String>,
    /// The token of an invitation.
    #[serde(default)]
    invite: String,
    /// The page that was asked for.
    #[serde(default)]
    next: String,
}

pub(in super::super) async fn begin(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    Query(query): Query<BeginQuery>,
) -> Response {
    let uid = match (SignedIn::find(&headers, &state).await, &query.connect) {
        (Ok(me), Some(_)) => me.uid.to_string(),
        (Ok(_), None) => return on_to(&onward::landing(&query.next)),
        (Err(NotSignedIn::Nobody | NotSignedIn::Suspended), None) => String::new(),
        (Err(NotSignedIn::Nobody | NotSignedIn::Suspended), Some(_)) => return on_to("/login"),
        (Err(NotSignedIn::Unknown(failure)), _) => {
            return super::super::render::plain(&failure);
        }
    };
    let begun = async {
        may_go_on(&state, address, &headers)?;
        send_there(&state, &headers, uid, &query).await
    };
    match begun.await {
        Ok(response) => response,
        Err(failure) => refused(&state, "/login/oidc", &headers, &query.next, &failure).await,
    }
}

async fn send_there(
    state: &AppState,
    headers: &HeaderMap,
    uid: String,
    query: &BeginQuery,
) -> Result<Response, Failure> {
    let provider = provider_of(state)?;
    let invitation_id = match query.invite.as_str() {
        "" => String::new(),
        token => {
            let found = state.store.invitation(token, InvitationKind::Join).await?;
            found.ok_or_else(bad_link)?.id
        }
    };
    let begun = provider
        .begin(&redirect_of(state, headers))
        .await
        .map_err(|error| error.failure(provider.label()))?;
    let record = OidcRecord {
        uid,
        invitation_id,
        next: onward::own(&query.next),
        ..OidcRecord::default()
    };
    let step = Step::Begun(OidcBegun {
        state_hash: fingerprint(&begun.state),
        nonce: begun.nonce,
        pkce_verifier: begun.pkce_verifier,
    });
    let token = state.store.pending.keep(record, step).await?;
    let away = Redirect::to(&begun.url).into_response();
    Ok(with_pending(away, state, Some(&token)))
}
