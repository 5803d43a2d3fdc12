//! The NATS client protocol as bytes and types, with no I/O.

mod connect;
mod decoder;
mod encoder;
mod headers;
mod info;
mod message;
mod server_error;
mod subject;

pub(super) use connect::Connect;
pub(super) use decoder::{Decoder, ServerOp};
pub(super) use encoder::Encoder;
pub use headers::Headers;
pub use info::ServerInfo;
pub use message::{Message, Outgoing};
pub use server_error::ServerError;
pub use subject::{Subject, matches_pattern};
pub(super) use subject::{is_publishable, is_subscribable};
