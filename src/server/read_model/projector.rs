//! Keeps the file in step with LOG, or begins it anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::doubt::{Doubt, is_broken};
use super::opening::{self, Opened};
use super::readers::Readers;
use super::writer::{self, Writer};
use super::{Phase, Progress, ReadError, feed};
use crate::server::store::Log;

/// Before following the log again after an error.
const PAUSE: Duration = Duration::from_millis(250);

/// What natter cannot read in a file may be in LOG itself: a new file is tried this rarely.
const ODD_AGAIN: Duration = Duration::from_secs(600);

/// Follows the log, and tells how far it is.
pub(super) struct Projector {
    pub path: PathBuf,
    pub readers: Arc<Readers>,
    pub log: Log,
    pub progress: watch::Sender<Progress>,
    pub doubts: mpsc::Receiver<Doubt>,
    pub reconnects: watch::Receiver<u64>,
    /// When a file was last given up for [`Doubt::Odd`].
    pub odd: Option<Instant>,
}

/// Why following ended.
enum Ended {
    /// The consumer went with the old connection, or with the broker.
    Reconnected,
    Doubted(Doubt),
    Failed(ReadError),
}

impl Projector {
    pub(super) async fn run(mut self, mut opened: Opened) {
        loop {
            let discard = match self.follow(opened).await {
                Ended::Reconnected => false,
                Ended::Doubted(doubt) => doubt != Doubt::AnotherLog,
                Ended::Failed(error) => {
                    tracing::warn!(%error, "the read model stopped following the log");
                    tokio::time::sleep(PAUSE).await;
                    is_broken(&error)
                }
            };
            opened = self.open_again(discard).await;
        }
    }

    async fn follow(&mut self, opened: Opened) -> Ended {
        let (after, end) = (opened.applied, opened.end.sequence);
        let (entries, arrived) = mpsc::channel(writer::QUEUE);
        let writer = Writer::new(self.path.clone(), opened, self.progress.clone());
        let writing = tokio::task::spawn_blocking(move || writer.run(arrived));
        let ended = tokio::select! {
            _ = self.reconnects.changed() => Ended::Reconnected,
            doubt = doubted(&mut self.doubts, &mut self.odd, self.readers.file()) => {
                Ended::Doubted(doubt)
            }
            () = entries.closed() => Ended::Failed(ReadError::Stopping),
            fed = feed::run(&self.log, after, end, &entries) => {
                Ended::Failed(fed.err().unwrap_or(ReadError::Stopping))
            }
        };
        // From here on no question is answered before the file was looked at again.
        self.progress
            .send_modify(|progress| progress.phase = Phase::Opening);
        drop(entries);
        // The file is written by nobody once this has ended.
        match writing.await {
            Ok(Err(error)) => Ended::Failed(error),
            _ => ended,
        }
    }

    async fn open_again(&mut self, mut discard: bool) -> Opened {
        loop {
            self.reconnects.mark_unchanged();
            match opening::open(&self.path, &self.log, discard).await {
                Ok(opened) => {
                    self.readers.forget();
                    return opened;
                }
                Err(error) => {
                    tracing::warn!(%error, "the read model cannot be opened");
                    discard |= is_broken(&error);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The next doubt that is about this file and is to be followed.
async fn doubted(
    doubts: &mut mpsc::Receiver<Doubt>,
    odd: &mut Option<Instant>,
    file: u64,
) -> Doubt {
    while let Some(doubt) = doubts.recv().await {
        match doubt {
            Doubt::AnotherLog => return doubt,
            Doubt::Broken(of) if of == file => return doubt,
            Doubt::Odd(of) if of == file => {
                if odd.is_none_or(|last| last.elapsed() >= ODD_AGAIN) {
                    *odd = Some(Instant::now());
                    return doubt;
                }
            }
            Doubt::Broken(_) | Doubt::Odd(_) => {}
        }
    }
    std::future::pending().await
}
