//! Who a request comes from.

use axum::extract::{FromRef as _, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;

use super::counted::Seen;
use super::{AppState, cookie, onward, render};
use crate::domain::Username;
use crate::server::Failure;
use crate::server::store::{Permit, Session, SessionToken};
use crate::wire::v1;

/// Somebody with a session that holds. Pages and forms take it as an argument; who has none is
/// sent to sign in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub uid: Username,
    /// Their session.
    pub session: Session,
    /// Its token.
    pub token: SessionToken,
    /// What they are to the workspace.
    pub role: v1::Role,
}

/// Why there is nobody.
#[derive(Debug)]
pub enum NotSignedIn {
    /// No session, or one that has ended.
    Nobody,
    /// Somebody who may not come in.
    Suspended,
    /// The store did not answer: nothing is known.
    Unknown(Failure),
}

impl SignedIn {
    /// Looks the session of a request up, at the leader.
    pub(super) async fn find(
        headers: &axum::http::HeaderMap,
        state: &AppState,
    ) -> Result<Self, NotSignedIn> {
        let token = cookie::read(headers, &state.site).ok_or(NotSignedIn::Nobody)?;
        Self::of_token(token, state).await
    }

    async fn of_token(token: SessionToken, state: &AppState) -> Result<Self, NotSignedIn> {
        let session = state
            .store
            .sessions
            .find(&token)
            .await
            .map_err(|error| NotSignedIn::Unknown(error.into()))?
            .ok_or(NotSignedIn::Nobody)?;
        let uid = session.uid.clone().ok_or(NotSignedIn::Nobody)?;
        let account = state
            .store
            .directory()
            .person(&uid)
            .await
            .map_err(|error| NotSignedIn::Unknown(error.into()))?
            .ok_or(NotSignedIn::Nobody)?;
        if account.person.suspended {
            return Err(NotSignedIn::Suspended);
        }
        // It began by a password, or at a moment, that is no longer good for one.
        if !account.admits(session.generation) {
            return Err(NotSignedIn::Nobody);
        }
        Ok(Self {
            uid,
            session,
            token,
            role: account.person.role(),
        })
    }

    /// Lets them change their own account, for as long as this session holds.
    #[must_use]
    pub fn permit(&self) -> Permit<'_> {
        Permit::Session(self.session.generation)
    }

    /// The same, without a second look where there was one.
    pub(super) async fn of_request(parts: &Parts, state: &AppState) -> Result<Self, NotSignedIn> {
        match parts.extensions.get::<Seen>() {
            Some(Seen(me)) => Ok(me.clone()),
            None => Self::find(&parts.headers, state).await,
        }
    }

    /// Looks again, right before something takes effect that took its time (a password that was
    /// hashed, a picture that was decoded): the session may have ended meanwhile.
    ///
    /// # Errors
    /// The session has ended, the person was suspended, or neither is known now.
    pub(super) async fn still(&self, state: &AppState) -> Result<(), Failure> {
        match Self::of_token(self.token.clone(), state).await {
            Ok(_) => Ok(()),
            Err(NotSignedIn::Nobody | NotSignedIn::Suspended) => Err(Failure::forbidden(
                "You were signed out before this was done, so nothing has changed. Sign in again.",
            )),
            Err(NotSignedIn::Unknown(failure)) => Err(failure),
        }
    }

    /// Do they look after the workspace?
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        self.role == v1::Role::Administrator
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        // A form's was looked up when its body had come (`guarded`).
        if let Some(me) = parts.extensions.get::<Self>() {
            return Ok(me.clone());
        }
        let state = AppState::from_ref(state);
        match Self::of_request(parts, &state).await {
            Ok(signed_in) => Ok(signed_in),
            Err(NotSignedIn::Nobody) => {
                Err(onward::to_sign_in("/login", &parts.method, &parts.uri))
            }
            Err(NotSignedIn::Suspended) => {
                let address = "/login?why=suspended";
                Err(onward::to_sign_in(address, &parts.method, &parts.uri))
            }
            Err(NotSignedIn::Unknown(failure)) => Err(render::plain(&failure)),
        }
    }
}
