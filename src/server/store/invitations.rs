//! Links that administrators give to people: to make an account with, or to choose a new password.

use std::time::Duration;

use async_nats::jetstream::{Context, kv};
use futures::TryStreamExt as _;
use prost::Message as _;

use super::StoreError;
use super::bucket::{self, Bucket};
use super::sessions::{fresh_secret, hash_of, is_secret};
use crate::server::clock;
use crate::wire::v1::{InvitationKind, InvitationRecord};

/// How often taking one is tried anew when somebody else was first.
const TRIES: usize = 20;

/// A link that is good.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// Its name, where the token must not be.
    pub id: String,
    /// What it is good for.
    pub record: InvitationRecord,
}

/// The bucket of links.
#[derive(Clone)]
pub struct Invitations {
    bucket: Bucket,
}

impl Invitations {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-invitations", Duration::ZERO, replicas).await?,
        })
    }

    /// Makes one, and gives its token, which natter does not keep.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn make(&self, record: &InvitationRecord) -> Result<String, StoreError> {
        let doing = "keep an invitation";
        let token = fresh_secret().map_err(StoreError::broker(doing))?;
        let (key, record) = (hash_of(&token), record.encode_to_vec());
        self.bucket.add(&key, record, doing).await?;
        Ok(token)
    }

    /// The link of a token, if it is good for this.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn find(
        &self,
        token: &str,
        kind: InvitationKind,
    ) -> Result<Option<Invitation>, StoreError> {
        if !is_secret(token) {
            return Ok(None);
        }
        let found = self.entry(&hash_of(token)).await?;
        Ok(found
            .map(|(_, invitation)| invitation)
            .filter(|invitation| invitation.record.kind() == kind))
    }

    /// The link of this name, for making an account, if it is good.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn find_by_id(&self, id: &str) -> Result<Option<Invitation>, StoreError> {
        let found = self.entry(id).await?.map(|(_, invitation)| invitation);
        Ok(found.filter(|invitation| invitation.record.kind() == InvitationKind::Join))
    }

    async fn entry(&self, id: &str) -> Result<Option<(u64, Invitation)>, StoreError> {
        let entry = self.bucket.entry(id, "look an invitation up").await?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else {
            return Ok(None);
        };
        let record = InvitationRecord::decode(entry.value)
            .map_err(|_| StoreError::Corrupt("an invitation"))?;
        let id = id.to_owned();
        let is_good = record.expires_at_ms > clock::now().0;
        Ok(is_good.then_some((entry.revision, Invitation { id, record })))
    }

    /// Uses a link once. False: it is good no longer. Of two who race for the last use, one gets
    /// it.
    ///
    /// # Errors
    /// The broker did not answer: it may have been used.
    pub async fn take(&self, id: &str) -> Result<bool, StoreError> {
        let doing = "use an invitation";
        for _ in 0..TRIES {
            let Some((revision, Invitation { mut record, .. })) = self.entry(id).await? else {
                return Ok(false);
            };
            let taken = match record.uses_left {
                0 => return Ok(true),
                1 => {
                    let deleted = self.bucket.delete_expect_revision(id, Some(revision)).await;
                    match deleted {
                        Ok(()) => true,
                        Err(_) if self.was_changed(id, revision).await? => false,
                        Err(error) => return Err(StoreError::broker(doing)(error)),
                    }
                }
                left => {
                    record.uses_left = left - 1;
                    let payload = record.encode_to_vec().into();
                    match self.bucket.update(id, payload, revision).await {
                        Ok(_) => true,
                        Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                            false
                        }
                        Err(error) => return Err(StoreError::broker(doing)(error)),
                    }
                }
            };
            if taken {
                return Ok(true);
            }
        }
        Err(StoreError::Conflict)
    }

    async fn was_changed(&self, id: &str, revision: u64) -> Result<bool, StoreError> {
        let entry = self.bucket.entry(id, "look an invitation up").await?;
        Ok(entry.is_none_or(|entry| entry.revision != revision))
    }

    /// Gives a use back: what it was taken for did not come about.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn give_back(&self, invitation: &Invitation) -> Result<(), StoreError> {
        if invitation.record.uses_left == 0 {
            return Ok(());
        }
        let mut record = invitation.record.clone();
        record.uses_left = match self.entry(&invitation.id).await? {
            Some((_, left)) => left.record.uses_left + 1,
            None => 1,
        };
        self.bucket
            .put(&invitation.id, record.encode_to_vec().into())
            .await
            .map_err(StoreError::broker("give an invitation back"))?;
        Ok(())
    }

    /// All links for making accounts that are good, the newest first.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn all(&self) -> Result<Vec<Invitation>, StoreError> {
        let doing = "list invitations";
        let keys = self.bucket.keys().await;
        let keys: Vec<String> = keys
            .map_err(StoreError::broker(doing))?
            .try_collect()
            .await
            .map_err(StoreError::broker(doing))?;
        let mut all = Vec::new();
        for key in keys {
            all.extend(self.entry(&key).await?.map(|(_, invitation)| invitation));
        }
        all.retain(|invitation| invitation.record.kind() == InvitationKind::Join);
        all.sort_by_key(|invitation| std::cmp::Reverse(invitation.record.made_at_ms));
        Ok(all)
    }

    /// Makes a link good for nothing. False: it was so already.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn revoke(&self, id: &str) -> Result<bool, StoreError> {
        if !is_secret(id) || self.entry(id).await?.is_none() {
            return Ok(false);
        }
        self.bucket
            .delete(id)
            .await
            .map_err(StoreError::broker("revoke an invitation"))?;
        Ok(true)
    }
}
