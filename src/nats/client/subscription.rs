//! The messages of one subscription.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::mailbox::Mailbox;
use super::shared::Handle;
use crate::nats::connection::SubscribeError;
use crate::nats::protocol::Message;

/// A stream of messages, that outlives reconnects. What is sent while there is no connection does
/// not come.
///
/// It ends when it was drained, when the client is closed, and when the server does not allow it:
/// [`error`](Self::error) tells. Dropping it unsubscribes.
///
/// Messages wait in a queue bounded in number and bytes
/// ([`Limits`](crate::nats::Limits)). When that is full the newest is dropped, so that what has
/// waited longest is not lost to a flood; [`Event::SlowConsumer`](crate::nats::Event) says so, and
/// [`dropped`](Self::dropped) how many.
pub struct Subscription {
    sid: u64,
    mailbox: Arc<Mailbox>,
    handle: Arc<Handle>,
}

impl Subscription {
    pub(super) fn new(sid: u64, mailbox: Arc<Mailbox>, handle: Arc<Handle>) -> Self {
        Self {
            sid,
            mailbox,
            handle,
        }
    }

    /// Why it ended without having been asked to.
    #[must_use]
    pub fn error(&self) -> Option<SubscribeError> {
        self.mailbox.error()
    }

    /// How many messages were dropped because they were not read fast enough.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.mailbox.dropped()
    }

    /// Ends it when so many more messages have come, besides those that wait already.
    pub fn unsubscribe_after(&self, more: u64) {
        let shared = &self.handle.shared;
        shared.act(|core, _| core.connection.unsubscribe_after(self.sid, more));
    }

    /// Ends it when all that is under way has come: read on to the end of the stream.
    pub fn drain(&self) {
        let shared = &self.handle.shared;
        shared.act(|core, now| core.connection.drain_subscription(self.sid, now));
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.mailbox.messages.poll_next(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.handle.shared.act(|core, _| core.unsubscribe(self.sid));
    }
}
