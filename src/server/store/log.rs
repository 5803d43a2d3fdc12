//! LOG: everything that happened, in one order.

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::{self, Context, stream};
use async_nats::{HeaderMap, header};
use data_encoding::BASE64URL_NOPAD;
use prost::Message as _;
use serde::Deserialize;
use std::time::Duration;

use super::leader::{self, Leader};
use super::{NO_ROOM, StoreError};
use crate::domain::{Sequence, subject};
use crate::server::space::{Space, Unwritable};
use crate::wire::v1;

/// The stream's name.
pub const LOG_STREAM: &str = "LOG";

/// How long the broker remembers a `Nats-Msg-Id`. It covers races only; the key in the event
/// covers every later time.
const DEDUPE_WINDOW: Duration = Duration::from_secs(120);

/// What the broker is asked.
const APPEND: &str = "take an entry";
const READ: &str = "read an entry";
const HAND_OUT: &str = "hand the log out";

/// Names the subject that `Nats-Expected-Last-Subject-Sequence` is about, where it is not the
/// entry's own.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// The broker's error for an expected last (subject) sequence that does not hold.
const WRONG_LAST_SEQUENCE: [u64; 2] = [10_071, 10_164];

/// What must be true of a subject for an entry to be written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// The subject's last entry is this one; 0: it has none.
    Last(Sequence),
    /// The last entry of another subject is this one. No earlier entry of the same batch may write
    /// to that subject.
    LastOf {
        /// Which.
        subject: String,
        /// Its last entry; 0: it has none.
        last: Sequence,
    },
}

/// An entry to write.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where to.
    pub subject: String,
    /// What happened.
    pub event: v1::Event,
    /// Under what condition.
    pub expect: Expect,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub sequence: Sequence,
    /// The broker had one with this message id within the last two minutes. It stored nothing,
    /// and the one it has may say something else.
    pub duplicate: bool,
}

/// The stream LOG.
#[derive(Clone)]
pub struct Log {
    js: Context,
    stream: stream::Stream,
    leader: Leader,
    space: Space,
}

impl Log {
    pub(super) async fn open(
        js: &Context,
        space: Space,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        let stream = js
            .get_or_create_stream(config(replicas))
            .await
            .map_err(StoreError::broker("open the log"))?;
        Ok(Self {
            js: js.clone(),
            stream,
            leader: Leader::new(js.client()),
            space,
        })
    }

    /// Writes one entry. With a message id, the same one within two minutes is written once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the expectation does not hold, [`StoreError::Unwritable`] when the
    /// disk is full or read-only; any other: not known whether it was written.
    pub async fn append(
        &self,
        entry: &Entry,
        message_id: Option<&str>,
    ) -> Result<Appended, StoreError> {
        self.has_space()?;
        match message_id {
            // The broker makes one entry of it, however often it comes.
            Some(_) => {
                let append = || self.append_anyway(entry, message_id);
                self.leader.write(APPEND, append).await
            }
            None => self.append_anyway(entry, None).await,
        }
    }

    /// The same for what has to be written even into the last of the space.
    pub(super) async fn append_anyway(
        &self,
        entry: &Entry,
        message_id: Option<&str>,
    ) -> Result<Appended, StoreError> {
        let mut headers = expectation(&entry.expect);
        if let Some(id) = message_id {
            headers.insert(header::NATS_MESSAGE_ID, id);
        }
        let ack = self
            .js
            .publish_with_headers(
                entry.subject.clone(),
                headers,
                entry.event.encode_to_vec().into(),
            )
            .await
            .map_err(StoreError::broker(APPEND))?
            .await;
        match ack {
            Ok(ack) => Ok(Appended {
                sequence: Sequence(ack.sequence),
                duplicate: ack.duplicate,
            }),
            Err(error)
                if error.kind() == jetstream::context::PublishErrorKind::WrongLastSequence =>
            {
                Err(StoreError::Conflict)
            }
            Err(error) => Err(StoreError::broker(APPEND)(error)),
        }
    }

    /// Writes all entries or none (an atomic batch, ADR-50), and gives the place of the last.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one expectation does not hold, [`StoreError::Unwritable`] when the
    /// disk is full or read-only; any other: not known whether they were written.
    pub async fn append_all(&self, entries: &[Entry]) -> Result<Sequence, StoreError> {
        self.has_space()?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(StoreError::broker("take a batch"))?;
        let id = BASE64URL_NOPAD.encode(&id);
        let client = self.js.client();
        for (index, entry) in entries.iter().enumerate() {
            let mut headers = expectation(&entry.expect);
            headers.insert("Nats-Batch-Id", id.as_str());
            headers.insert("Nats-Batch-Sequence", (index + 1).to_string());
            let payload = entry.event.encode_to_vec().into();
            if index + 1 < entries.len() {
                client
                    .publish_with_headers(entry.subject.clone(), headers, payload)
                    .await
                    .map_err(StoreError::broker("take a batch"))?;
            } else {
                headers.insert("Nats-Batch-Commit", "1");
                let reply = client
                    .request_with_headers(entry.subject.clone(), headers, payload)
                    .await
                    .map_err(StoreError::broker("take a batch"))?;
                return BatchAck::read(&reply.payload);
            }
        }
        Err(StoreError::Corrupt("a batch without entries"))
    }

    fn has_space(&self) -> Result<(), StoreError> {
        match self.space.unwritable() {
            Some(why) => Err(StoreError::Unwritable(why)),
            None => Ok(()),
        }
    }

