//! One natter a data folder, and one nats-server a store.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::error::BrokerError;

const LOCK_FILE: &str = "natter.lock";

/// In the broker's own folder.
const STORE_LOCK_FILE: &str = "nats-server.lock";

/// For a nats-server that is about to end.
const STORE_FREE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Holds the data folder for as long as it lives.
///
/// nats-server itself has no such lock: a second one on the same store starts without complaint
/// and loses messages. The lock ends with the process, however that ends, so there is never a
/// stale one; and since the file is closed on exec, the nats-server child does not inherit it.
#[derive(Debug)]
pub(super) struct DataFolderLock {
    _file: File,
}

impl DataFolderLock {
    /// Takes the lock, or says who has it. Blocks on file I/O.
    pub fn take(data_dir: &Path) -> Result<Self, BrokerError> {
        let path = data_dir.join(LOCK_FILE);
        let mut file = open(&path)?;
        if !try_lock(&file, &path)? {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(BrokerError::DataFolderInUse {
                data_dir: data_dir.to_owned(),
                pid: holder.trim().parse().ok(),
            });
        }
        // For whoever comes second; the lock holds without it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Holds the store for as long as this value or a nats-server lives that was started with it: one that
/// outlived its natter still has it, also where its pid file is gone.
#[derive(Debug)]
pub(super) struct StoreLock {
    file: File,
}

impl StoreLock {
    /// Takes the lock in the broker's folder, which has to exist. Blocks on file I/O, and for up to two
    /// seconds while another has it.
    pub fn take(folder: &Path) -> Result<Self, BrokerError> {
        let path = folder.join(STORE_LOCK_FILE);
        let file = open(&path)?;
        let deadline = Instant::now() + STORE_FREE_WITHIN;
        while !try_lock(&file, &path)? {
            if Instant::now() >= deadline {
                return Err(BrokerError::StoreInUse(folder.to_owned()));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(Self { file })
    }

    /// The lock for a nats-server to hold too: as its standard input, the one file that a child process
    /// inherits and no other child of natter does.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

fn open(path: &Path) -> Result<File, BrokerError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = options.mode(0o600).open(path);
    opened.map_err(BrokerError::io("open", path))
}

/// False: somebody else has it.
fn try_lock(file: &File, path: &Path) -> Result<bool, BrokerError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(BrokerError::io("lock", path)(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolderLock::take(folder.path()).unwrap();
        let error = DataFolderLock::take(folder.path()).unwrap_err();
        let me = std::process::id();
        assert!(
            error.to_string().ends_with(&format!("(process {me})")),
            "{error}"
        );
        drop(first);
        DataFolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_store_is_held_until_the_last_who_shares_its_lock_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = StoreLock::take(folder.path()).unwrap();
        let shared = first.share().unwrap();
        drop(first);
        let error = StoreLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("still runs"), "{error}");
        drop(shared);
        StoreLock::take(folder.path()).unwrap();
    }
}
