//! What natter reads from: a SQLite file built from LOG, which can be thrown away and built again.
//!
//! | file | what |
//! |---|---|
//! | `projector` | keeps the file in step with LOG, or begins it anew |
//! | `opening`, `schema` | does the file belong to LOG? its tables |
//! | `feed`, `writer`, `apply` | from LOG into the tables |
//! | `barrier`, `progress`, `doubt` | waiting until the file is as new as a question; what is wrong with it |
//! | `losses` | what is missing in LOG |
//! | `readers`, `queries`, `check` | the questions; reading the whole file once |
//!
//! Handlers ask through [`ReadModel`].

mod apply;
mod barrier;
mod check;
mod doubt;
mod feed;
mod losses;
mod opening;
mod progress;
mod projector;
pub mod queries;
mod readers;
mod schema;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Transaction;
use tokio::sync::watch;

use crate::domain::Sequence;
use crate::server::Tasks;
use crate::server::store::{Epoch, Log, Missing, StoreError};
use barrier::Barrier;
use doubt::Doubts;
pub use progress::{Phase, Progress};
use readers::Readers;

/// How long a question may wait for the model to be new enough (design section 5), once it is known
/// how new that is. While a cluster chooses another leader nobody knows: see
/// `docs/decisions/0021-a-leader-is-lost.md`.
const BARRIER_WAIT: Duration = Duration::from_secs(2);

/// How long who watches over natter waits for the broker to tell where LOG ends.
const HEALTH_WAIT: Duration = Duration::from_millis(500);

/// Why a question has no answer. A short or old answer is never given instead.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The model did not reach the log's end in time.
    #[error("the read model is behind the log{}", percent.map_or_else(String::new, |done| format!(", {done} % done")))]
    Behind {
        /// How much of what it has to catch up with is done, where that is more than a moment's
        /// work.
        percent: Option<u8>,
    },
    /// The log's end is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite.
    #[error("the read model failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file could not be thrown away to build it anew.
    #[error("the read model’s file: {0}")]
    File(#[from] std::io::Error),
    /// An entry in it cannot be read.
    #[error("the read model holds an entry that cannot be read")]
    Corrupt,
    /// The broker left entries out.
    #[error("entries of the log are missing")]
    Gap,
    /// Natter is ending.
    #[error("natter is stopping")]
    Stopping,
}

/// An answer, and how far LOG had been applied when it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Complete up to here.
    pub through: Sequence,
    /// In this life of the log.
    pub epoch: Epoch,
    /// What was asked.
    pub value: T,
}

/// The read model of one `natter serve`.
#[derive(Clone)]
pub struct ReadModel {
    readers: Arc<Readers>,
    progress: watch::Receiver<Progress>,
    barrier: Barrier,
    doubts: Doubts,
    missing: watch::Receiver<Missing>,
    has_barrier: bool,
}

impl ReadModel {
    /// Opens the file at `path`, or makes it, and follows the log until natter stops; anew at each of
    /// `reconnects`. Until it has caught up, questions are not answered.
    ///
    /// # Errors
    /// The file cannot be made, or the log does not answer.
    pub async fn start(
        path: PathBuf,
        log: Log,
        mut reconnects: watch::Receiver<u64>,
        tasks: &Tasks,
    ) -> Result<Self, ReadError> {
        let (tell, progress) = watch::channel(Progress::nothing());
        let (doubts, raised) = Doubts::channel();
        let readers = Arc::new(Readers::new(&path));
        reconnects.mark_unchanged();
        let opened = opening::open(&path, &log, false).await?;
        let (count, counted) = watch::channel(opened.end.missing);
        let (tell_missing, missing) = watch::channel(Missing::default());
        let watching = losses::watch(log.clone(), counted, tell_missing);
        tasks.spawn("looking for lost entries of the log", watching);
        if !opened.is_new {
            check::start(path.clone(), &readers, doubts.clone(), tasks.stop());
        }
        let projector = projector::Projector {
            path,
            readers: Arc::clone(&readers),
            log: log.clone(),
            progress: tell,
            doubts: raised,
            reconnects,
            odd: None,
        };
        tasks.spawn("following the log", projector.run(opened));
        let barrier = Barrier::start(log, progress.clone(), doubts.clone(), count, tasks);
        Ok(Self {
            readers,
            progress,
            barrier,
            doubts,
            missing,
            has_barrier: true,
        })
    }

    /// The same, answering from the model as it is: for a test that shows what the barrier is for.
    #[must_use]
    pub fn without_barrier(self) -> Self {
        Self {
            has_barrier: false,
            ..self
        }
    }

    /// How far it is, as it goes on.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Which entries of LOG are missing.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.missing.borrow().clone()
    }

    /// How far it is, and where LOG ends if the broker says so in half a second.
    pub async fn progress(&self) -> (Progress, Option<Sequence>) {
        let end = tokio::time::timeout(HEALTH_WAIT, self.barrier.end_of_log()).await;
        (*self.progress.borrow(), end.ok().and_then(Result::ok))
    }

    /// Asks, after the model has caught up with everything that was in LOG when the question came.
    ///
    /// # Errors
    /// [`ReadError::Behind`] 2 s after the leader has told where LOG ends, or when it does not.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Answer<T>, ReadError> {
        if !self.has_barrier {
            return self.ask_now(question).await;
        }
        let end = self.barrier.end_of_log().await?;
        let mut progress = self.progress.clone();
        let caught_up = progress.wait_for(|progress| progress.has_reached(end));
        match tokio::time::timeout(BARRIER_WAIT, caught_up).await {
            Ok(reached) => reached.map_err(|_| ReadError::Stopping)?,
            Err(_) => {
                return Err(ReadError::Behind {
                    percent: self.progress.borrow().percent(),
                });
            }
        };
        let answer = self.ask_now(question).await?;
        // The file may have been thrown away in between.
        if answer.through < end {
            return Err(ReadError::Behind { percent: None });
        }
        Ok(answer)
    }

    /// Asks the model as it is, which may be behind the log: only where an old answer does no harm.
    ///
    /// # Errors
    /// SQLite failed.
    pub async fn ask_now<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Answer<T>, ReadError> {
        let readers = Arc::clone(&self.readers);
        let permit = readers
            .turns
            .acquire()
            .await
            .map_err(|_| ReadError::Stopping)?;
        let (asked, doubts) = (Arc::clone(&readers), self.doubts.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let file = asked.file();
            let (file, mut connection) = asked
                .take()
                .inspect_err(|error| doubts.raise_for(error, file))?;
            let answer = answer(&mut connection, question)
                .inspect_err(|error| doubts.raise_for(error, file))?;
            asked.give_back(file, connection);
            Ok(answer)
        })
        .await
        .map_err(|_| ReadError::Stopping)?;
        drop(permit);
        answer
    }
}

fn answer<T>(
    connection: &mut rusqlite::Connection,
    question: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError>,
) -> Result<Answer<T>, ReadError> {
    let transaction = connection.transaction()?;
    let (through, epoch) = queries::applied(&transaction)?;
    let answer = Answer {
        through,
        epoch,
        value: question(&transaction)?,
    };
    transaction.finish()?;
    Ok(answer)
}
