//! Cuts the connections of those who may do less than before (design section 2): rights of a live
//! connection cannot change, so it has to go, and the next one has the rights of now.
//!
//! It follows the read model, so every natter cuts whoever was removed through any of them, and
//! one that was away when it happened does it when it is back.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::broker::{Passage, SystemError, cut_connections};
use super::clock;
use super::read_model::{ReadError, ReadModel, queries};
use super::store::Epoch;
use crate::domain::{Sequence, Timestamp, Username, limits};

/// An answer of the callout from before a change can still land until the broker's authorization
/// timeout (5 s) has passed; then connections are looked for once more.
pub const SECOND_LOOK: Duration = Duration::from_secs(6);

/// Before trying again after an error.
const PAUSE: Duration = Duration::from_millis(250);

/// How long somebody who takes rights away waits to be told that it is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells how far the cutting has come.
#[derive(Clone)]
pub struct Cutter {
    done: watch::Receiver<Sequence>,
}

impl Cutter {
    /// Cuts until `stop`.
    #[must_use]
    pub fn start(
        read_model: ReadModel,
        system: async_nats::Client,
        passage: Passage,
        stop: CancellationToken,
    ) -> Self {
        let (tell, done) = watch::channel(Sequence(0));
        let work = Work {
            read_model,
            system,
            passage,
        };
        let working = work.run(tell);
        tokio::spawn(async move { stop.run_until_cancelled(working).await });
        Self { done }
    }

    /// Waits until everybody whose rights shrank up to this place of LOG has been cut off. Should
    /// that take longer than 5 s, it goes on without who waits.
    pub async fn wait(&self, through: Sequence) {
        let mut done = self.done.clone();
        let cut = done.wait_for(|done| *done >= through);
        if tokio::time::timeout(PATIENCE, cut).await.is_err() {
            tracing::warn!("cutting connections takes long");
        }
    }
}

#[derive(Clone)]
struct Work {
    read_model: ReadModel,
    system: async_nats::Client,
    passage: Passage,
}

impl Work {
    async fn run(self, tell: watch::Sender<Sequence>) {
        let mut applied = self.read_model.follow();
        // No connection is older than its rights can be: what shrank before that is cut already.
        let mut reached = Sequence(0);
        let mut life = Epoch::default();
        loop {
            // What is applied from here on is looked at again.
            applied.mark_unchanged();
            match self.cut_since(reached).await {
                // The model is being built anew, from another log or from the beginning.
                Ok((through, epoch)) if through < reached || epoch != life => {
                    reached = Sequence(0);
                    life = epoch;
                    continue;
                }
                Ok((through, _)) => {
                    reached = through;
                    tell.send_replace(through);
                }
                Err(error) => {
                    tracing::warn!(%error, "connections whose rights shrank are not cut yet");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            if applied.changed().await.is_err() {
                return;
            }
        }
    }

    async fn cut_since(&self, after: Sequence) -> Result<(Sequence, Epoch), CutError> {
        let life = i64::try_from(limits::RIGHTS_LIFE.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp(clock::now().0.saturating_sub(life));
        let found = self
            .read_model
            .ask_now(move |tables| queries::cuts(tables, after, since))
            .await?;
        if !found.value.is_empty() {
            let uids: HashSet<_> = found.value.into_iter().collect();
            self.cut(&uids).await?;
            let (later, uids) = (self.clone(), uids);
            tokio::spawn(async move {
                tokio::time::sleep(SECOND_LOOK).await;
                if let Err(error) = later.cut(&uids).await {
                    tracing::warn!(%error, "the second look at connections failed");
                }
            });
        }
        Ok((found.through, found.epoch))
    }

    async fn cut(&self, uids: &HashSet<Username>) -> Result<(), SystemError> {
        let is_theirs = |name: &str| {
            let uid = name.split('.').next().unwrap_or_default();
            uids.iter().any(|theirs| theirs.as_str() == uid)
        };
        cut_connections(&self.system, &self.passage, is_theirs).await
    }
}

#[derive(Debug, thiserror::Error)]
enum CutError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    System(#[from] SystemError),
}
