//! The messages of one subscription.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use futures::channel::mpsc;

use super::super::connection::SubscribeError;
use super::super::protocol::Message;
use super::driver::Command;

/// Why a subscription ended; empty while it has not, or when it was asked to.
pub(super) type Ending = Arc<Mutex<Option<SubscribeError>>>;

/// A stream of messages, that outlives reconnects. It ends when the client is closed or the server
/// does not allow it; dropping it unsubscribes. Messages that are not read in time wait in a
/// bounded queue; those that do not fit are dropped, and an
/// [`Event::SlowConsumer`](crate::nats::Event) says so.
#[derive(Debug)]
pub struct Subscription {
    sid: u64,
    messages: mpsc::Receiver<Message>,
    ending: Ending,
    commands: mpsc::Sender<Command>,
}

impl Subscription {
    pub(super) fn new(
        sid: u64,
        messages: mpsc::Receiver<Message>,
        ending: Ending,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        Self {
            sid,
            messages,
            ending,
            commands,
        }
    }

    /// Why it ended without having been asked to.
    #[must_use]
    pub fn error(&self) -> Option<SubscribeError> {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.clone()
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        Pin::new(&mut self.messages).poll_next(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Where the queue is full, the driver notices at the next message that nobody reads.
        let _ = self.commands.try_send(Command::Unsubscribe(self.sid));
    }
}
