//! The applicative server: typed handlers on subjects, in the manner of axum.
//!
//! A handler is an async function. Its arguments are taken from the message, its return value is
//! the reply:
//!
//! ```
//! # use natter::server::router::{Proto, Router};
//! # use natter::wire::echo::{EchoRequest, EchoResponse};
//! async fn echo(Proto(request): Proto<EchoRequest>) -> Proto<EchoResponse> {
//!     Proto(EchoResponse { message: request.message })
//! }
//! let router = Router::new(()).route("*.echo", echo);
//! ```
//!
//! The first `*` of a pattern stands for the username of who asks: the broker lets a connection
//! publish only under its own (Must hold, 4). The router answers nowhere but in that person's
//! inbox (Must hold, 2), limits what one person asks, and outlives a handler that panics, so no
//! handler can forget any of it.

mod extract;
mod handler;
mod limit;
mod reply;
mod serve;

use std::collections::HashMap;

pub use extract::{CurrentUser, FromRequest, Proto, State};
pub use handler::Handler;
pub use reply::IntoReply;
pub use serve::{Served, Wires};

use bytes::Bytes;

use crate::domain::Username;
use handler::Erased;

/// A message that somebody sent for an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it was sent.
    pub subject: String,
    /// Who sent it.
    pub caller: Username,
    /// What it says.
    pub payload: Bytes,
}

/// Handlers by subject pattern, with the state they share.
pub struct Router<S> {
    state: S,
    routes: HashMap<&'static str, Erased<S>>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// No routes yet.
    pub fn new(state: S) -> Self {
        Self {
            state,
            routes: HashMap::new(),
        }
    }

    /// Serves `pattern` with `handler`. The pattern's first `*` is the caller's username.
    #[must_use]
    pub fn route<A: 'static>(mut self, pattern: &'static str, handler: impl Handler<A, S>) -> Self {
        self.routes.insert(pattern, handler::erase(handler));
        self
    }
}
