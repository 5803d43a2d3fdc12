//! What browsers are in the middle of at the identity provider. A cookie has the secret, and the
//! bucket what belongs to it: so only the browser that began can go on, once, at any natter.

use std::fmt;

use async_nats::jetstream::{Context, kv};
use prost::Message as _;

use super::StoreError;
use super::bucket::{self, Bucket};
use super::sessions::{fresh_secret, hash_of, is_secret};
use crate::domain::limits;
use crate::server::clock;
use crate::wire::v1::{OidcRecord, oidc_record::Step};

/// 256 random bits that only one browser has. Natter keeps their hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingToken(String);

impl PendingToken {
    /// Reads a cookie's value. `None` when natter never gave it out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_secret(text).then(|| Self(text.to_owned()))
    }

    /// The cookie's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PendingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingToken(…)")
    }
}

/// Something under way, at one of its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// What it is.
    pub record: OidcRecord,
    key: String,
    revision: u64,
}

/// The bucket of what is under way.
#[derive(Clone)]
pub struct Pendings {
    bucket: Bucket,
}

impl Pendings {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-oidc", limits::SIGN_IN_ELSEWHERE, replicas).await?,
        })
    }

    /// Keeps a step under a fresh secret. `record` says whom it is for; its `step` and its end are
    /// set here.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn keep(&self, record: OidcRecord, step: Step) -> Result<PendingToken, StoreError> {
        let doing = "keep a sign-in under way";
        let token = fresh_secret().map_err(StoreError::broker(doing))?;
        let life = limits::SIGN_IN_ELSEWHERE;
        let record = OidcRecord {
            expires_at_ms: clock::now().0 + i64::try_from(life.as_millis()).unwrap_or_default(),
            step: Some(step),
            ..record
        };
        let (key, record) = (hash_of(&token), record.encode_to_vec());
        self.bucket.add(&key, record, doing).await?;
        Ok(PendingToken(token))
    }

    /// What a browser is in the middle of. `None`: nothing, or no longer.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn find(&self, token: &PendingToken) -> Result<Option<Pending>, StoreError> {
        let key = hash_of(&token.0);
        let entry = self.bucket.entry(&key, "look a sign-in up").await?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else {
            return Ok(None);
        };
        let record =
            OidcRecord::decode(entry.value).map_err(|_| StoreError::Corrupt("a sign-in"))?;
        let is_good = record.expires_at_ms > clock::now().0;
        Ok(is_good.then_some(Pending {
            record,
            key,
            revision: entry.revision,
        }))
    }

    /// Uses it, once. False: somebody has.
    ///
    /// # Errors
    /// The broker did not answer: it may have been used.
    pub async fn take(&self, pending: &Pending) -> Result<bool, StoreError> {
        let (key, revision) = (&pending.key, pending.revision);
        let taken = self
            .bucket
            .delete_expect_revision(key, Some(revision))
            .await;
        let Err(error) = taken else {
            return Ok(true);
        };
        let doing = "use a sign-in";
        let entry = self.bucket.entry(key, doing).await?;
        if entry.is_none_or(|entry| entry.revision != revision) {
            return Ok(false);
        }
        Err(StoreError::broker(doing)(error))
    }
}

/// What of a secret may be kept to know it again.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    hash_of(secret)
}
