//! What waits in a subscription, and why it ended.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::queue::{Queue, Room};
use crate::nats::connection::SubscribeError;
use crate::nats::options::Limits;
use crate::nats::protocol::Message;

/// Takes messages as they arrive. It runs on the client's own task with the client locked, so it must
/// be quick and must not use this client.
pub(super) type Taker = Box<dyn Fn(Message) + Send + Sync>;

/// Shared by the driver, which puts messages in, and the subscription, which takes them.
pub(super) struct Mailbox {
    pub messages: Queue<Message>,
    taker: Option<Taker>,
    dropped: AtomicU64,
    is_overflowing: AtomicBool,
    error: Mutex<Option<SubscribeError>>,
}

impl Mailbox {
    /// With a taker no message waits here: `messages` only tells when the subscription has ended.
    pub fn new(limits: &Limits, taker: Option<Taker>) -> Self {
        let room = Room {
            items: limits.waiting_messages,
            bytes: limits.waiting_bytes,
        };
        Self {
            messages: Queue::new(room),
            taker,
            dropped: AtomicU64::new(0),
            is_overflowing: AtomicBool::new(false),
            error: Mutex::new(None),
        }
    }

    /// Puts a message in. False: it did not fit, and is the first of those.
    pub fn deliver(&self, message: Message) -> bool {
        if let Some(take) = &self.taker {
            take(message);
            return true;
        }
        let bytes = message.weight();
        let fits = self.messages.put(message, bytes);
        if !fits {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let overflowed = self.is_overflowing.swap(!fits, Ordering::Relaxed);
        fits || overflowed
    }

    /// Nothing more comes.
    pub fn end(&self, error: Option<SubscribeError>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        self.messages.close();
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn error(&self) -> Option<SubscribeError> {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.clone()
    }
}
