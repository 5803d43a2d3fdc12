//! Reading all of LOG, as `natter verify` does at a running server: what nats-server says of it without
//! reading it can be wrong where a file of its store is damaged.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures::StreamExt as _;
use prost::Message as _;
use tokio::time::timeout;

use super::broker::{BrokerKeys, ServiceUser};
use super::creds::{CredsError, connect};
use super::space::Space;
use super::store::{Missing, Store, StoreError};
use super::whereabouts::Whereabouts;
use crate::domain::Sequence;
use crate::wire::v1;

/// What is asked of the broker.
const HAND_OUT: &str = "hand the log out";

/// The next entry comes within this time, if there is one.
const NEXT_WITHIN: Duration = Duration::from_secs(20);

/// What is in LOG.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The entries that were read.
    pub read: u64,
    /// LOG's end when the reading began.
    pub end: Sequence,
    /// Places up to there from which nothing came.
    pub missing: Missing,
    /// Entries that are not what natter writes, in the same way.
    pub unreadable: Missing,
}

impl Verified {
    /// Is everything there?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.count == 0 && self.unreadable.count == 0
    }
}

/// Reads the LOG of the server of a data folder, from the first place to the one that is the last now.
///
/// # Errors
/// The server does not run, or its broker does not answer.
pub async fn verify(data: &Path) -> Result<Verified, CredsError> {
    let here = Whereabouts::read(data)?;
    let keys = BrokerKeys::load(&here.keys)?;
    let chat = connect(&here.nats, &keys, ServiceUser::Chat).await?;
    let store = Store::open(&async_nats::jetstream::new(chat), Space::default(), 1).await?;
    let end = store.log.end().await?.sequence;
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: 2 * NEXT_WITHIN,
        ..pull::Config::default()
    };
    let consumer = store.log.consumer(&config).await?;
    let messages = consumer.messages().await;
    let mut messages = messages.map_err(StoreError::broker(HAND_OUT))?;
    let mut verified = Verified {
        end,
        ..Verified::default()
    };
    let mut next = 1;
    while next <= end.0 {
        // Nothing comes when the last places are empty.
        let Ok(Some(message)) = timeout(NEXT_WITHIN, messages.next()).await else {
            break;
        };
        let message = message.map_err(StoreError::broker(HAND_OUT))?;
        let info = message.info().map_err(StoreError::broker(HAND_OUT))?;
        let place = info.stream_sequence;
        if place > end.0 {
            break;
        }
        verified.missing.add(next, place - 1);
        verified.read += 1;
        if v1::Event::decode(message.message.payload.clone()).is_err() {
            verified.unreadable.add(place, place);
        }
        next = place + 1;
        if info.pending == 0 {
            break;
        }
    }
    verified.missing.add(next, end.0);
    Ok(verified)
}
