//! Many answers to one request.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;

use super::queue::{Queue, Room};
use super::shared::Handle;
use crate::nats::connection::RequestError;
use crate::nats::options::Limits;
use crate::nats::protocol::Message;

/// Shared by the driver, which puts answers in, and the one who reads them.
#[derive(Debug)]
pub(super) struct Gatherer {
    messages: Queue<Message>,
    end: Mutex<Option<Result<(), RequestError>>>,
}

impl Gatherer {
    pub fn new(limits: &Limits) -> Self {
        let room = Room {
            items: limits.waiting_messages,
            bytes: limits.waiting_bytes,
        };
        Self {
            messages: Queue::new(room),
            end: Mutex::new(None),
        }
    }

    /// False: there is no room, and it is lost.
    pub fn put(&self, message: Message) -> bool {
        let bytes = message.weight();
        self.messages.put(message, bytes)
    }

    pub fn end(&self, end: Result<(), RequestError>) {
        *self.lock() = Some(end);
        self.messages.close();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<(), RequestError>>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of answers, until one of the ends of [`Many`](crate::nats::Many) is reached. Dropping
/// it is one too.
///
/// Answers wait as messages of a subscription do, and as there the newest is dropped when too many
/// wait.
pub struct Replies {
    id: u64,
    gatherer: Arc<Gatherer>,
    handle: Arc<Handle>,
}

impl Replies {
    pub(super) fn new(id: u64, gatherer: Arc<Gatherer>, handle: Arc<Handle>) -> Self {
        Self {
            id,
            gatherer,
            handle,
        }
    }

    /// How it ended, once it has. An error: nobody answered, or there may have been more answers
    /// than came.
    #[must_use]
    pub fn end(&self) -> Option<Result<(), RequestError>> {
        self.gatherer.lock().clone()
    }
}

impl Stream for Replies {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.gatherer.messages.poll_next(context)
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies")
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        let shared = &self.handle.shared;
        shared.with(|core, _| core.forget_request(self.id));
    }
}
