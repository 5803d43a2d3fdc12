//! Password hashes, in a bucket of their own. A person's entry in the directory names the key of
//! theirs, so that of two who race for a username only the winner's hash counts.

use async_nats::jetstream::Context;

use super::StoreError;
use super::bucket::{self, Bucket};
use super::sessions::fresh_secret;

/// The bucket of password hashes.
#[derive(Clone)]
pub struct Credentials {
    bucket: Bucket,
}

impl Credentials {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(
                js,
                "natter-credentials",
                std::time::Duration::ZERO,
                replicas,
            )
            .await?,
        })
    }

    /// Keeps a hash (in PHC form) under a fresh key, and gives the key.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn add(&self, hash: String) -> Result<String, StoreError> {
        let doing = "keep a password";
        let key = fresh_secret().map_err(StoreError::broker(doing))?;
        self.bucket.add(&key, hash.into(), doing).await?;
        Ok(key)
    }

    /// The hash under a key.
    ///
    /// # Errors
    /// The broker did not answer, or the hash is not text.
    pub async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let hash = self.bucket.get(key, "look a password up").await?;
        hash.map(|bytes| {
            String::from_utf8(bytes.to_vec()).map_err(|_| StoreError::Corrupt("a password’s hash"))
        })
        .transpose()
    }

    /// Forgets a hash whose username went to somebody else.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn forget(&self, key: &str) -> Result<(), StoreError> {
        self.bucket
            .purge(key)
            .await
            .map_err(StoreError::broker("forget a password"))
    }
}
