//! The `.creds` files that natter has made, by the public nkeys of their users. One that is not
//! here is good for nothing, so taking it out revokes it.

use std::time::Duration;

use async_nats::jetstream::Context;
use futures::TryStreamExt as _;
use prost::Message as _;

use super::StoreError;
use super::bucket::{self, Bucket};
use crate::domain::{Timestamp, Username};
use crate::wire::v1;

/// A `.creds` file that natter has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredsFile {
    /// The public nkey of its user, `U…`.
    pub nkey: String,
    /// What it is good for, and by what name.
    pub holder: Holder,
    /// When it was made.
    pub made_at: Timestamp,
}

/// Whom a `.creds` file speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A person: it may do what they may.
    Person(Username),
    /// A program that asks natter how its services are, by a name of its own.
    Service(Username),
}

impl Holder {
    /// The person's or the service's name.
    #[must_use]
    pub fn name(&self) -> &Username {
        match self {
            Self::Person(name) | Self::Service(name) => name,
        }
    }
}

/// The bucket of `.creds` files.
#[derive(Clone)]
pub struct CredsFiles {
    bucket: Bucket,
}

impl CredsFiles {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-creds", Duration::ZERO, replicas).await?,
        })
    }

    /// Makes a file good from here on.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn add(&self, file: &CredsFile) -> Result<(), StoreError> {
        let kind = match file.holder {
            Holder::Person(_) => v1::CredsKind::Person,
            Holder::Service(_) => v1::CredsKind::Service,
        };
        let record = v1::CredsRecord {
            name: file.holder.name().to_string(),
            kind: kind.into(),
            made_at_ms: file.made_at.0,
        };
        let record = record.encode_to_vec();
        self.bucket
            .add(&file.nkey, record, "keep credentials")
            .await
    }

    /// The file with this nkey, read from the leader. `None` when natter never made it, or it was
    /// revoked.
    ///
    /// # Errors
    /// The broker did not answer: nothing is known of the file.
    pub async fn find(&self, nkey: &str) -> Result<Option<CredsFile>, StoreError> {
        // What comes here is a client's: only a public nkey can be a key.
        if !nkey.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let found = self.bucket.get(nkey, "look credentials up").await?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let record =
            v1::CredsRecord::decode(bytes).map_err(|_| StoreError::Corrupt("a .creds file"))?;
        let name =
            Username::parse(&record.name).map_err(|_| StoreError::Corrupt("a .creds file"))?;
        let holder = match record.kind() {
            v1::CredsKind::Person => Holder::Person(name),
            v1::CredsKind::Service => Holder::Service(name),
            v1::CredsKind::Unspecified => return Err(StoreError::Corrupt("a .creds file")),
        };
        Ok(Some(CredsFile {
            nkey: nkey.to_owned(),
            holder,
            made_at: Timestamp(record.made_at_ms),
        }))
    }

    /// All files that are good, the oldest first.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn all(&self) -> Result<Vec<CredsFile>, StoreError> {
        let doing = "list credentials";
        let keys = self.bucket.keys().await;
        let keys: Vec<String> = keys
            .map_err(StoreError::broker(doing))?
            .try_collect()
            .await
            .map_err(StoreError::broker(doing))?;
        let find = |key: String| async move { self.find(&key).await };
        let mut files = bucket::read_each(keys, find).await?;
        files.sort_by_key(|file| file.made_at.0);
        Ok(files)
    }

    /// Makes a file good for nothing. Connections that it has opened stay until they are cut.
    ///
    /// # Errors
    /// The broker did not acknowledge it: the file may still be good.
    pub async fn revoke(&self, nkey: &str) -> Result<(), StoreError> {
        self.bucket
            .purge(nkey)
            .await
            .map_err(StoreError::broker("revoke credentials"))
    }
}
