//! Writes what comes from LOG into the tables, on a thread of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, params};
use tokio::sync::{mpsc, watch};

use super::apply::{self, signed};
use super::feed::Arrived;
use super::opening::Opened;
use super::{Phase, Progress, ReadError, schema};
use crate::domain::Sequence;
use crate::server::store::{End, Fingerprint};

/// Entries that wait for the writer.
pub(super) const QUEUE: usize = 1_024;

/// Entries in one transaction, while nobody can read anyway.
const LARGE: usize = 16_384;

/// How often the log tells how a long build goes on.
const TELL: Duration = Duration::from_secs(5);

/// A build of fewer entries is not worth a line in the log.
const WORTH_TELLING: u64 = 10_000;

pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    progress: watch::Sender<Progress>,
    now: Progress,
    /// LOG's end when the file was opened.
    end: End,
    mark: Option<(Sequence, Fingerprint)>,
    began: Instant,
    told: Instant,
}

impl Writer {
    pub(super) fn new(path: PathBuf, opened: Opened, progress: watch::Sender<Progress>) -> Self {
        let (applied, to) = (opened.applied, opened.end.sequence);
        let phase = match () {
            () if opened.is_new => Phase::Building { to },
            () if applied < to => Phase::CatchingUp { from: applied, to },
            () => Phase::Following,
        };
        let missing = to.0.saturating_sub(applied.0);
        if missing >= WORTH_TELLING {
            tracing::info!(entries = missing, "the read model has to catch up");
        }
        Self {
            path,
            connection: opened.connection,
            progress,
            now: Progress {
                applied,
                phase,
                at: opened.end,
            },
            end: opened.end,
            mark: None,
            began: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Writes until nothing more can come.
    pub(super) fn run(mut self, mut entries: mpsc::Receiver<Arrived>) -> Result<(), ReadError> {
        self.progress.send_replace(self.now);
        if self.now.phase != Phase::Following {
            self.catch_up(&mut entries)?;
        }
        let mut arrived = Vec::with_capacity(QUEUE);
        while entries.blocking_recv_many(&mut arrived, QUEUE) > 0 {
            self.write(&mut arrived)?;
            self.progress.send_replace(self.now);
        }
        Ok(())
    }

    /// Up to where LOG ended when the file was opened.
    fn catch_up(&mut self, entries: &mut mpsc::Receiver<Arrived>) -> Result<(), ReadError> {
        let mut arrived = Vec::with_capacity(LARGE);
        while self.now.applied < self.end.sequence {
            if entries.blocking_recv_many(&mut arrived, QUEUE) == 0 {
                return Ok(());
            }
            // As much as there is, but not more than one transaction should hold.
            while arrived.len() < LARGE && !ends_at(&arrived, self.end.sequence) {
                if entries.blocking_recv_many(&mut arrived, QUEUE) == 0 {
                    break;
                }
            }
            self.write(&mut arrived)?;
            self.tell();
        }
        if matches!(self.now.phase, Phase::Building { .. }) {
            schema::complete(&self.connection, &self.path)?;
        }
        let (entries, took) = (self.end.sequence.0, self.began.elapsed());
        if entries >= WORTH_TELLING {
            tracing::info!(entries, ?took, "the read model has caught up");
        }
        self.now.phase = Phase::Following;
        self.progress.send_replace(self.now);
        Ok(())
    }

    fn write(&mut self, arrived: &mut Vec<Arrived>) -> Result<(), ReadError> {
        let tables = self.connection.transaction()?;
        for arrived in arrived.drain(..) {
            match arrived {
                Arrived::Entry {
                    sequence,
                    at_ns,
                    subject,
                    payload,
                } => {
                    apply::apply(&tables, &subject, sequence, &payload)?;
                    self.mark = Some((sequence, Fingerprint::of(&subject, &payload)));
                    self.now.applied = sequence;
                    self.now.at = End {
                        sequence,
                        at_ns,
                        ..self.end
                    };
                }
                Arrived::AllThereWas if self.now.applied < self.end.sequence => {
                    self.now.applied = self.end.sequence;
                    self.now.at = self.end;
                }
                Arrived::AllThereWas => {}
            }
        }
        note(&tables, self.now.applied, self.mark)?;
        tables.commit()?;
        Ok(())
    }

    /// Without waking those who wait for the end of it.
    fn tell(&mut self) {
        self.progress.send_if_modified(|progress| {
            *progress = self.now;
            false
        });
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            tracing::info!(
                applied = self.now.applied.0,
                of = self.end.sequence.0,
                percent = self.now.percent().unwrap_or_default(),
                "the read model is catching up"
            );
        }
    }
}

fn ends_at(arrived: &[Arrived], end: Sequence) -> bool {
    match arrived.last() {
        Some(Arrived::Entry { sequence, .. }) => *sequence >= end,
        Some(Arrived::AllThereWas) => true,
        None => false,
    }
}

/// How far the file is, in the transaction that brings it there.
fn note(
    tables: &Transaction<'_>,
    applied: Sequence,
    mark: Option<(Sequence, Fingerprint)>,
) -> Result<(), ReadError> {
    tables
        .prepare_cached("UPDATE meta SET applied = ?1")?
        .execute([signed(applied)])?;
    if let Some((place, fingerprint)) = mark {
        tables
            .prepare_cached("UPDATE meta SET mark_place = ?1, mark = ?2")?
            .execute(params![signed(place), fingerprint.as_bytes()])?;
    }
    Ok(())
}
