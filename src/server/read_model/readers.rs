//! The connections that questions take turns on.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{ReadError, schema};

/// Questions asked at once; SQLite readers do not wait for each other or for the writer.
const READERS: usize = 4;

/// One that failed is not given back, and none outlives its file: one that was thrown away can
/// still be read by who has it open.
pub(super) struct Readers {
    path: PathBuf,
    pub(super) turns: Semaphore,
    idle: Mutex<Idle>,
}

/// Those not in use, all of one file.
#[derive(Default)]
struct Idle {
    file: u64,
    connections: Vec<Connection>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            turns: Semaphore::new(READERS),
            idle: Mutex::default(),
        }
    }

    /// A connection, and the number of the file that it reads.
    pub(super) fn take(&self) -> Result<(u64, Connection), ReadError> {
        let (file, idle) = {
            let mut idle = self.lock();
            (idle.file, idle.connections.pop())
        };
        match idle {
            Some(connection) => Ok((file, connection)),
            None => Ok((file, schema::open_reader(&self.path)?)),
        }
    }

    pub(super) fn give_back(&self, file: u64, connection: Connection) {
        let mut idle = self.lock();
        if idle.file == file {
            idle.connections.push(connection);
        }
    }

    /// There may be another file now: it gets another number.
    pub(super) fn forget(&self) {
        let mut idle = self.lock();
        idle.file += 1;
        idle.connections.clear();
    }

    /// The number of the file that is read now.
    pub(super) fn file(&self) -> u64 {
        self.lock().file
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::queries;
    use super::*;

    #[test]
    fn a_file_that_was_thrown_away_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.sqlite");
        let say = |applied: i64| {
            let file = schema::create(&path, 0).unwrap();
            file.execute("UPDATE meta SET applied = ?1", [applied])
                .unwrap();
        };
        let read = |connection: &mut Connection| {
            let transaction = connection.transaction().unwrap();
            queries::applied(&transaction).unwrap().0.0
        };
        say(7);
        let readers = Readers::new(&path);
        let (file, mut in_use) = readers.take().unwrap();
        assert_eq!(read(&mut in_use), 7);
        say(1);
        readers.forget();
        readers.give_back(file, in_use);
        let (_, mut fresh) = readers.take().unwrap();
        assert_eq!(read(&mut fresh), 1);
    }
}
