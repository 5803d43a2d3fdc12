//! What the state machine wants done.

use std::time::Duration;

use super::{Event, FlushError, RequestError, SubscribeError};
use crate::nats::options::ServerAddr;
use crate::nats::protocol::Message;

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Something with the transport.
    Io(Io),
    /// Tell whoever wants to know.
    Event(Event),
    /// A message for a subscription.
    Deliver {
        /// The subscription.
        sid: u64,
        /// The message.
        message: Message,
    },
    /// Nothing more comes for a subscription.
    Ended {
        /// The subscription.
        sid: u64,
        /// Why, when it was not asked for.
        error: Option<SubscribeError>,
    },
    /// What came of a request.
    Answer {
        /// The request.
        id: u64,
        /// Its answer.
        answer: Result<Message, RequestError>,
    },
    /// One of many answers to a request.
    Reply {
        /// The request.
        id: u64,
        /// The answer.
        message: Message,
    },
    /// No more of them come. An error: there was none, or it ended before its time.
    RepliesEnded {
        /// The request.
        id: u64,
        /// How it ended.
        end: Result<(), RequestError>,
    },
    /// What came of a flush.
    Flushed {
        /// The flush.
        id: u64,
        /// How long the way there and back took.
        flushed: Result<Duration, FlushError>,
    },
}

/// What is to be done with the transport. What is to be sent is not among it: that is taken when
/// the transport can take it ([`Connection::take_unsent`](super::Connection::take_unsent)).
#[derive(Debug, PartialEq)]
pub enum Io {
    /// Connect to this server, and tell what came of it.
    Dial(ServerAddr),
    /// Close the transport, or give dialling up.
    HangUp,
    /// It is over, for ever.
    Finish,
}
