//! Why a connection ended, or did not begin.

use crate::nats::protocol::{ProtocolError, ServerError};

/// Why a connection ended, or did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The transport says so.
    #[error("{0}")]
    Transport(String),
    /// From dialling to the first PONG it took too long.
    #[error("no connection in time")]
    TooSlow,
    /// PINGs stayed without an answer.
    #[error("no sign of life from the server")]
    NoSignOfLife,
    /// What is to be sent does not leave.
    #[error("the server does not take what it is sent")]
    Clogged,
    /// The server sent something that is not the protocol.
    #[error("the server sent {0}")]
    Protocol(ProtocolError),
    /// The server said so.
    #[error("{0}")]
    Server(ServerError),
    /// The server is about to end, and there are others (ADR-5).
    #[error("the server is about to end")]
    LameDuck,
}
