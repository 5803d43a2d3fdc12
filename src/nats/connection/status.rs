//! How a client stands with its server.

use std::time::Duration;

/// How a client stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has not been connected yet.
    Connecting,
    /// It is connected.
    Connected,
    /// It was connected, and tries to be again.
    Reconnecting {
        /// For how long it has not been connected.
        elapsed: Duration,
    },
    /// It was closed.
    Closed,
}
