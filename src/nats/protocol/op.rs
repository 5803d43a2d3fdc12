//! What a server can say.

use super::{Message, ServerError, ServerInfo};

/// One operation of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerOp {
    /// Who it is, and what it allows.
    Info(Box<ServerInfo>),
    /// MSG or HMSG: a message for the subscription of this number.
    Message {
        /// The subscription.
        sid: u64,
        /// The message.
        message: Message,
    },
    /// Are you there?
    Ping,
    /// The answer to that.
    Pong,
    /// Well received; only sent when asked for.
    Ok,
    /// Something went wrong.
    Error(ServerError),
}
