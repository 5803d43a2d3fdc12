//! KV buckets whose every read is the leader's.

use std::ops::Deref;
use std::time::Duration;

use async_nats::jetstream::{self as js, Context, kv};
use bytes::Bytes;
use futures::future::ready;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::StoreError;
use super::leader::{self, Leader};

/// A bucket. What is asked of it by a method of its own waits for the leader; what it has of
/// async-nats is asked once.
#[derive(Clone)]
pub(super) struct Bucket {
    bucket: kv::Store,
    leader: Leader,
}

impl Deref for Bucket {
    type Target = kv::Store;

    fn deref(&self) -> &kv::Store {
        &self.bucket
    }
}

/// Opens a bucket, and makes it when it does not exist.
///
/// The stream is made by hand, since async-nats makes buckets with `allow_direct` on: a direct get
/// right after an acknowledged put was seen to be stale (Must hold, 6).
pub(super) async fn open(
    context: &Context,
    name: &str,
    max_age: Duration,
    replicas: usize,
) -> Result<Bucket, StoreError> {
    let config = js::stream::Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        discard: js::stream::DiscardPolicy::New,
        storage: js::stream::StorageType::File,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: false,
        max_age,
        duplicate_window: Duration::from_secs(120),
        num_replicas: replicas,
        ..js::stream::Config::default()
    };
    context
        .get_or_create_stream(config)
        .await
        .map_err(StoreError::broker("open a bucket"))?;
    let bucket = context.get_key_value(name).await;
    Ok(Bucket {
        bucket: bucket.map_err(StoreError::broker("open a bucket"))?,
        leader: Leader::new(context.client()),
    })
}

/// Keys of a list that are read at the leader at once: one after the other costs a way there and back each.
const READ_AT_ONCE: usize = 16;

/// Reads what belongs to each of many keys, several at a time, in the order of the keys. Keys without
/// anything are left out.
pub(super) async fn read_each<K, T, F>(
    keys: impl IntoIterator<Item = K>,
    read: impl FnMut(K) -> F,
) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<Option<T>, StoreError>>,
{
    let reads = stream::iter(keys).map(read).buffered(READ_AT_ONCE);
    reads
        .try_filter_map(|found| ready(Ok(found)))
        .try_collect()
        .await
}

impl Bucket {
    /// What it has of a key, a deletion too, as its leader knows it.
    pub(super) async fn entry(
        &self,
        key: &str,
        doing: &'static str,
    ) -> Result<Option<kv::Entry>, StoreError> {
        let ask = move || async move {
            match self.bucket.entry(key).await {
                Err(error) if error.kind() == kv::EntryErrorKind::InvalidKey => Ok(None),
                entry => entry.map_err(StoreError::broker(doing)),
            }
        };
        self.leader.ask(doing, ask).await
    }

    /// The value of a key, as its leader knows it.
    pub(super) async fn get(
        &self,
        key: &str,
        doing: &'static str,
    ) -> Result<Option<Bytes>, StoreError> {
        let entry = self.entry(key, doing).await?;
        let put = entry.filter(|entry| entry.operation == kv::Operation::Put);
        Ok(put.map(|entry| entry.value))
    }

    /// Keeps a value under a key that nobody had before and nobody else makes.
    pub(super) async fn add(
        &self,
        key: &str,
        value: Vec<u8>,
        doing: &'static str,
    ) -> Result<(), StoreError> {
        let value = &Bytes::from(value);
        let ask = move || async move {
            // One that was on its way for long does not bring back what was deleted meanwhile.
            match self.bucket.update(key, value.clone(), 0).await {
                Ok(_) => Ok(()),
                // It was there already: the one asked for before.
                Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(()),
                Err(error) => Err(StoreError::broker(doing)(error)),
            }
        };
        self.leader.ask(doing, ask).await
    }

    /// The keys below `prefix` and a dot, as its leader knows them. Among them are keys whose value
    /// has been deleted.
    pub(super) async fn keys_below(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let doing = "list keys";
        let base = format!("$KV.{}.", self.bucket.name);
        let below = &format!("{base}{prefix}.>");
        let ask = move || async move {
            let subjects = self.bucket.stream.info_with_subjects(below).await;
            let subjects = subjects.map_err(StoreError::broker(doing))?;
            leader::told(&subjects.info, doing)?;
            let subjects: Vec<(String, usize)> = subjects
                .try_collect()
                .await
                .map_err(StoreError::broker(doing))?;
            Ok(subjects)
        };
        let subjects = self.leader.ask(doing, ask).await?;
        let keys = subjects
            .into_iter()
            .filter_map(|(subject, _)| subject.strip_prefix(&base).map(str::to_owned));
        Ok(keys.collect())
    }
}
