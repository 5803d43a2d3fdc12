//! The memory that hashes work in: a buffer of 19 MiB for each hash that runs at the moment, used again
//! by the next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::{Block, Params};

/// Glibc gives an allocation a mapping of its own, which goes back to the system when it is freed, when it
/// is larger than any value that its threshold can take (32 MiB). A smaller one comes from one of many
/// arenas once such a one has been freed, and each arena keeps what it has had. So a buffer reserves this
/// much; what is not used of it takes addresses and no memory.
const RESERVED: usize = 33 * 1_024 * 1_024;

/// As many blocks as a hash of today takes.
const BLOCKS: usize = Params::DEFAULT.block_count();

/// The buffers that wait for the next hash.
#[derive(Default)]
pub(super) struct Buffers {
    kept: Mutex<Vec<Vec<Block>>>,
    #[cfg(test)]
    made: std::sync::atomic::AtomicUsize,
}

impl Buffers {
    /// Works in a buffer of at least so many blocks. Afterwards `is_wanted` says whether another hash
    /// waits; if none does, all buffers are freed.
    pub(super) fn lend<T>(
        &self,
        blocks: usize,
        work: impl FnOnce(&mut [Block]) -> T,
        is_wanted: impl FnOnce() -> bool,
    ) -> T {
        let kept = self.lock().pop();
        let mut buffer = kept.unwrap_or_else(|| self.make());
        // A hash that was made with more memory than is the rule today.
        if buffer.len() < blocks {
            buffer.resize(blocks, Block::new());
        }
        let worked = work(&mut buffer);
        let is_wanted = is_wanted();
        let mut kept = self.lock();
        kept.push(buffer);
        if !is_wanted {
            kept.clear();
        }
        worked
    }

    fn make(&self) -> Vec<Block> {
        #[cfg(test)]
        self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut buffer = Vec::with_capacity(RESERVED.div_ceil(Block::SIZE));
        buffer.resize(BLOCKS, Block::new());
        buffer
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were made so far, and how many are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        let made = self.made.load(std::sync::atomic::Ordering::Relaxed);
        (made, self.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_while_another_hash_waits_and_freed_after_the_last() {
        let buffers = Buffers::default();
        for is_wanted in [true, true, false] {
            buffers.lend(BLOCKS, |blocks| blocks[0] = Block::new(), || is_wanted);
            assert_eq!(buffers.count(), (1, usize::from(is_wanted)));
        }
    }

    #[test]
    fn a_hash_with_more_memory_gets_it() {
        let lent = Buffers::default().lend(BLOCKS + 1, |blocks| blocks.len(), || false);
        assert_eq!(lent, BLOCKS + 1);
    }
}
