//! Where else somebody may sign in. An identity is one person's at most: it has a subject of its
//! own, which is written in the same batch as the account that it belongs to.

use super::{Account, Directory, DirectoryError, TRIES, entry};
use crate::domain::{Sequence, Username, subject};
use crate::server::store::{Entry, Expect, StoreError};
use crate::wire::v1::{self, event::Body};

impl Directory<'_> {
    /// Whose an identity is, read from the leader.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn person_of(&self, identity: &str) -> Result<Option<Username>, StoreError> {
        Ok(self.holder(identity).await?.1)
    }

    /// The same, with the place of what says so.
    pub(super) async fn holder(
        &self,
        identity: &str,
    ) -> Result<(Sequence, Option<Username>), StoreError> {
        let subject = subject::log_identity(identity);
        let (place, event) = self.log.last_with_place(&subject).await?;
        let uid = match event.and_then(|event| event.body) {
            Some(Body::IdentityChanged(changed)) if !changed.uid.is_empty() => {
                Some(Username::parse(&changed.uid).map_err(super::corrupt)?)
            }
            _ => None,
        };
        Ok((place, uid))
    }

    /// Lets somebody sign in with an identity, if their session of this generation still holds.
    ///
    /// # Errors
    /// [`DirectoryError::Outdated`] when it does not, [`DirectoryError::IdentityTaken`] when it is somebody else's, and
    /// [`DirectoryError::Connected`] when they have one of that provider: they have no use for two,
    /// and an account must not grow without end.
    pub async fn connect(
        &self,
        uid: &Username,
        session_generation: u64,
        identity: &v1::Identity,
    ) -> Result<(), DirectoryError> {
        for _ in 0..TRIES {
            let (place, holder) = self.holder(&identity.id).await?;
            match holder {
                Some(holder) if holder == *uid => return Ok(()),
                Some(_) => return Err(DirectoryError::IdentityTaken),
                None => {}
            }
            let (account_place, account) = self.account(uid).await?;
            let mut account = account.ok_or(DirectoryError::Missing("person"))?;
            if !account.admits(session_generation) {
                return Err(DirectoryError::Outdated);
            }
            if account.holds_one_of(&identity.issuer) {
                return Err(DirectoryError::Connected);
            }
            account.identities.push(identity.clone());
            let entries = [
                held(uid, &identity.id, uid.as_str(), place)?,
                entry(
                    uid,
                    subject::log_person(uid),
                    account.changed(),
                    Expect::Last(account_place),
                )?,
            ];
            match self.log.append_all(&entries).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Lets somebody sign in with an identity no longer, if their session of this generation still
    /// holds, and ends every session so far: one of them may have been begun with it. An identity that is not
    /// theirs stays as it is, and so do their sessions.
    ///
    /// # Errors
    /// [`DirectoryError::Outdated`] when it does not, [`DirectoryError::LastWayIn`] when they have no
    /// password and no other identity.
    pub async fn disconnect(
        &self,
        uid: &Username,
        session_generation: u64,
        identity: &str,
    ) -> Result<Account, DirectoryError> {
        for _ in 0..TRIES {
            let (account_place, account) = self.account(uid).await?;
            let mut account = account.ok_or(DirectoryError::Missing("person"))?;
            if !account.admits(session_generation) {
                return Err(DirectoryError::Outdated);
            }
            let before = account.identities.len();
            account.identities.retain(|held| held.id != identity);
            if account.identities.len() == before {
                return Ok(account);
            }
            if account.identities.is_empty() && account.credential.is_empty() {
                return Err(DirectoryError::LastWayIn);
            }
            account.session_generation += 1;
            account.link_generation += 1;
            let (place, _) = self.holder(identity).await?;
            let entries = [
                held(uid, identity, "", place)?,
                entry(
                    uid,
                    subject::log_person(uid),
                    account.changed(),
                    Expect::Last(account_place),
                )?,
            ];
            match self.log.append_all(&entries).await {
                Ok(_) => return Ok(account),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// Says whose an identity is from here on.
pub(super) fn held(
    by: &Username,
    identity: &str,
    uid: &str,
    place: Sequence,
) -> Result<Entry, StoreError> {
    entry(
        by,
        subject::log_identity(identity),
        Body::IdentityChanged(v1::IdentityChanged { uid: uid.into() }),
        Expect::Last(place),
    )
}
