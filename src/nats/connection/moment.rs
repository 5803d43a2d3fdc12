//! A moment on a clock that only goes forward.

use std::time::Duration;

/// Microseconds since some beginning, handed in by whoever has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(u64);

impl Moment {
    /// A moment so long after the clock's beginning.
    pub fn at(since_beginning: Duration) -> Self {
        Self::default().after(since_beginning)
    }

    /// A while later.
    pub fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(wait))
    }

    /// How long it is from `earlier` to this; nothing when it is the other way round.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
