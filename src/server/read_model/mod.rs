//! What natter reads from: a SQLite file built from LOG, which can be thrown away and built again.
//!
//! `projector` follows LOG and alone writes the file; `barrier` waits until the file is as new as
//! a question; `queries` are the questions. Handlers ask through [`ReadModel`].

mod apply;
mod barrier;
mod projector;
pub mod queries;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::Sequence;
use crate::server::store::{Log, StoreError};
use barrier::Barrier;

/// Questions asked at once; SQLite readers do not wait for each other or for the writer.
const READERS: usize = 4;

/// How long a question may wait for the model to be new enough (design section 5).
const BARRIER_WAIT: Duration = Duration::from_secs(2);

/// Why a question has no answer. A short or old answer is never given instead.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The model did not reach the log's end in time.
    #[error("the read model is behind the log")]
    Behind,
    /// The log’s end is not known.
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
    /// Natter is ending.
    #[error("natter is stopping")]
    Stopping,
}

/// An answer, and how far LOG had been applied when it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Complete up to here.
    pub through: Sequence,
    /// What was asked.
    pub value: T,
}

/// The read model of one `natter serve`.
#[derive(Clone)]
pub struct ReadModel {
    readers: Arc<Readers>,
    applied: watch::Receiver<Sequence>,
    barrier: Barrier,
}

impl ReadModel {
    /// Opens the file at `path`, or makes it, and follows the log until `stop`; anew at each of
    /// `reconnects`.
    ///
    /// # Errors
    /// The file cannot be made, or the log does not answer.
    pub async fn start(
        path: PathBuf,
        log: Log,
        reconnects: watch::Receiver<u64>,
        stop: CancellationToken,
    ) -> Result<Self, ReadError> {
        let (writer, applied) = projector::open(&path, &log).await?;
        let readers = Arc::new(Readers::open(&path)?);
        let (tell, applied) = watch::channel(applied);
        let projector = projector::Projector {
            path,
            readers: Arc::clone(&readers),
            log: log.clone(),
            applied: tell,
            reconnects,
        };
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(projector.run(writer)),
        );
        let barrier = Barrier::start(log, stop);
        Ok(Self {
            readers,
            applied,
            barrier,
        })
    }

    /// How far the log has been applied.
    #[must_use]
    pub fn applied(&self) -> Sequence {
        *self.applied.borrow()
    }

    /// How far the log has been applied, as it goes on.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Sequence> {
        self.applied.clone()
    }

    /// Asks, after the model has caught up with everything that was in LOG when the question came.
    ///
    /// # Errors
    /// [`ReadError::Behind`] after 2 s.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Answer<T>, ReadError> {
        let caught_up = async {
            let end = self.barrier.end_of_log().await?;
            let mut applied = self.applied.clone();
            applied
                .wait_for(|applied| *applied >= end)
                .await
                .map_err(|_| ReadError::Stopping)?;
            Ok::<_, ReadError>(())
        };
        tokio::time::timeout(BARRIER_WAIT, caught_up)
            .await
            .map_err(|_| ReadError::Behind)??;
        self.ask_now(question).await
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
        let asked = Arc::clone(&readers);
        let answer = tokio::task::spawn_blocking(move || {
            let (file, mut connection) = asked.take()?;
            let transaction = connection.transaction()?;
            let answer = Answer {
                through: queries::applied(&transaction)?,
                value: question(&transaction)?,
            };
            transaction.finish()?;
            asked.give_back(file, connection);
            Ok(answer)
        })
        .await
        .map_err(|_| ReadError::Stopping)?;
        drop(permit);
        answer
    }
}

/// The connections that questions take turns on. One that failed is not given back, and none
/// outlives its file: one that was thrown away can still be read by who has it open.
struct Readers {
    path: PathBuf,
    turns: Semaphore,
    idle: Mutex<Idle>,
}

/// Those not in use, all of one file.
#[derive(Default)]
struct Idle {
    file: u64,
    connections: Vec<Connection>,
}

impl Readers {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let readers = Self {
            path: path.to_owned(),
            turns: Semaphore::new(READERS),
            idle: Mutex::default(),
        };
        let (file, first) = readers.take()?;
        readers.give_back(file, first);
        Ok(readers)
    }

    /// A connection, and which file it reads.
    fn take(&self) -> Result<(u64, Connection), ReadError> {
        let (file, idle) = {
            let mut idle = self.lock();
            (idle.file, idle.connections.pop())
        };
        match idle {
            Some(connection) => Ok((file, connection)),
            None => Ok((file, schema::open_reader(&self.path)?)),
        }
    }

    fn give_back(&self, file: u64, connection: Connection) {
        let mut idle = self.lock();
        if idle.file == file {
            idle.connections.push(connection);
        }
    }

    /// There may be another file now.
    fn forget(&self) {
        let mut idle = self.lock();
        idle.file += 1;
        idle.connections.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_thrown_away_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.sqlite");
        let say = |applied: i64| {
            let file = schema::open_writer(&path).unwrap().unwrap();
            let begun = "INSERT INTO meta (one, log_created, applied) VALUES (1, '', ?1)";
            file.execute(begun, [applied]).unwrap();
        };
        let read = |connection: &mut Connection| {
            let transaction = connection.transaction().unwrap();
            queries::applied(&transaction).unwrap()
        };
        say(7);
        let readers = Readers::open(&path).unwrap();
        let (file, mut in_use) = readers.take().unwrap();
        assert_eq!(read(&mut in_use), Sequence(7));
        schema::discard(&path).unwrap();
        say(1);
        readers.forget();
        readers.give_back(file, in_use);
        let (_, mut fresh) = readers.take().unwrap();
        assert_eq!(read(&mut fresh), Sequence(1));
    }
}
