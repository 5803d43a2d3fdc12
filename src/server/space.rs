//! Can the disk be written? Natter stops writing messages before the disk is full: a nats-server that
//! has run into the end of it takes nothing more until it is started again. The same holds for a file system
//! that has become read-only.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::StatVfsMountFlags;

/// What is left for that which goes on when no message is taken any more: sessions, the read model
/// and what nats-server writes of itself.
const RESERVE: u64 = 64 * 1_024 * 1_024;

/// Room that has to be made before messages are taken again, so that the two do not alternate.
const MADE_ROOM: u64 = RESERVE + RESERVE / 4;

/// A file that is made to see whether it can be.
const PROBE: &str = ".can-be-written";

/// Why nothing can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// There is no room left.
    #[error("the disk is full")]
    Full,
    /// The file system is mounted read-only, as Linux does after an error of the disk.
    #[error("the file system of the data folder is read-only")]
    ReadOnly,
}

/// Whether the disk can be written; without a disk to look at, it can.
#[derive(Debug, Clone, Default)]
pub struct Space(Arc<AtomicU8>);

/// What the system says of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disk {
    free: u64,
    is_read_only: bool,
}

impl Space {
    /// Why nothing more must be written; `None` when it can be.
    #[must_use]
    pub fn unwritable(&self) -> Option<Unwritable> {
        match self.0.load(Ordering::Acquire) {
            FULL => Some(Unwritable::Full),
            READ_ONLY => Some(Unwritable::ReadOnly),
            _ => None,
        }
    }

    /// Looks at the disk that has `folder`, and says whether there is ample room. `is_stuck`: the
    /// broker can write nothing, whatever the disk is like now.
    pub(super) fn look(&self, folder: &Path, is_stuck: bool) -> bool {
        let Ok(disk) = rustix::fs::statvfs(folder) else {
            return false;
        };
        let before = self.unwritable();
        let is_in_doubt = is_stuck || before == Some(Unwritable::ReadOnly);
        let disk = Disk {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            is_read_only: disk.f_flag.contains(StatVfsMountFlags::RDONLY)
                || (is_in_doubt && refuses_writes(folder)),
        };
        let now = disk.unwritable(before, is_stuck);
        self.0.store(stored(now), Ordering::Release);
        let free_mb = disk.free / 1_000_000;
        match now {
            _ if now == before => {}
            Some(Unwritable::Full) => tracing::error!(
                free_mb,
                "the disk is full: no messages are taken until there is room"
            ),
            Some(Unwritable::ReadOnly) => tracing::error!(
                ?folder,
                "the file system is read-only: people can read, and no messages are taken until it can be \
                 written again"
            ),
            None => tracing::info!(free_mb, "the disk can be written again: messages are taken"),
        }
        disk.is_ample()
    }
}

/// Is the file system read-only although it was not mounted so? After an error Linux has some refuse every
/// write.
fn refuses_writes(folder: &Path) -> bool {
    let file = folder.join(PROBE);
    let made = std::fs::write(&file, "");
    let _ = std::fs::remove_file(&file);
    made.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem)
}

impl Disk {
    fn unwritable(self, before: Option<Unwritable>, is_stuck: bool) -> Option<Unwritable> {
        let least = match before {
            Some(Unwritable::Full) => MADE_ROOM,
            _ => RESERVE,
        };
        match () {
            () if self.is_read_only => Some(Unwritable::ReadOnly),
            () if self.free < least => Some(Unwritable::Full),
            // The broker is about to be started again. What it could not write was for this reason.
            () if is_stuck => Some(before.unwrap_or(Unwritable::Full)),
            () => None,
        }
    }

    fn is_ample(self) -> bool {
        !self.is_read_only && self.free >= MADE_ROOM
    }
}

const FULL: u8 = 1;
const READ_ONLY: u8 = 2;

fn stored(why: Option<Unwritable>) -> u8 {
    match why {
        None => 0,
        Some(Unwritable::Full) => FULL,
        Some(Unwritable::ReadOnly) => READ_ONLY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Disk = Disk {
        free: MADE_ROOM,
        is_read_only: false,
    };

    #[test]
    fn a_read_only_disk_is_not_called_full_and_nobody_waits_for_room_on_it() {
        let disk = Disk {
            is_read_only: true,
            ..AMPLE
        };
        let read_only = Some(Unwritable::ReadOnly);
        assert_eq!(disk.unwritable(None, true), read_only);
        assert!(!disk.is_ample(), "the broker is left as it is");
        assert_eq!(AMPLE.unwritable(read_only, true), read_only);
        assert_eq!(AMPLE.unwritable(read_only, false), None);
        assert!(AMPLE.is_ample());
    }

    #[test]
    fn a_full_disk_needs_some_room_before_it_is_written_again() {
        let reserve = Disk {
            free: RESERVE,
            ..AMPLE
        };
        let full = Some(Unwritable::Full);
        assert_eq!(reserve.unwritable(None, false), None);
        assert_eq!(reserve.unwritable(full, false), full);
        assert_eq!(AMPLE.unwritable(full, false), None);
        assert_eq!(AMPLE.unwritable(None, true), full, "nats-server says so");
    }
}
