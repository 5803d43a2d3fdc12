//! What carries bytes: TCP and WebSocket natively, the browser's WebSocket in a page.
//!
//! All give the same [`Wire`]: bytes out, bytes in, in pieces of any size. Its queues are bounded;
//! who fills the outgoing one is told, and the incoming one slows the server down or, in a page,
//! where nothing can, ends the connection.

#[cfg(feature = "ssr")]
mod native;
#[cfg(feature = "ssr")]
mod tcp;
#[cfg(not(feature = "ssr"))]
mod web;
#[cfg(feature = "ssr")]
mod websocket;

use bytes::Bytes;

#[cfg(feature = "ssr")]
pub(super) use native::{Wire, dial};
#[cfg(not(feature = "ssr"))]
pub(super) use web::{Wire, dial};

/// Something comes in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Bytes, in whatever pieces.
    Bytes(Bytes),
    /// It is over, and why.
    Closed(String),
}

/// There is no transport, or it takes nothing more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct TransportError(pub String);

impl TransportError {
    #[cfg(feature = "ssr")]
    fn of<E: std::fmt::Display>(error: E) -> Self {
        Self(error.to_string())
    }
}
