//! How long to wait before connecting again (ADR-40): not at all at first, then longer and longer.
//! The wait is drawn from all of that time ("full jitter"), so that many clients do not come back
//! together.

use std::time::Duration;

/// The ceiling of the first wait that is one.
const FIRST: Duration = Duration::from_millis(100);

/// The highest ceiling.
const LONGEST: Duration = Duration::from_secs(8);

/// A floor, so that chance does not make a tight loop.
const SHORTEST: Duration = Duration::from_millis(20);

/// Counts failures, and draws waits.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// `seed` is any number that differs between clients.
    pub fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            // The generator stays at zero for ever.
            random: seed.max(1),
        }
    }

    /// A connection stood long enough.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: none after the first.
    pub fn failed(&mut self) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let ceiling = FIRST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
        ceiling.mul_f64(self.chance()).max(SHORTEST)
    }

    /// A number in 0..1, by xorshift64 (Marsaglia): it spreads waits and guards nothing.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from((self.random >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_is_at_once_and_later_ones_are_spread_under_a_growing_ceiling() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed * 7_919);
            assert_eq!(backoff.failed(), Duration::ZERO);
            let mut ceiling = FIRST;
            for _ in 0..20 {
                let wait = backoff.failed();
                assert!(
                    wait >= SHORTEST && wait <= ceiling,
                    "{wait:?} of {ceiling:?}"
                );
                ceiling = (ceiling * 2).min(LONGEST);
            }
            backoff.succeeded();
            assert_eq!(backoff.failed(), Duration::ZERO);
        }
    }

    #[test]
    fn waits_are_drawn_from_the_whole_of_the_ceiling() {
        let mut backoff = Backoff::new(11);
        let waits: Vec<_> = (0..1_000).map(|_| backoff.failed()).skip(10).collect();
        for part in 0..8 {
            let from = LONGEST * part / 8;
            let within = waits
                .iter()
                .filter(|w| **w >= from && **w < from + LONGEST / 8);
            assert!(within.count() > 60, "few waits from {from:?} on");
        }
    }

    #[test]
    fn clients_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> = (0u64..100)
            .map(|seed| {
                let mut backoff = Backoff::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                (0..8).map(|_| backoff.failed()).last()
            })
            .collect();
        assert!(waits.len() > 95, "{} of 100 differ", waits.len());
    }
}
