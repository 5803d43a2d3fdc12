//! What happens to a connection.

use super::super::protocol::{ServerError, ServerInfo};

/// How a client stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has not been connected yet.
    Connecting,
    /// It is connected.
    Connected,
    /// It was connected, and tries to be again.
    Reconnecting,
    /// It was closed.
    Closed,
}

/// What was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Publishing.
    Publish,
    /// Subscribing.
    Subscribe,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connected, and every subscription sent.
    Connected(ServerInfo),
    /// Cut; it tries again by itself.
    Disconnected(String),
    /// The server does not let this client in. It tries again by itself.
    AuthRefused,
    /// Something was not allowed.
    PermissionDenied {
        /// What.
        operation: Operation,
        /// Where.
        subject: String,
    },
    /// The server is about to end.
    LameDuck,
    /// A subscription is read too slowly: a message was dropped.
    SlowConsumer {
        /// Its pattern.
        subject: String,
    },
    /// Something else that the server complains of.
    ServerError(ServerError),
    /// The client was closed; nothing comes after this.
    Closed,
    /// Whoever reads events was too slow, and has missed some.
    Lagged,
}
