//! What all ways of making an account have in common, by password and through an identity provider.

use super::super::AppState;
use crate::domain::{DisplayName, RoomId, Username};
use crate::server::Failure;
use crate::server::store::{Admission, DirectoryError, Invitation, NewPerson, StoreError};
use crate::wire::v1;

/// What a new person is called.
pub(in super::super) struct Names {
    /// For good.
    pub uid: Username,
    /// What others see.
    pub display_name: DisplayName,
}

impl Names {
    /// Reads both; without a display name it is the username.
    pub(in super::super) fn parse(username: &str, display_name: &str) -> Result<Self, Failure> {
        let uid = Username::parse(username.trim())?;
        let shown_as = Some(display_name.trim())
            .filter(|name| !name.is_empty())
            .unwrap_or(uid.as_str());
        let display_name = DisplayName::parse(shown_as)?;
        Ok(Self { uid, display_name })
    }

    /// Tells early what the directory would find out late.
    pub(in super::super) async fn are_free(&self, state: &AppState) -> Result<(), Failure> {
        match state.store.directory().person(&self.uid).await? {
            Some(_) => Err(taken()),
            None => Ok(()),
        }
    }
}

fn taken() -> Failure {
    Failure::conflict("This username is taken. Choose another one.")
}

/// The first account is made by who started natter, where others could reach it.
pub(in super::super) fn may_found(state: &AppState, token: &str) -> Result<(), Failure> {
    match &state.setup_token {
        Some(printed) if *token.trim() != **printed => Err(Failure::forbidden(
            "The set-up token is not the one that natter printed when it started.",
        )),
        _ => Ok(()),
    }
}

/// How somebody comes to make an account.
pub(in super::super) struct Way<'a> {
    /// The link that they came with.
    pub invited: Option<&'a Invitation>,
    /// What they typed as the token that `natter serve` printed.
    pub setup_token: &'a str,
    /// May they without a link, once there is a first account?
    pub may_sign_up: &'a (dyn Fn() -> Result<(), Failure> + Sync),
}

impl Way<'_> {
    /// What lets them in at this moment.
    pub(in super::super) async fn admission(&self, state: &AppState) -> Result<Admission, Failure> {
        if !state.store.directory().is_founded().await? {
            may_found(state, self.setup_token)?;
            return Ok(Admission::Founder);
        }
        let Some(Invitation { record, .. }) = self.invited else {
            (self.may_sign_up)()?;
            return Ok(Admission::SignUp);
        };
        let rooms = record.room_ids.iter();
        Ok(Admission::Invited {
            by: Username::parse(&record.made_by)?,
            role: match record.role() {
                v1::Role::Guest => v1::Role::Guest,
                _ => v1::Role::Member,
            },
            rooms: rooms.filter_map(|id| RoomId::parse(id).ok()).collect(),
        })
    }
}

/// Makes the account, with the key of a password's hash, an identity of another provider, or both,
/// and brings whoever was invited into the rooms.
pub(in super::super) async fn settle(
    state: &AppState,
    names: Names,
    credential: String,
    identity: Option<v1::Identity>,
    way: &Way<'_>,
) -> Result<Username, Failure> {
    if let Some(invited) = way.invited
        && !state.store.invitations.take(&invited.id).await?
    {
        forget(state, &credential).await?;
        return Err(bad_link());
    }
    let new = NewPerson {
        uid: names.uid,
        display_name: names.display_name,
        credential,
        identity,
    };
    match join(state, &new, way).await {
        Ok(()) => {
            if let Some(invited) = way.invited
                && let Err(error) = state.store.invitations.clear(&invited.id).await
            {
                tracing::debug!(%error, "a used invitation was not cleared away");
            }
            Ok(new.uid)
        }
        Err(NotJoined::Refused(failure)) => {
            forget(state, &new.credential).await?;
            if let Some(invited) = way.invited {
                state.store.invitations.give_back(&invited.id).await?;
            }
            Err(failure)
        }
        // The entry may be there after all, and needs its hash.
        Err(NotJoined::Unknown(failure)) => Err(failure),
    }
}

/// Why there is no new account, as far as that is known.
enum NotJoined {
    /// Nothing was written.
    Refused(Failure),
    /// The store did not say whether it was written.
    Unknown(Failure),
}

async fn join(state: &AppState, new: &NewPerson, way: &Way<'_>) -> Result<(), NotJoined> {
    // A person who loses the race for the first account is checked again, by the rules for later accounts.
    for _ in 0..2 {
        let admission = way.admission(state).await.map_err(NotJoined::Refused)?;
        return match state.store.directory().join(new, &admission).await {
            Ok(_) => Ok(()),
            Err(DirectoryError::Founded) => continue,
            Err(DirectoryError::Taken) => Err(NotJoined::Refused(taken())),
            Err(DirectoryError::Outdated) => Err(NotJoined::Refused(bad_link())),
            Err(DirectoryError::Store(error)) if !matches!(error, StoreError::Unwritable(_)) => {
                Err(NotJoined::Unknown(error.into()))
            }
            Err(error) => Err(NotJoined::Refused(error.into())),
        };
    }
    Err(NotJoined::Refused(DirectoryError::Founded.into()))
}

async fn forget(state: &AppState, credential: &str) -> Result<(), Failure> {
    match credential {
        "" => Ok(()),
        key => Ok(state.store.credentials.forget(key).await?),
    }
}

pub(in super::super) fn needs_invitation() -> Failure {
    Failure::forbidden(
        "Making an account needs an invitation here. Ask an administrator for a link.",
    )
}

pub(in super::super) fn bad_link() -> Failure {
    Failure::forbidden("This link is used up, too old, or was taken back. Ask for another one.")
}
