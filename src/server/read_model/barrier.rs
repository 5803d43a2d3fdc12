//! Where LOG ends, as its leader says, asked once for all who wait.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::doubt::{Doubt, Doubts};
use super::{Progress, ReadError};
use crate::domain::Sequence;
use crate::server::Tasks;
use crate::server::store::Log;

/// Who may wait for the same reading at once; more than that wait for a place.
const WAITING: usize = 1_024;

/// So often a log is looked at again that is not the one the model was built from, while the model
/// finds out and follows.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

type Answer = oneshot::Sender<Sequence>;

/// Asks the leader where LOG ends.
#[derive(Clone)]
pub(super) struct Barrier {
    waiting: mpsc::Sender<Answer>,
}

impl Barrier {
    pub(super) fn start(
        log: Log,
        progress: watch::Receiver<Progress>,
        doubts: Doubts,
        missing: watch::Sender<u64>,
        tasks: &Tasks,
    ) -> Self {
        let (waiting, questions) = mpsc::channel(WAITING);
        let answering = answer_all(log, progress, doubts, missing, questions);
        tasks.spawn("asking where the log ends", answering);
        Self { waiting }
    }

    /// The last sequence in LOG, by a reading that began after this call.
    pub(super) async fn end_of_log(&self) -> Result<Sequence, ReadError> {
        let (answer, told) = oneshot::channel();
        self.waiting
            .send(answer)
            .await
            .map_err(|_| ReadError::Stopping)?;
        told.await.map_err(|_| ReadError::Behind { percent: None })
    }
}

async fn answer_all(
    log: Log,
    progress: watch::Receiver<Progress>,
    doubts: Doubts,
    missing: watch::Sender<u64>,
    mut questions: mpsc::Receiver<Answer>,
) {
    let mut asked = Vec::new();
    // Who asks while a reading is under way is answered by the next one: this one may have been
    // made before they asked.
    while questions.recv_many(&mut asked, WAITING).await > 0 {
        match read_end(&log, &progress, &doubts, &missing).await {
            Ok(end) => {
                for answer in asked.drain(..) {
                    // Who has given up meanwhile is not there to be told.
                    let _ = answer.send(end);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log’s end is not known");
                asked.clear();
            }
        }
    }
}

/// Where the log ends that the model is built from.
async fn read_end(
    log: &Log,
    progress: &watch::Receiver<Progress>,
    doubts: &Doubts,
    missing: &watch::Sender<u64>,
) -> Result<Sequence, ReadError> {
    for _ in 0..LOOKS {
        let before = *progress.borrow();
        let end = log.end().await?;
        missing.send_if_modified(|before| {
            let is_another = *before != end.missing;
            *before = end.missing;
            is_another
        });
        if !before.contradicts(&end) {
            return Ok(end.sequence);
        }
        // A log that was put back from a backup while natter ran: nothing that was read from the
        // other one is an answer. Whoever asks waits for the model of the one that is there now.
        doubts.raise(Doubt::AnotherLog);
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(ReadError::Behind { percent: None })
}
