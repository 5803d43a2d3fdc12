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
//! inbox (Must hold, 2), counts all that a person sends and limits it, works for people in turn, and
//! outlives a handler that panics, so no handler can forget any of it.
//!
//! `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (ADR-32) show all that is served here, each endpoint
//! with its messages and what became of its requests.
//!
//! | file | what |
//! |---|---|
//! | `extract`, `handler`, `reply` | what a handler's arguments and its return value can be |
//! | `endpoint` | a route, and what the router knows of it |
//! | `accept` | which messages are requests, and whose |
//! | `arrivals`, `relays` | what counts against whom, before anything is done for it |
//! | `turns` | whose request is next |
//! | `serve` | from subscription to reply |
//! | `stats`, `discovery`, `schema` | what became of requests, and how that is told (ADR-32) |

mod accept;
mod arrivals;
mod discovery;
mod endpoint;
mod extract;
mod handler;
mod relays;
mod reply;
mod schema;
mod serve;
mod stats;
mod turns;

pub use extract::{CurrentUser, FromRequest, Proto, State};
pub use handler::{Handler, Messages};
pub use reply::IntoReply;
pub use serve::{CutOff, Served, Wires};

use bytes::Bytes;

use crate::domain::Username;
use endpoint::Endpoint;

/// A message that somebody sent for an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it was sent.
    pub subject: String,
    /// Who sent it.
    pub caller: Username,
    /// Where the answer goes, in the caller's inbox; without it nobody waits for one.
    pub reply: Option<String>,
    /// What it says.
    pub payload: Bytes,
}

/// Handlers by subject pattern, with the state they share.
pub struct Router<S> {
    state: S,
    endpoints: Vec<Endpoint<S>>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// No routes yet.
    pub fn new(state: S) -> Self {
        Self {
            state,
            endpoints: Vec::new(),
        }
    }

    /// Serves `pattern` with `handler`. The pattern's first `*` is the caller's username.
    #[must_use]
    pub fn route<A: 'static>(
        self,
        pattern: &'static str,
        handler: impl Handler<A, S> + 'static,
    ) -> Self {
        self.add(Endpoint::new(pattern, handler))
    }

    /// The same, where natter itself publishes to the pattern's subjects too. What `is_own` knows
    /// for such reaches no handler. It is natter's when natter has announced one on
    /// [`subject::relay`](crate::domain::subject::relay), over the same connection and just before;
    /// any other is forged, and counts against whose subject it is.
    #[must_use]
    pub fn route_past_own<A: 'static>(
        self,
        pattern: &'static str,
        is_own: fn(&Request) -> bool,
        handler: impl Handler<A, S> + 'static,
    ) -> Self {
        self.add(Endpoint::new(pattern, handler).past_own(is_own))
    }

    fn add(mut self, endpoint: Endpoint<S>) -> Self {
        self.endpoints.push(endpoint);
        self
    }
}
