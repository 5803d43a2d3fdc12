//! A NATS client that runs in a browser and natively, with the same core.
//!
//! `protocol` turns bytes into operations and back; `connection` is the state machine of a client
//! without any I/O; `transport` carries bytes (WebSocket in the page, WebSocket and TCP natively);
//! `client` joins them into the async handle that the page, the terminal clients and natter's own
//! reader use. It knows nothing of chat.

mod client;
mod connection;
mod options;
mod protocol;
mod runtime;
mod transport;

pub use client::{Client, EventStream, Subscription};
pub use connection::{
    ConnectError, Event, FlushError, Operation, PublishError, RequestError, Status, SubscribeError,
};
pub use options::{Auth, ConnectOptions, ServerAddr, ServerAddrError};
pub use protocol::{Headers, Message, Outgoing, ServerError, ServerInfo, Subject, matches_pattern};
