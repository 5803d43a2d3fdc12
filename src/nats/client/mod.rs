//! The async handle, and the task that joins the state machine with a transport and a clock.

mod driver;
mod events;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, select};

pub use events::EventStream;
pub use subscription::Subscription;

use super::connection::{
    ConnectError, FlushError, PublishError, RequestError, Status, SubscribeError,
};
use super::options::ConnectOptions;
use super::protocol::{Message, Outgoing, ServerInfo};
use super::runtime;
use driver::{Command, Driver};
use events::Shared;

/// Commands that wait for the driver; who has one more waits too.
const COMMANDS: usize = 512;

/// For [`Client::connected`], several tries long.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);

/// For [`Client::flush`].
const FLUSHED_WITHIN: Duration = Duration::from_secs(10);

/// A NATS client. Clones share one connection, which ends with the last of them or with
/// [`close`](Self::close).
pub struct Client {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("status", &self.status())
            .finish()
    }
}

impl Client {
    /// Begins to connect, and goes on trying until it is closed. Returns at once.
    #[must_use]
    pub fn connect(options: ConnectOptions) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared::default());
        let driver = Driver::new(options, received, commands.clone(), Arc::clone(&shared));
        shared.handle_made();
        runtime::spawn(driver.run());
        Self { commands, shared }
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    /// [`ConnectError::Refused`] as soon as a server does not let it in (it goes on trying), or
    /// not in time.
    pub async fn connected(&self) -> Result<ServerInfo, ConnectError> {
        let (tell, told) = oneshot::channel();
        self.send(Command::Connected(tell))
            .await
            .map_err(|()| ConnectError::Closed)?;
        match within(CONNECTED_WITHIN, told).await {
            Some(told) => told.unwrap_or(Err(ConnectError::Closed)),
            None => Err(ConnectError::Timeout),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// What happens from here on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.shared.listen()
    }

    /// What the server last said of itself.
    #[must_use]
    pub fn server_info(&self) -> Option<ServerInfo> {
        self.shared.info()
    }

    /// Subscribes, now and after each reconnect.
    ///
    /// # Errors
    /// It is not a pattern, or the client is closed. That the server does not allow it is known
    /// later: see [`Subscription::error`].
    pub async fn subscribe(&self, subject: &str) -> Result<Subscription, SubscribeError> {
        self.subscribe_as(subject, None).await
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
        self.subscribe_as(subject, Some(queue)).await
    }

    async fn subscribe_as(
        &self,
        subject: &str,
        queue: Option<&str>,
    ) -> Result<Subscription, SubscribeError> {
        let (tell, told) = oneshot::channel();
        let command = Command::Subscribe {
            subject: subject.to_owned(),
            queue: queue.map(str::to_owned),
            tell,
        };
        self.send(command)
            .await
            .map_err(|()| SubscribeError::Closed)?;
        told.await.unwrap_or(Err(SubscribeError::Closed))
    }

    /// Sends a message. It leaves at once or not at all; that the server has it, only
    /// [`flush`](Self::flush) tells.
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
        let (tell, told) = oneshot::channel();
        self.send(Command::Publish { message, tell })
            .await
            .map_err(|()| PublishError::Closed)?;
        told.await.unwrap_or(Err(PublishError::Closed))
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
        let (tell, told) = oneshot::channel();
        let command = Command::Request {
            subject: subject.to_owned(),
            payload,
            timeout,
            tell,
        };
        self.send(command)
            .await
            .map_err(|()| RequestError::Closed)?;
        told.await.unwrap_or(Err(RequestError::Closed))
    }

    /// Waits until the server has processed all that was sent before.
    ///
    /// # Errors
    /// There is no connection, it was cut meanwhile, or no answer came in time.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let (tell, told) = oneshot::channel();
        self.send(Command::Flush(tell))
            .await
            .map_err(|()| FlushError::Closed)?;
        match within(FLUSHED_WITHIN, told).await {
            Some(told) => told.unwrap_or(Err(FlushError::Closed)),
            None => Err(FlushError::Timeout),
        }
    }

    /// Finds out within 2 s whether the connection is alive; without one, dials at once.
    pub fn probe(&self) {
        // Where the queue is full the driver is alive, and looks by itself before long.
        let _ = self.commands.clone().try_send(Command::Probe);
    }

    /// Ends all subscriptions, lets come what is under way, and closes.
    pub async fn drain(&self) {
        let (tell, told) = oneshot::channel();
        if self.send(Command::Drain(tell)).await.is_ok() {
            let _ = within(FLUSHED_WITHIN, told).await;
        }
        self.close();
    }

    /// Closes at once.
    pub fn close(&self) {
        self.shared.ask_to_close();
        let _ = self.commands.clone().try_send(Command::Nudge);
    }

    async fn send(&self, command: Command) -> Result<(), ()> {
        self.commands.clone().send(command).await.map_err(|_| ())
    }
}

impl Clone for Client {
    fn clone(&self) -> Self {
        self.shared.handle_made();
        Self {
            commands: self.commands.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Where the driver's queue is full it is awake, and about to look.
        if self.shared.handle_dropped() {
            let _ = self.commands.try_send(Command::Nudge);
        }
    }
}

async fn within<F: Future + Unpin>(wait: Duration, future: F) -> Option<F::Output> {
    let sleep = std::pin::pin!(runtime::sleep(wait));
    match select(future, sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
