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

    /// The link of a token, if it is good for this. Whether its maker may still make it is judged by
    /// [`Store::invitation`](super::Store::invitation).
    ///
    /// # Errors
    /// The broker did not answer.
    pub(super) async fn find(
        &self,
        token: &str,
        kind: InvitationKind,
    ) -> Result<Option<Invitation>, StoreError> {
        if !is_secret(token) {
            return Ok(None);
        }
        let found = self.entry(&hash_of(token)).await?;
        Ok(found.filter(|invitation| invitation.record.kind() == kind))
    }

    /// The link of this name, for making an account, alike.
    ///
    /// # Errors
    /// The broker did not answer.
    pub(super) async fn find_by_id(&self, id: &str) -> Result<Option<Invitation>, StoreError> {
        let found = self.entry(id).await?;
        Ok(found.filter(|invitation| invitation.record.kind() == InvitationKind::Join))
    }

    /// The link of this name, if it is valid.
    async fn entry(&self, id: &str) -> Result<Option<Invitation>, StoreError> {
        let found = self.stored(id).await?;
        let good = found.filter(|(_, record)| is_good(record));
        Ok(good.map(|(_, record)| Invitation {
            id: id.to_owned(),
            record,
        }))
    }

    /// Its record, valid or not, with its revision.
    async fn stored(&self, id: &str) -> Result<Option<(u64, InvitationRecord)>, StoreError> {
        let entry = self.bucket.entry(id, "look an invitation up").await?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else {
            return Ok(None);
        };
        let record = InvitationRecord::decode(entry.value)
            .map_err(|_| StoreError::Corrupt("an invitation"))?;
        Ok(Some((entry.revision, record)))
    }

    /// Takes one use of a link. False: it has none left, or was revoked. Of two who race for the last
    /// use, one gets it.
    ///
    /// # Errors
    /// The broker did not answer: the use may be taken.
    pub async fn take(&self, id: &str) -> Result<bool, StoreError> {
        self.change(id, "use an invitation", is_good, |record| {
            match record.uses_left {
                // Any number.
                0 => return None,
                1 => record.used_up = true,
                left => record.uses_left = left - 1,
            }
            Some(())
        })
        .await
    }

    /// Gives a use back that did not succeed. A link that was revoked meanwhile stays revoked.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn give_back(&self, id: &str) -> Result<(), StoreError> {
        self.change(
            id,
            "give an invitation back",
            |_| true,
            |record| {
                if record.used_up {
                    record.used_up = false;
                } else if record.uses_left > 0 {
                    record.uses_left += 1;
                } else {
                    return None;
                }
                Some(())
            },
        )
        .await?;
        Ok(())
    }

    /// Deletes the record of a link whose last use succeeded. A record that is left behind is not
    /// valid.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn clear(&self, id: &str) -> Result<(), StoreError> {
        let doing = "clear a used invitation away";
        let found = self.stored(id).await?;
        let Some((revision, _)) = found.filter(|(_, record)| record.used_up) else {
            return Ok(());
        };
        self.bucket
            .delete_expect_revision(id, Some(revision))
            .await
            .map_err(StoreError::broker(doing))
    }

    /// Changes the record of a link for which `may` says so. False: there is none. `change` gives
    /// `None` where there is nothing to write.
    async fn change(
        &self,
        id: &str,
        doing: &'static str,
        may: impl Fn(&InvitationRecord) -> bool,
        change: impl Fn(&mut InvitationRecord) -> Option<()>,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let found = self.stored(id).await?.filter(|(_, record)| may(record));
            let Some((revision, mut record)) = found else {
                return Ok(false);
            };
            if change(&mut record).is_none() {
                return Ok(true);
            }
            let payload = record.encode_to_vec().into();
            match self.bucket.update(id, payload, revision).await {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(StoreError::broker(doing)(error)),
            }
        }
        Err(StoreError::Conflict)
    }

    /// All links for making accounts that are good, the newest first.
    ///
    /// # Errors
    /// The broker did not answer.
    pub(super) async fn all(&self) -> Result<Vec<Invitation>, StoreError> {
        let doing = "list invitations";
        let keys = self.bucket.keys().await;
        let keys: Vec<String> = keys
            .map_err(StoreError::broker(doing))?
            .try_collect()
            .await
            .map_err(StoreError::broker(doing))?;
        let find = |key: String| async move { self.entry(&key).await };
        let mut all = bucket::read_each(keys, find).await?;
        all.retain(|invitation| invitation.record.kind() == InvitationKind::Join);
        all.sort_by_key(|invitation| std::cmp::Reverse(invitation.record.made_at_ms));
        Ok(all)
    }

    /// Is there a link of this name that can be revoked? One whose last use is taken can: the use may
    /// yet be given back.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn can_be_revoked(&self, id: &str) -> Result<bool, StoreError> {
        Ok(is_secret(id) && self.stored(id).await?.is_some())
    }

    /// Revokes a link permanently.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn revoke(&self, id: &str) -> Result<(), StoreError> {
        self.bucket
            .delete(id)
            .await
            .map_err(StoreError::broker("revoke an invitation"))
    }
}

fn is_good(record: &InvitationRecord) -> bool {
    !record.used_up && record.expires_at_ms > clock::now().0
}
