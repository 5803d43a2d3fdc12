//! The state machine of a client: bytes and moments in, bytes and events out, no I/O and no clock
//! of its own. ADR-40 (connecting, reconnecting, lame duck), ADR-5 and 6 (names of servers and
//! subjects) and ADR-47's deadlines are kept here.

mod backoff;
mod core;
mod errors;
mod event;
mod moment;
mod pings;
mod requests;
#[cfg(test)]
mod tests;

pub(super) use self::core::{Connection, Output};
pub use errors::{ConnectError, FlushError, PublishError, RequestError, SubscribeError};
pub use event::{Event, Operation, Status};
pub(super) use moment::Moment;
