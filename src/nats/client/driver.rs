//! The task that does the I/O: it hands bytes and time to the state machine, and does with the
//! transport what that says. It ends with the client.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};

use super::shared::Shared;
use crate::nats::connection::{Io, Moment};
use crate::nats::options::ConnectOptions;
use crate::nats::runtime::{self, BoxFuture};
use crate::nats::transport::{self, Incoming, TransportError, Wire};

/// How long to sleep when nothing has a deadline.
const NO_DEADLINE: Duration = Duration::from_secs(3_600);

/// What the driver was woken by.
enum Woken {
    /// A handle has asked for something, or time has passed: the state machine knows what to do.
    Go,
    /// The transport takes more.
    Writable,
    Came(Incoming),
    Dialled(Result<Wire, TransportError>),
    /// Somebody looks at the page, or the network is back.
    Look,
}

pub(super) struct Driver {
    shared: Arc<Shared>,
    options: ConnectOptions,
    wire: Option<Wire>,
    dialling: Option<BoxFuture<Result<Wire, TransportError>>>,
}

impl Driver {
    pub fn new(shared: Arc<Shared>, options: ConnectOptions) -> Self {
        Self {
            shared,
            options,
            wire: None,
            dialling: None,
        }
    }

    pub async fn run(mut self) {
        let mut looks = runtime::looks();
        while let Some(deadline) = self.carry_out() {
            let wait = deadline.map_or(NO_DEADLINE, |by| by.since(self.shared.now()));
            let mut sleep = pin!(runtime::sleep(wait));
            let woken = poll_fn(|context| {
                if let Poll::Ready(woken) = self.poll(context) {
                    return Poll::Ready(woken);
                }
                if looks.poll_next_unpin(context).is_ready() {
                    return Poll::Ready(Woken::Look);
                }
                sleep.poll_unpin(context).map(|()| Woken::Go)
            });
            match woken.await {
                Woken::Go => {}
                Woken::Writable => self.write(),
                Woken::Came(incoming) => self.came(incoming),
                Woken::Dialled(dialled) => self.dialled(dialled),
                Woken::Look => self.shared.with(|core, now| core.connection.look(now)),
            }
        }
    }

    /// Does what the state machine says, until it has nothing more before a deadline. `None`: it
    /// is over.
    fn carry_out(&mut self) -> Option<Option<Moment>> {
        loop {
            let (io, deadline) = self.shared.with(|core, now| {
                core.connection.tick(now);
                (core.next_io(), core.connection.next_deadline())
            });
            match io {
                Some(Io::Dial(server)) => {
                    let dialling = transport::dial(server, self.options.clone());
                    self.dialling = Some(Box::pin(dialling));
                }
                Some(Io::HangUp) => self.hang_up(),
                Some(Io::Finish) => return None,
                None => return Some(deadline),
            }
        }
    }

    /// Writing comes before reading, so that a flood from the server keeps nothing back.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Woken> {
        if self.shared.bell.poll_rung(context).is_ready() {
            return Poll::Ready(Woken::Go);
        }
        if let Some(wire) = &mut self.wire {
            match wire.poll_ready(context) {
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Woken::Came(Incoming::Closed(error.0)));
                }
                Poll::Ready(Ok(())) if self.shared.with(|core, _| core.connection.has_unsent()) => {
                    return Poll::Ready(Woken::Writable);
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            return wire.poll_incoming(context).map(Woken::Came);
        }
        match &mut self.dialling {
            Some(dialling) => dialling.poll_unpin(context).map(Woken::Dialled),
            None => Poll::Pending,
        }
    }

    fn write(&mut self) {
        let Some(wire) = &mut self.wire else {
            return;
        };
        let bytes = self.shared.with(|core, _| {
            core.wake_senders();
            core.connection.take_unsent()
        });
        if let Err(error) = wire.send(bytes) {
            self.came(Incoming::Closed(error.0));
        }
    }

    fn came(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Bytes(bytes) => {
                self.shared
                    .with(|core, now| core.connection.received(&bytes, now));
            }
            Incoming::Closed(reason) => {
                self.hang_up();
                self.shared
                    .with(|core, now| core.connection.cut(reason, now));
            }
        }
    }

    fn dialled(&mut self, dialled: Result<Wire, TransportError>) {
        self.dialling = None;
        match dialled {
            Ok(wire) => {
                self.wire = Some(wire);
                self.shared.with(|core, _| core.connection.dialled());
            }
            Err(error) => self.came(Incoming::Closed(error.0)),
        }
    }

    fn hang_up(&mut self) {
        self.wire = None;
        self.dialling = None;
    }
}

/// When its runtime ends before the client does, whoever waits for an answer is told.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.with(|core, _| {
            core.connection.close();
            while core.next_io().is_some() {}
        });
    }
}
