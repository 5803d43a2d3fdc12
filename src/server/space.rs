//! Is there room to write? Natter stops writing messages before the disk is full: a nats-server that
//! has run into the end of it takes nothing more until it is started again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is left for that which goes on when no message is taken any more: sessions, the read model
/// and what nats-server writes of itself.
const RESERVE: u64 = 64 * 1_024 * 1_024;

/// Room that has to be made before messages are taken again, so that the two do not alternate.
const MADE_ROOM: u64 = RESERVE + RESERVE / 4;

/// Whether there is room to write; without a disk to look at, there is.
#[derive(Debug, Clone, Default)]
pub struct Space(Arc<AtomicBool>);

impl Space {
    /// Must nothing more be written?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Looks at the disk that has `folder`, and says whether there is ample room. `is_stuck`: the
    /// broker can write nothing, however much room there is.
    pub(super) fn look(&self, folder: &Path, is_stuck: bool) -> bool {
        let Ok(disk) = rustix::fs::statvfs(folder) else {
            return false;
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let was_full = self.is_full();
        let is_full = is_stuck || free < if was_full { MADE_ROOM } else { RESERVE };
        self.0.store(is_full, Ordering::Release);
        let free_mb = free / 1_000_000;
        match (was_full, is_full) {
            (false, true) => {
                tracing::error!(
                    free_mb,
                    "the disk is full: no messages are taken until there is room"
                );
            }
            (true, false) => tracing::info!(free_mb, "there is room again: messages are taken"),
            _ => {}
        }
        free >= MADE_ROOM
    }
}
