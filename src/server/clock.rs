//! The time that natter stamps, and how far the broker's clock is from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Now, by this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A smaller difference, in seconds, is not told of: the times in a JWT are whole seconds.
const WORTH_TELLING: i64 = 3;

/// A difference in seconds, or 0 when it is none that can be told from the inaccuracy of measuring it.
#[must_use]
pub fn worth_telling(ahead: i64) -> i64 {
    if ahead.abs() < WORTH_TELLING {
        0
    } else {
        ahead
    }
}

/// By how many seconds the broker's clock is ahead of natter's, as its questions about connections
/// show.
#[derive(Debug, Clone, Default)]
pub struct BrokerClock(Arc<AtomicI64>);

impl BrokerClock {
    /// Takes note of a difference, and logs it when it is another one than before.
    pub fn note(&self, ahead: i64) {
        let ahead = worth_telling(ahead);
        let before = self.0.swap(ahead, Ordering::Relaxed);
        // With several servers, or a question that took long, it may alternate by a second.
        if ahead.abs_diff(before) < WORTH_TELLING.unsigned_abs() {
            return;
        }
        match ahead {
            0 => tracing::info!("the clocks of natter and of nats-server agree again"),
            _ => tracing::warn!(
                "the clocks differ by {} s: that of nats-server is {} natter’s. Past a minute nobody can \
                 connect. Synchronise both machines (NTP)",
                ahead.abs(),
                if ahead > 0 { "ahead of" } else { "behind" }
            ),
        }
    }

    /// The last difference that was worth telling of; 0 when the clocks agree.
    #[must_use]
    pub fn ahead(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_the_clocks_is_known_until_they_agree_again() {
        let clock = BrokerClock::default();
        for (noted, known) in [(-1, 0), (2, 0), (-7, -7), (-8, -8), (60, 60), (1, 0)] {
            clock.note(noted);
            assert_eq!(clock.ahead(), known);
        }
    }
}
