//! How much one person may ask. nats-server limits nobody (Must hold, 8), so natter does; the
//! limit is per instance, so the sum is bounded by the number of instances.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::Username;

/// Requests a second that go on being answered.
const STEADY: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Requests at once after a pause.
const BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Limits requests by who makes them.
pub(super) struct RequestLimit {
    limiter: DefaultKeyedRateLimiter<Username>,
    clock: DefaultClock,
}

impl RequestLimit {
    pub(super) fn new() -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(STEADY).allow_burst(BURST)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one request. An error says when to try again.
    pub(super) fn check(&self, caller: &Username) -> Result<(), Duration> {
        self.limiter
            .check_key(caller)
            .map_err(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }

    /// Forgets those who have asked nothing lately.
    pub(super) fn tidy(&self) {
        self.limiter.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_limited_and_no_other() {
        let limit = RequestLimit::new();
        let ada = Username::parse("ada").unwrap();
        let ben = Username::parse("ben").unwrap();
        let refused = (0..200).filter(|_| limit.check(&ada).is_err()).count();
        assert!((50..=100).contains(&refused), "{refused} of 200 at once");
        assert_eq!(limit.check(&ben), Ok(()));
    }
}
