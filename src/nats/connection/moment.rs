//! A moment on a clock that only goes forward.

use std::time::Duration;

/// Milliseconds since some beginning, handed in by whoever has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in super::super) struct Moment(pub u64);

impl Moment {
    /// A while later.
    pub(in super::super) fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(wait))
    }

    /// How long it is from `earlier` to this; nothing when it is the other way round.
    pub(in super::super) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
