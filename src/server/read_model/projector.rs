//! Follows LOG and writes the read model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use bytes::Bytes;
use futures::StreamExt as _;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::watch;

use super::{ReadError, Readers, apply, schema};
use crate::domain::Sequence;
use crate::server::store::{Log, StoreError};

/// Entries written in one transaction, at most.
const BATCH: usize = 512;

/// Before following the log again after an error.
const PAUSE: Duration = Duration::from_millis(250);

/// Opens the file and tells how far it is. One that was built from another log, or from one that
/// was longer, is thrown away.
pub(super) async fn open(path: &Path, log: &Log) -> Result<(Connection, Sequence), ReadError> {
    let info = log
        .stream()
        .get_info()
        .await
        .map_err(StoreError::broker("tell about the log"))?;
    let created = info.created.unix_timestamp_nanos().to_string();
    let end = Sequence(info.state.last_sequence);
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        if let Some(connection) = schema::open_writer(&path)? {
            match built_from(&connection)? {
                Some((log, applied)) if log == created && applied <= end => {
                    return Ok((connection, applied));
                }
                Some(_) => tracing::warn!("the read model is of another log: building it anew"),
                None => return Ok((begin(connection, &created)?, Sequence(0))),
            }
        }
        schema::discard(&path)?;
        let connection = schema::open_writer(&path)?.ok_or(ReadError::Corrupt)?;
        Ok((begin(connection, &created)?, Sequence(0)))
    })
    .await
    .map_err(|_| ReadError::Stopping)?
}

fn built_from(connection: &Connection) -> Result<Option<(String, Sequence)>, ReadError> {
    Ok(connection
        .query_row("SELECT log_created, applied FROM meta", [], |row| {
            let applied: i64 = row.get(1)?;
            Ok((row.get(0)?, Sequence(applied.unsigned_abs())))
        })
        .optional()?)
}

fn begin(connection: Connection, created: &str) -> Result<Connection, ReadError> {
    connection.execute(
        "INSERT INTO meta (one, log_created, applied) VALUES (1, ?1, 0)",
        params![created],
    )?;
    Ok(connection)
}

/// Follows the log, and tells how far it is.
pub(super) struct Projector {
    pub path: PathBuf,
    pub readers: Arc<Readers>,
    pub log: Log,
    pub applied: watch::Sender<Sequence>,
    pub reconnects: watch::Receiver<u64>,
}

impl Projector {
    pub(super) async fn run(mut self, mut writer: Connection) {
        loop {
            self.reconnects.mark_unchanged();
            tokio::select! {
                // The consumer went with the old connection, or with the broker.
                _ = self.reconnects.changed() => {}
                followed = follow(writer, &self.log, &self.applied) => {
                    if let Err(error) = followed {
                        tracing::warn!(%error, "the read model stopped following the log");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            // The writer went with the attempt; the file knows how far it is.
            writer = self.open_again().await;
        }
    }

    async fn open_again(&self) -> Connection {
        loop {
            match open(&self.path, &self.log).await {
                Ok((connection, reached)) => {
                    self.readers.forget();
                    self.applied.send_replace(reached);
                    return connection;
                }
                Err(error) => tracing::warn!(%error, "the read model cannot be opened"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn follow(
    mut writer: Connection,
    log: &Log,
    applied: &watch::Sender<Sequence>,
) -> Result<(), ReadError> {
    let next = applied.borrow().0 + 1;
    let consumer = log
        .stream()
        .create_consumer(pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: next,
            },
            ..pull::OrderedConfig::default()
        })
        .await
        .map_err(StoreError::broker("hand the log out"))?;
    let messages = consumer
        .messages()
        .await
        .map_err(StoreError::broker("hand the log out"))?;
    let mut batches = messages.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let mut entries = Vec::with_capacity(batch.len());
        let mut failure = None;
        for message in batch {
            match message {
                Ok(message) => match message.info() {
                    Ok(info) => entries.push(Logged {
                        sequence: Sequence(info.stream_sequence),
                        subject: message.subject.to_string(),
                        payload: message.payload.clone(),
                    }),
                    Err(error) => failure = Some(StoreError::broker("hand the log out")(error)),
                },
                Err(error) => failure = Some(StoreError::broker("hand the log out")(error)),
            }
            if failure.is_some() {
                break;
            }
        }
        if let Some(last) = entries.last().map(|entry| entry.sequence) {
            writer = write(writer, entries).await?;
            applied.send_replace(last);
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
    }
    Ok(())
}

struct Logged {
    sequence: Sequence,
    subject: String,
    payload: Bytes,
}

async fn write(mut writer: Connection, entries: Vec<Logged>) -> Result<Connection, ReadError> {
    tokio::task::spawn_blocking(move || {
        let tables = writer.transaction()?;
        for entry in &entries {
            apply::apply(&tables, &entry.subject, entry.sequence, &entry.payload)?;
        }
        tables.commit()?;
        Ok(writer)
    })
    .await
    .map_err(|_| ReadError::Stopping)?
}
