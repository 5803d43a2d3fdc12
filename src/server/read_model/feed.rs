//! LOG's entries, one after the other, from the broker to the writer.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::MessagesErrorKind;
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
/// anew when it misses two, or while the model is catching up, ten times two. The consumer is one
/// server’s of a cluster: until natter has noticed that this one is gone, nobody is answered.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// So often two heartbeats may be missed in a row while the model is catching up.
const MISSED: u32 = 10;

/// A consumer that is not there after this takes longer; and between two looks until it is.
const MEANWHILE: Duration = Duration::from_millis(100);

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
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: after.0 + 1,
        },
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: FORGOTTEN_AFTER,
        ..pull::Config::default()
    };
    let mut handed = after;
    let consumer = tokio::select! {
        made = log.consumer(&config) => made?,
        ended = read_meanwhile(log, &mut handed, end, writer) => return ended,
    };
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
    let mut missed = 0;
    while let Some(message) = messages.next().await {
        let message = match message {
            // While nobody is answered anyway, a broker that is slow is better waited for: what has
            // been built would be thrown away.
            Err(error)
                if error.kind() == MessagesErrorKind::MissingHeartbeat
                    && handed < end
                    && missed < MISSED =>
            {
                missed += 1;
                continue;
            }
            message => message.map_err(StoreError::broker(doing))?,
        };
        missed = 0;
        let info = message.info().map_err(StoreError::broker(doing))?;
        if info.consumer_sequence != expected {
            return Err(ReadError::Gap);
        }
        expected += 1;
        let sequence = Sequence(info.stream_sequence);
        let was_last = info.pending == 0 && sequence < end;
        // Not what was read meanwhile.
        if sequence > handed {
            let entry = Arrived::Entry {
                sequence,
                at_ns: info.published.unix_timestamp_nanos(),
                subject: message.message.subject,
                payload: message.message.payload,
            };
            hand_on(writer, entry).await?;
            handed = sequence;
        }
        if was_last {
            hand_on(writer, Arrived::AllThereWas).await?;
        }
    }
    Ok(())
}

/// Reads entry by entry, until it is given up. A cluster that has lost the server that makes
/// consumers makes none for up to nine seconds, while the log goes on.
async fn read_meanwhile(
    log: &Log,
    handed: &mut Sequence,
    end: Sequence,
    writer: &mpsc::Sender<Arrived>,
) -> Result<(), ReadError> {
    tokio::time::sleep(MEANWHILE).await;
    let mut is_behind = *handed < end;
    loop {
        let now = log.end().await?.sequence;
        for place in handed.0 + 1..=now.0 {
            if let Some(message) = log.get_raw(Sequence(place)).await? {
                let entry = Arrived::Entry {
                    sequence: Sequence(place),
                    at_ns: message.time.unix_timestamp_nanos(),
                    subject: message.subject,
                    payload: message.payload,
                };
                hand_on(writer, entry).await?;
            }
            *handed = Sequence(place);
        }
        if now >= end && std::mem::take(&mut is_behind) {
            hand_on(writer, Arrived::AllThereWas).await?;
        }
        tokio::time::sleep(MEANWHILE).await;
    }
}

async fn hand_on(writer: &mpsc::Sender<Arrived>, arrived: Arrived) -> Result<(), ReadError> {
    // Closed: the writer has failed, and says why.
    writer.send(arrived).await.map_err(|_| ReadError::Stopping)
}
