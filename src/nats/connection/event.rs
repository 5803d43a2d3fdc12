//! What happens to a client.

use super::Reason;
use crate::nats::protocol::{ServerError, ServerInfo};

/// What was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Publishing there.
    Publish,
    /// Naming that reply subject.
    Reply,
    /// Subscribing to that.
    Subscribe,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connected, and every subscription is on its way again. That the server has them, only a
    /// flush tells.
    Connected(ServerInfo),
    /// Nothing that was asked was answered for 5 s, so a PING was sent: without a PONG for another 5 s the
    /// connection is given up.
    Unanswered,
    /// The PONG came: the server is there, and whoever is asked behind it is slow.
    Answered,
    /// No longer connected; it tries again by itself.
    Disconnected(Reason),
    /// One try to connect failed; it tries again by itself.
    ConnectFailed(Reason),
    /// The server does not let this client in. It tries again by itself, until it is closed.
    AuthRefused,
    /// Something was not allowed. The subscription or request that it is about is told too.
    PermissionDenied {
        /// What.
        operation: Operation,
        /// Where.
        subject: String,
    },
    /// The server is about to end (ADR-5). With other servers to go to, the client goes; with one
    /// alone it stays until the server ends the connection.
    LameDuck,
    /// A subscription is not read fast enough, and messages are dropped. Told once, until
    /// something fits again.
    SlowConsumer {
        /// Its pattern.
        subject: String,
    },
    /// Something else that the server complains of.
    ServerError(ServerError),
    /// The client was closed; nothing comes after this.
    Closed,
    /// Whoever reads the events was too slow, and has missed the oldest.
    Lagged,
}
