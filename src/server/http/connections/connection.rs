//! One connection: what it waits for, and until when.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Connections;

/// An open connection. It stops counting when it is dropped.
pub(in crate::server::http) struct Connection {
    number: u64,
    connections: Connections,
    closed: CancellationToken,
    clock: Mutex<Clock>,
}

/// What the connection waits for, and its deadlines.
struct Clock {
    stage: Stage,
    until: Option<Instant>,
    /// Since when the client reads nothing.
    stalled: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for a request's first byte.
    Silent,
    /// Waits for the rest of its head.
    Head,
    /// The request is being answered.
    Request,
}

impl Connection {
    pub(super) fn new(number: u64, connections: Connections, closed: CancellationToken) -> Self {
        let until = Some(Instant::now() + connections.bounds.head);
        Self {
            number,
            connections,
            closed,
            clock: Mutex::new(Clock {
                stage: Stage::Silent,
                until,
                stalled: None,
            }),
        }
    }

    /// Bytes have arrived.
    pub(in crate::server::http) fn heard(&self) {
        let mut clock = self.clock();
        if clock.stage == Stage::Silent {
            clock.stage = Stage::Head;
            clock.until = Some(Instant::now() + self.connections.bounds.head);
        }
    }

    /// A write went through, or the client does not read.
    pub(in crate::server::http) fn sends(&self, is_taken: bool) {
        let mut clock = self.clock();
        match (is_taken, clock.stalled) {
            (true, _) => clock.stalled = None,
            (false, None) => clock.stalled = Some(Instant::now()),
            (false, Some(_)) => {}
        }
    }

    /// A whole head has arrived.
    pub(in crate::server::http) fn asked(&self) {
        let mut clock = self.clock();
        (clock.stage, clock.until) = (Stage::Request, None);
        drop(clock);
        self.connections.lock().works(self.number);
    }

    /// The answer is written.
    pub(in crate::server::http) fn answered(&self) {
        let mut clock = self.clock();
        clock.stage = Stage::Silent;
        clock.until = Some(Instant::now() + self.connections.bounds.idle);
        drop(clock);
        self.connections.lock().waits(self.number);
    }

    /// When it is closed if nothing happens before.
    pub(in crate::server::http) fn due(&self) -> Option<Instant> {
        let clock = self.clock();
        let stalled = clock.stalled;
        let stalled = stalled.map(|since| since + self.connections.bounds.stalled);
        clock.until.into_iter().chain(stalled).min()
    }

    /// Cancelled when the connection is closed for a new one.
    pub(in crate::server::http) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::http::ConnectionBounds;

    #[tokio::test(start_paused = true)]
    async fn each_silence_has_its_end() {
        let bounds = ConnectionBounds::for_files(1_024);
        let connections = Connections::new(bounds, false);
        let one = connections.enter([192, 0, 2, 1].into()).unwrap();
        let began = Instant::now();
        let left = || one.due().map(|due| due - Instant::now());
        assert_eq!(left(), Some(bounds.head));
        tokio::time::advance(Duration::from_secs(3)).await;
        one.heard();
        assert_eq!(left(), Some(bounds.head), "from the first byte");
        tokio::time::advance(Duration::from_secs(3)).await;
        one.heard();
        assert_eq!(
            one.due(),
            Some(began + Duration::from_secs(3) + bounds.head)
        );
        one.asked();
        one.heard();
        assert_eq!(left(), None, "a body has a pace of its own");
        one.sends(false);
        tokio::time::advance(Duration::from_secs(1)).await;
        one.sends(false);
        assert_eq!(left(), Some(bounds.stalled - Duration::from_secs(1)));
        one.sends(true);
        one.answered();
        assert_eq!(left(), Some(bounds.idle));
    }
}
