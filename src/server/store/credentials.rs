//! Password hashes, in a bucket of their own. A person's entry in the directory names the key of
//! theirs, so that of two who race for a username only the winner's hash counts.

use async_nats::jetstream::{Context, kv};

use super::sessions::fresh_secret;
use super::{StoreError, bucket};

/// The bucket of password hashes.
#[derive(Clone)]
pub struct Credentials {
    bucket: kv::Store,
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
        self.bucket
            .put(&key, hash.into())
            .await
            .map_err(StoreError::broker(doing))?;
        Ok(key)
    }

    /// The hash under a key.
    ///
    /// # Errors
    /// The broker did not answer, or the hash is not text.
    pub async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let hash = self
            .bucket
            .get(key)
            .await
            .map_err(StoreError::broker("look a password up"))?;
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
