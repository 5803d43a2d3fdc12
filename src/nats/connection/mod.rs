//! The state machine of a client: bytes and moments in, bytes and events out, with no I/O and no
//! clock of its own. ADR-40 is its book; where it keeps a rule of another one, that is named.
//!
//! `machine` is its life from try to try, `ending` how each ends, `asked` what the handle may ask of
//! it, `heard` what the server says. The driver in `client` is its only user; events, errors and
//! states are what the client's users see.

mod asked;
mod backoff;
mod ending;
mod errors;
mod event;
mod heard;
mod machine;
mod many;
mod moment;
mod output;
mod pings;
mod reason;
mod requests;
mod status;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use errors::{ConnectError, FlushError, PublishError, RequestError, SubscribeError};
pub use event::{Event, Operation};
pub use machine::Connection;
pub use many::Many;
pub use moment::Moment;
pub use output::{Io, Output};
pub use reason::Reason;
pub use status::Status;
