//! The async handle, and the task that joins the state machine with a transport and a clock.
//!
//! A handle locks the state machine, asks, and rings for the driver; the driver does the I/O and
//! tells those who wait. There is no queue of commands between them: what is asked is answered or
//! refused at once, and what can only be known later is awaited.

mod bell;
mod core;
mod driver;
mod events;
mod mailbox;
mod queue;
mod replies;
mod shared;
mod subscription;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{Either, select};

pub use events::EventStream;
pub use replies::Replies;
pub use subscription::Subscription;

use super::connection::{
    ConnectError, Event, FlushError, Many, PublishError, RequestError, Status, SubscribeError,
};
use super::options::ConnectOptions;
use super::protocol::{Message, Outgoing, ServerInfo};
use super::runtime;
use driver::Driver;
use mailbox::Taker;
use shared::{Handle, Shared};

/// For [`Client::connected`]: several tries long.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);

/// A NATS client. Clones share one connection. It ends with the last handle or subscription, when
/// what was published has left, or at once with [`close`](Self::close).
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
    /// For flushing.
    timeout: Duration,
}

impl Client {
    /// Begins to connect, and goes on trying until it is closed. Returns at once. Natively it is
    /// to be called within tokio.
    #[must_use]
    pub fn connect(options: ConnectOptions) -> Self {
        let timeout = options.request_timeout;
        let shared = Arc::new(Shared::new(options.clone()));
        runtime::spawn(Driver::new(Arc::clone(&shared), options).run());
        let handle = Arc::new(Handle { shared });
        Self { handle, timeout }
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    /// [`ConnectError::Refused`] as soon as a server does not let it in (it goes on trying), or
    /// not in time.
    pub async fn connected(&self) -> Result<ServerInfo, ConnectError> {
        // Listening begins before the look, so that nothing happens in between.
        let mut events = self.events();
        match self.status() {
            Status::Connected => return Ok(self.server_info().unwrap_or_default()),
            Status::Closed => return Err(ConnectError::Closed),
            Status::Connecting | Status::Reconnecting { .. } => {}
        }
        let connected = async {
            while let Some(event) = events.next().await {
                match event {
                    Event::Connected(info) => return Ok(info),
                    Event::AuthRefused => return Err(ConnectError::Refused),
                    _ => {}
                }
            }
            Err(ConnectError::Closed)
        };
        let within = within(CONNECTED_WITHIN, connected).await;
        within.unwrap_or(Err(ConnectError::Timeout))
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = &self.handle.shared;
        shared.with(|core, now| core.connection.status(now))
    }

    /// What happens from here on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.handle.shared.with(|core, now| {
            let events = core.listeners.listen();
            match core.connection.status(now) {
                Status::Closed => events.ended(),
                _ => events,
            }
        })
    }

    /// What the server last said of itself; `None` before it has been connected.
    #[must_use]
    pub fn server_info(&self) -> Option<ServerInfo> {
        self.handle.shared.with(|core, now| {
            let was_connected = core.connection.status(now) != Status::Connecting;
            was_connected.then(|| core.connection.info().clone())
        })
    }

    /// Subscribes, now and after each reconnect; without a connection, as soon as there is one.
    ///
    /// # Errors
    /// It is not a pattern, there are too many, or the client is closed. That the server does not
    /// allow it is known later: see [`Subscription::error`]. It allows what is a subset of one
    /// subject that the user may read.
    pub async fn subscribe(&self, subject: &str) -> Result<Subscription, SubscribeError> {
        self.subscribe_as(subject, None, None)
    }

    /// Subscribes as one of a group, of which one gets each message.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub async fn queue_subscribe(
        &self,
        subject: &str,
        queue: &str,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_as(subject, Some(queue), None)
    }

    /// Subscribes, in a queue group if one is named, and hands each message to `take` as it
    /// arrives. There is no queue in between, so no message is dropped: the connection is read as
    /// fast as `take` returns. The returned subscription yields no messages; it ends as others do.
    ///
    /// `take` runs on the client's own task with the client locked. It has to be quick, must not
    /// panic, and must not use this client.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub async fn subscribe_with(
        &self,
        subject: &str,
        queue: Option<&str>,
        take: impl Fn(Message) + Send + Sync + 'static,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_as(subject, queue, Some(Box::new(take)))
    }

    fn subscribe_as(
        &self,
        subject: &str,
        queue: Option<&str>,
        taker: Option<Taker>,
    ) -> Result<Subscription, SubscribeError> {
        let shared = &self.handle.shared;
        let (sid, mailbox) = shared.act(|core, _| core.subscribe(subject, queue, taker))?;
        Ok(Subscription::new(sid, mailbox, Arc::clone(&self.handle)))
    }

    /// Sends a message. It leaves soon or not at all; that the server has it, only
    /// [`flush`](Self::flush) tells. Waits while too much is waiting to be sent.
    ///
    /// # Errors
    /// It was not sent.
    pub async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), PublishError> {
        self.publish_message(Outgoing {
            subject: subject.to_owned(),
            payload,
            ..Outgoing::default()
        })
        .await
    }

    /// Sends a message with a reply subject or headers.
    ///
    /// # Errors
    /// It was not sent.
    pub async fn publish_message(&self, message: Outgoing) -> Result<(), PublishError> {
        loop {
            let room = self
                .handle
                .shared
                .act(|core, _| match core.connection.publish(&message) {
                    Err(PublishError::Full) => Ok(core.await_room()),
                    published => Err(published),
                });
            match room {
                // A connection that takes nothing is given up before long: this ends.
                Ok(room) => drop(room.await),
                Err(published) => return published,
            }
        }
    }

    /// Asks, and waits for the first answer.
    ///
    /// # Errors
    /// No answer, and why. On [`RequestError::Timeout`] and [`RequestError::Disconnected`] it is
    /// not known whether the request was worked on.
    pub async fn request(
        &self,
        subject: &str,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let shared = &self.handle.shared;
        let (id, answer) = shared.act(|core, now| {
            let id = core.connection.request(subject, payload, timeout, now)?;
            Ok::<_, RequestError>((id, core.await_answer(id)))
        })?;
        let _forget = Forget { shared, id };
        answer.await.unwrap_or(Err(RequestError::Closed))
    }

    /// Asks all who listen, and gives their answers as they come (ADR-47).
    ///
    /// # Errors
    /// It was not sent. That nobody answers is known later: see [`Replies::end`].
    pub async fn request_many(
        &self,
        subject: &str,
        payload: Bytes,
        many: Many,
    ) -> Result<Replies, RequestError> {
        let (id, gatherer) = self.handle.shared.act(|core, now| {
            let id = core.connection.request_many(subject, payload, &many, now)?;
            Ok::<_, RequestError>((id, core.gather(id)))
        })?;
        Ok(Replies::new(id, gatherer, Arc::clone(&self.handle)))
    }

    /// Waits until the server has processed all that was sent before.
    ///
    /// # Errors
    /// There is no connection, it was cut meanwhile, or no answer came in time.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.round_trip().await.map(drop)
    }

    /// The same, and how long the way there and back took.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn round_trip(&self) -> Result<Duration, FlushError> {
        let flushed = self.handle.shared.act(|core, now| {
            let id = core.connection.flush(now)?;
            Ok(core.await_flush(id))
        })?;
        match within(self.timeout, flushed).await {
            Some(flushed) => flushed.unwrap_or(Err(FlushError::Closed)),
            None => Err(FlushError::Timeout),
        }
    }

    /// Dials at once, if it was going to wait before the next try.
    pub fn retry_now(&self) {
        let shared = &self.handle.shared;
        shared.act(|core, now| core.connection.retry_now(now));
    }

    /// Finds out within 2 s whether the connection is alive.
    pub fn probe(&self) {
        let shared = &self.handle.shared;
        shared.act(|core, now| core.connection.probe(now));
    }

    /// Does what was asked have no answer, and the PING that was sent about it none so far? Then the
    /// connection may be dead ([`Event::Unanswered`]).
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        let shared = &self.handle.shared;
        shared.with(|core, _| core.connection.is_in_doubt())
    }

    /// Ends all subscriptions, lets come what is under way, answers to requests too, and closes.
    /// What has come can still be read from the subscriptions.
    pub async fn drain(&self) {
        let mut events = self.events();
        let shared = &self.handle.shared;
        shared.act(|core, now| core.connection.drain(now));
        while events.next().await.is_some() {}
    }

    /// Closes at once: what was not sent yet is lost.
    pub fn close(&self) {
        self.handle.shared.act(|core, _| core.connection.close());
    }
}

// A page keeps them in signals, which want this of everything, with one thread too.
const _: fn() = || {
    fn may_be_shared<T: Send + Sync>() {}
    may_be_shared::<(Client, Subscription, EventStream, Replies)>();
};

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// Whoever stops waiting for an answer leaves nothing behind.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.with(|core, _| core.forget_request(self.id));
    }
}

async fn within<F: Future>(wait: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(runtime::sleep(wait))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
