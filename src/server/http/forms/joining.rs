//! What all ways of making an account have in common, by password and through an identity provider.

use super::super::AppState;
use crate::domain::{DisplayName, RoomId, Username};
use crate::server::Failure;
use crate::server::store::{DirectoryError, Invitation, NewPerson};
use crate::wire::v1::{self, MembershipChange};

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

/// Makes the account, with the key of a password's hash, an identity of another provider, or both,
/// and brings who was invited into the rooms.
pub(in super::super) async fn settle(
    state: &AppState,
    names: Names,
    credential: String,
    identity: Option<v1::Identity>,
    invited: Option<&Invitation>,
) -> Result<Username, Failure> {
    let forget = async || match credential.as_str() {
        "" => Ok(()),
        key => state.store.credentials.forget(key).await,
    };
    if let Some(invited) = invited
        && !state.store.invitations.take(&invited.id).await?
    {
        forget().await?;
        return Err(bad_link());
    }
    let uid = names.uid.clone();
    let new = NewPerson {
        uid: names.uid,
        display_name: names.display_name,
        credential: credential.clone(),
        role: invited.map_or(v1::Role::Member, |invited| match invited.record.role() {
            v1::Role::Guest => v1::Role::Guest,
            _ => v1::Role::Member,
        }),
        identity,
    };
    if let Err(error) = state.store.directory().join(&new).await {
        let is_name = matches!(error, DirectoryError::Taken);
        let failure = Failure::from(error);
        // On any other failure the entry may be there after all, and needs its hash.
        if failure.kind == v1::FailureKind::Conflict {
            forget().await?;
            if let Some(invited) = invited {
                state.store.invitations.give_back(invited).await?;
            }
            return Err(if is_name { taken() } else { failure });
        }
        return Err(failure);
    }
    if let Some(invited) = invited {
        bring_in(state, &uid, invited).await;
    }
    Ok(uid)
}

/// Into the rooms that the link names. Where one is gone meanwhile, or does not answer, the person
/// is in all the same, and somebody can bring them in.
async fn bring_in(state: &AppState, uid: &Username, invited: &Invitation) {
    let directory = state.store.directory();
    let Ok(by) = Username::parse(&invited.record.made_by) else {
        return;
    };
    for id in &invited.record.room_ids {
        let Ok(id) = RoomId::parse(id) else { continue };
        let brought = async {
            let room = directory.room(&id).await?;
            if let Some(room) = room.filter(|room| !room.archived) {
                directory
                    .change_membership(&by, uid, &room, MembershipChange::Added)
                    .await?;
            }
            Ok::<_, Failure>(())
        };
        if let Err(failure) = brought.await {
            tracing::warn!(%failure, %uid, "was not brought into a room");
        }
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
