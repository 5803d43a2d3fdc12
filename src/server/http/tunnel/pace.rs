//! How fast the bytes of one person go to the broker, through all tunnels of theirs together.
//!
//! The broker lets 8 MB wait for each connection, natter's own included, and closes a connection for which
//! more waits. So a flood is slowed down here, before the broker has it. Waiting bytes are not read, so
//! TCP slows the sender down.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Bytes in a second: three times what the messages may have that natter takes from one person (20 a second,
/// each of 4 kB).
pub(super) const A_SECOND: u32 = 256 * 1_024;

/// What may come at once, as the time that it takes to earn it: 1 MB. That is a hundred messages of the
/// greatest size, and more.
pub(super) const AT_ONCE: Duration = Duration::from_secs(4);

/// What one person has sent, as the moment until which it is paid for.
pub(super) struct Pace(Mutex<Instant>);

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(now.checked_sub(AT_ONCE).unwrap_or(now)))
    }

    /// Counts bytes, and gives the moment from which they may be passed on.
    pub(super) fn count(&self, bytes: usize, now: Instant) -> Instant {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let cost = Duration::from_secs(1) * bytes / A_SECOND;
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(now.checked_sub(AT_ONCE).unwrap_or(now)) + cost;
        *paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_past_the_first_megabyte_waits_for_its_time() {
        let begun = Instant::now() + Duration::from_secs(3_600);
        let pace = Pace::new(begun);
        let second = A_SECOND as usize;
        for _ in 0..4 {
            assert!(pace.count(second, begun) <= begun);
        }
        let next = pace.count(second, begun);
        assert_eq!(next, begun + Duration::from_secs(1));
        // Silence earns no more than the first megabyte.
        let later = begun + Duration::from_secs(600);
        assert!(pace.count(4 * second, later) <= later);
        assert_eq!(
            pace.count(second / 2, later),
            later + Duration::from_millis(500)
        );
    }
}
