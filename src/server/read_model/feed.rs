//! LOG's entries, one after the other, from the broker to the writer.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::ReadError;
use crate::domain::Sequence;
use crate::server::store::{Log, StoreError};

/// Entries that are asked for at once. Half of them are asked for again while the other half
/// is on its way, so the broker never waits for natter's next request.
const BATCH: usize = 4_096;

/// Bytes likewise. The broker cuts a connection off for which 8 MB wait.
const BATCH_BYTES: usize = 2 * 1_024 * 1_024;

/// A consumer that nobody reads from any more is forgotten by the broker after this.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// How often the broker says that it is there when there is nothing else to say; natter begins
/// anew when it misses two.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What comes from LOG.
pub(super) enum Arrived {
    /// An entry.
    Entry {
        sequence: Sequence,
        /// When it was stored, in nanoseconds since the Unix epoch.
        at_ns: i128,
        subject: async_nats::Subject,
        payload: Bytes,
    },
    /// There is nothing more up to LOG's end of when the file was opened: what had the last
    /// numbers was erased.
    AllThereWas,
}

/// Hands on what comes after `after`, for as long as it comes without a gap. `end` is where LOG
/// ended when the file was opened.
///
/// This is a plain consumer and not async-nats' ordered one, which makes itself anew without a
/// word: the log may have been put back from a backup in between.
pub(super) async fn run(
    log: &Log,
    after: Sequence,
    end: Sequence,
    writer: &mpsc::Sender<Arrived>,
) -> Result<(), ReadError> {
    let doing = "hand the log out";
    let consumer = log
        .stream()
        .create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after.0 + 1,
            },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGOTTEN_AFTER,
            ..pull::Config::default()
        })
        .await
        .map_err(StoreError::broker(doing))?;
    if consumer.cached_info().num_pending == 0 {
        hand_on(writer, Arrived::AllThereWas).await?;
    }
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(BATCH)
        .max_bytes_per_batch(BATCH_BYTES)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(StoreError::broker(doing))?;
    let mut expected = 1;
    while let Some(message) = messages.next().await {
        let message = message.map_err(StoreError::broker(doing))?;
        let info = message.info().map_err(StoreError::broker(doing))?;
        if info.consumer_sequence != expected {
            return Err(ReadError::Gap);
        }
        expected += 1;
        let sequence = Sequence(info.stream_sequence);
        let was_last = info.pending == 0 && sequence < end;
        let entry = Arrived::Entry {
            sequence,
            at_ns: info.published.unix_timestamp_nanos(),
            subject: message.message.subject,
            payload: message.message.payload,
        };
        hand_on(writer, entry).await?;
        if was_last {
            hand_on(writer, Arrived::AllThereWas).await?;
        }
    }
    Ok(())
}

async fn hand_on(writer: &mpsc::Sender<Arrived>, arrived: Arrived) -> Result<(), ReadError> {
    // Closed: the writer has failed, and says why.
    writer.send(arrived).await.map_err(|_| ReadError::Stopping)
}
