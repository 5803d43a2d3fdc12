//! One natter a data folder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::error::BrokerError;

const LOCK_FILE: &str = "natter.lock";

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
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(BrokerError::io("open", &path))?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(BrokerError::io("lock", &path)(error.into()));
            }
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
}
