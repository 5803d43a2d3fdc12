//! A NATS client that runs in a browser and natively, with the same core.
//!
//! - `protocol` turns bytes into operations and back.
//! - `connection` is the state machine of a client: bytes and moments in, bytes and events out, no
//!   I/O.
//! - `transport` carries bytes: the browser's WebSocket in a page, WebSocket and TCP natively.
//! - `runtime` has what differs between a page and tokio: tasks, time, chance.
//! - `client` joins them into the async handle that the page, the terminal clients and natter's own
//!   reader use.
//!
//! ```no_run
//! # use futures::StreamExt as _;
//! # use natter::nats::{Client, ConnectOptions};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect(ConnectOptions {
//!     servers: vec!["ws://localhost:8080".parse()?],
//!     ..ConnectOptions::default()
//! });
//! client.connected().await?;
//! let mut hellos = client.subscribe("hello.*").await?;
//! client.publish("hello.world", "hi".into()).await?;
//! while let Some(message) = hellos.next().await {
//!     println!("{}: {:?}", message.subject, message.payload);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It knows nothing of chat, so anything in natter may use it. The rules that it keeps are those of
//! nats-architecture-and-design: ADR-4 (headers), ADR-5 (lame duck mode), ADR-6 (subjects),
//! ADR-40 (connecting, reconnecting, what errors mean) and ADR-47 (many answers to one request).
//! `docs/nats-client.md` lists them, and the test of each.

mod client;
mod connection;
#[cfg(test)]
mod exercise;
mod options;
mod protocol;
pub(crate) mod runtime;
mod transport;

pub use client::{Client, EventStream, Replies, Subscription};
pub use connection::{
    ConnectError, Event, FlushError, Many, Operation, PublishError, Reason, RequestError, Status,
    SubscribeError,
};
pub use options::{Auth, ConnectOptions, Limits, ServerAddr, ServerAddrError, Signer};
pub use protocol::{
    HeaderError, Headers, Message, Outgoing, ProtocolError, ReplySubject, ServerError, ServerInfo,
    StatusCode, Subject, is_subject, is_subset, matches_pattern,
};
