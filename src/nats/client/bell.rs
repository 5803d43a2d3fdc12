//! Wakes the driver.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

/// Rung by whoever has something for the driver; one ring stands for many.
#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    driver: AtomicWaker,
}

impl Bell {
    pub fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.driver.wake();
    }

    /// Ready when it was rung since the last time.
    pub fn poll_rung(&self, context: &mut Context<'_>) -> Poll<()> {
        // Before the look, so that a ring in between is not lost.
        self.driver.register(context.waker());
        if self.rung.swap(false, Ordering::AcqRel) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
