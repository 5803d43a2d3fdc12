//! Can people be served? Not before a connection has been let in by the auth callout for real: a
//! browser cannot tell a bad session from a natter that is not there yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once the way through the callout has been walked, unset while the broker is away.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Can people be served?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}
