//! KV buckets whose every read is the leader's.

use std::time::Duration;

use async_nats::jetstream::{Context, kv, stream};
use futures::TryStreamExt as _;

use super::StoreError;

/// Opens a bucket, and makes it when it does not exist.
///
/// The stream is made by hand, since async-nats makes buckets with `allow_direct` on: a direct get
/// right after an acknowledged put was seen to be stale (Must hold, 6).
pub(super) async fn open(
    js: &Context,
    name: &str,
    max_age: Duration,
    replicas: usize,
) -> Result<kv::Store, StoreError> {
    let config = stream::Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        discard: stream::DiscardPolicy::New,
        storage: stream::StorageType::File,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: false,
        max_age,
        duplicate_window: Duration::from_secs(120),
        num_replicas: replicas,
        ..stream::Config::default()
    };
    js.get_or_create_stream(config)
        .await
        .map_err(StoreError::broker("open a bucket"))?;
    js.get_key_value(name)
        .await
        .map_err(StoreError::broker("open a bucket"))
}

/// The keys of a bucket below `prefix` and a dot, as its leader knows them. Among them are keys
/// whose value has been deleted.
pub(super) async fn keys_below(
    bucket: &kv::Store,
    prefix: &str,
) -> Result<Vec<String>, StoreError> {
    let doing = "list keys";
    let base = format!("$KV.{}.", bucket.name);
    let subjects = bucket
        .stream
        .info_with_subjects(format!("{base}{prefix}.>"))
        .await
        .map_err(StoreError::broker(doing))?;
    let subjects: Vec<(String, usize)> = subjects
        .try_collect()
        .await
        .map_err(StoreError::broker(doing))?;
    let keys = subjects
        .into_iter()
        .filter_map(|(subject, _)| subject.strip_prefix(&base).map(str::to_owned));
    Ok(keys.collect())
}
