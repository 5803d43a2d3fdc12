//! What carries bytes: TCP and WebSocket natively, the browser's WebSocket in a page. The driver in
//! `client` is its only user.
//!
//! All give a `Wire` with the same functions: bytes out, bytes in, in pieces of any size. It holds
//! one piece on its way out, and takes the next when that has left. Natively nothing is read before
//! it is wanted, which slows the server down; a page cannot do that, and ends the connection when
//! more waits than it should.

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
pub use native::{Wire, dial};
#[cfg(not(feature = "ssr"))]
pub use web::{Wire, dial};

/// Something comes in.
#[derive(Debug)]
pub enum Incoming {
    /// Bytes, in whatever pieces.
    Bytes(Bytes),
    /// It is over, and why.
    Closed(String),
}

/// There is no transport, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

impl TransportError {
    #[cfg(feature = "ssr")]
    fn of<E: std::fmt::Display>(error: E) -> Self {
        Self(error.to_string())
    }
}
