//! The NATS client protocol as bytes and types, with no I/O. The connection uses the codec; the
//! types of messages and errors are what the client's users see.

mod connect;
mod decoder;
#[cfg(test)]
mod differential;
mod encoder;
mod headers;
mod info;
mod message;
mod op;
mod outgoing;
mod server_error;
mod status_code;
mod subject;

pub use connect::Connect;
pub use decoder::{Decoder, ProtocolError};
pub use encoder::Encoder;
pub use headers::{HeaderError, Headers};
pub use info::ServerInfo;
pub use message::Message;
pub use op::ServerOp;
pub use outgoing::Outgoing;
pub use server_error::ServerError;
pub use status_code::StatusCode;
pub use subject::{ReplySubject, Subject, is_pattern, is_subject, is_subset, matches_pattern};