    /// The entry at a place with its subject, read from the stream's leader. `None` when it was erased or is not
    /// there yet.
    ///
    /// # Errors
    /// The broker did not answer, or the entry cannot be read.
    pub async fn get(&self, sequence: Sequence) -> Result<Option<(String, v1::Event)>, StoreError> {
        let raw = self.get_raw(sequence).await?;
        raw.map(|message| {
            v1::Event::decode(message.payload)
                .map(|event| (message.subject.to_string(), event))
                .map_err(|_| StoreError::Corrupt("an entry"))
        })
        .transpose()
    }

    /// The same as the broker has it.
    pub(in crate::server) async fn get_raw(
        &self,
        sequence: Sequence,
    ) -> Result<Option<StreamMessage>, StoreError> {
        self.leader
            .ask(READ, move || async move {
                match self.stream.get_raw_message(sequence.0).await {
                    Ok(message) => Ok(Some(message)),
                    Err(error) if error.kind() == stream::RawMessageErrorKind::NoMessageFound => {
                        Ok(None)
                    }
                    Err(error) => Err(StoreError::broker(READ)(error)),
                }
            })
            .await
    }

    /// The last entry of a subject, read from the stream's leader.
    ///
    /// # Errors
    /// The broker did not answer, or the entry cannot be read.
    pub async fn last_of(&self, subject: &str) -> Result<Option<v1::Event>, StoreError> {
        Ok(self.last_with_place(subject).await?.1)
    }

    /// The last entry of a subject and its place, which is 0 where there is none: what
    /// [`Expect::Last`] takes.
    ///
    /// # Errors
    /// The broker did not answer, or the entry cannot be read.
    pub async fn last_with_place(
        &self,
        subject: &str,
    ) -> Result<(Sequence, Option<v1::Event>), StoreError> {
        let last = self.leader.ask(READ, move || async move {
            match self.stream.get_last_raw_message_by_subject(subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => {
                    Ok(None)
                }
                Err(error) => Err(StoreError::broker(READ)(error)),
            }
        });
        match last.await? {
            Some(message) => v1::Event::decode(message.payload)
                .map(|event| (Sequence(message.sequence), Some(event)))
                .map_err(|_| StoreError::Corrupt("an entry")),
            None => Ok((Sequence(0), None)),
        }
    }

    /// Makes a consumer that forgets itself when nobody reads from it: more than one may be made.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn consumer(
        &self,
        config: &pull::Config,
    ) -> Result<Consumer<pull::Config>, StoreError> {
        self.leader
            .ask(HAND_OUT, move || async move {
                let consumer = self.stream.create_consumer(config.clone()).await;
                consumer.map_err(StoreError::broker(HAND_OUT))
            })
            .await
    }

    /// What its leader says of it.
    pub(super) async fn info(&self, doing: &'static str) -> Result<stream::Info, StoreError> {
        self.leader
            .ask(doing, move || async move {
                let info = self.stream.get_info().await;
                let info = info.map_err(StoreError::broker(doing))?;
                leader::told(&info, doing)?;
                Ok(info)
            })
            .await
    }

    /// The same with the list of places that have no entry.
    pub(super) async fn info_with_deleted(&self) -> Result<stream::Info, StoreError> {
        self.leader
            .ask(READ, move || async move {
                let info = self.stream.info_builder().with_deleted(true).fetch().await;
                let info = info.map_err(StoreError::broker(READ))?.info;
                leader::told(&info, READ)?;
                Ok(info)
            })
            .await
    }
}

/// LOG lives for ever: no age, no count, no size ends an entry.
fn config(replicas: usize) -> stream::Config {
    stream::Config {
        name: LOG_STREAM.into(),
        description: Some("Everything that happened in Natter".into()),
        subjects: vec![subject::LOG_ALL.into()],
        storage: stream::StorageType::File,
        retention: stream::RetentionPolicy::Limits,
        discard: stream::DiscardPolicy::New,
        duplicate_window: DEDUPE_WINDOW,
        allow_direct: false,
        allow_rollup: false,
        allow_atomic_publish: true,
        num_replicas: replicas,
        republish: Some(stream::Republish {
            source: subject::LOG_ALL.into(),
            destination: subject::EVENT_ALL.into(),
            headers_only: false,
        }),
        ..stream::Config::default()
    }
}

fn expectation(expect: &Expect) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_EXPECTED_STREAM, LOG_STREAM);
    let last = match expect {
        Expect::Any => return headers,
        Expect::Last(last) => last,
        Expect::LastOf { subject, last } => {
            headers.insert(EXPECTED_SUBJECT, subject.as_str());
            last
        }
    };
    headers.insert(
        header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
        last.0.to_string(),
    );
    headers
}

/// The broker's answer to the last message of a batch.
#[derive(Deserialize)]
struct BatchAck {
    #[serde(default)]
    seq: u64,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl BatchAck {
    fn read(payload: &[u8]) -> Result<Sequence, StoreError> {
        let ack: Self =
            serde_json::from_slice(payload).map_err(StoreError::broker("take a batch"))?;
        match ack.error {
            None => Ok(Sequence(ack.seq)),
            Some(error) if WRONG_LAST_SEQUENCE.contains(&error.err_code) => {
                Err(StoreError::Conflict)
            }
            Some(error) if NO_ROOM.contains(&error.err_code) => {
                Err(StoreError::Unwritable(Unwritable::Full))
            }
            Some(error) => Err(StoreError::broker("take a batch")(error.description)),
        }
    }
}
