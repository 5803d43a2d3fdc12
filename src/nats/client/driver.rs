//! The task that does the I/O: it hands bytes, commands and time to the state machine, and does
//! what that says.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::{Fuse, pending};
use futures::{FutureExt as _, StreamExt as _, select};

use super::super::connection::{
    ConnectError, Connection, Event, FlushError, Moment, Output, PublishError, RequestError,
    Status, SubscribeError,
};
use super::super::options::ConnectOptions;
use super::super::protocol::{Message, Outgoing, ServerInfo};
use super::super::runtime::{self, BoxFuture, Clock};
use super::super::transport::{self, Incoming, TransportError, Wire};
use super::events::Shared;
use super::subscription::{Ending, Subscription};

/// Commands taken at once before anything is written: many small messages leave in one piece.
const BATCH: usize = 256;

/// How long to sleep when nothing has a deadline.
const NO_DEADLINE: Duration = Duration::from_secs(3_600);

/// What a handle asks for.
#[derive(Debug)]
pub(super) enum Command {
    Connected(oneshot::Sender<Result<ServerInfo, ConnectError>>),
    Subscribe {
        subject: String,
        queue: Option<String>,
        tell: oneshot::Sender<Result<Subscription, SubscribeError>>,
    },
    Unsubscribe(u64),
    Publish {
        message: Outgoing,
        tell: oneshot::Sender<Result<(), PublishError>>,
    },
    Request {
        subject: String,
        payload: Bytes,
        timeout: Duration,
        tell: oneshot::Sender<Result<Message, RequestError>>,
    },
    Flush(oneshot::Sender<Result<(), FlushError>>),
    Probe,
    /// Look whether there is anybody left, or whether to close.
    Nudge,
    Drain(oneshot::Sender<()>),
}

/// Reads a subscription.
struct Reader {
    messages: mpsc::Sender<Message>,
    ending: Ending,
    /// Messages are being dropped, and it has been told.
    is_slow: bool,
}

/// What the driver was woken by.
enum Next {
    Came(Incoming),
    Asked(Command),
    Dialled(Result<Wire, TransportError>),
    Look,
    Time,
}

pub(super) struct Driver {
    connection: Connection,
    options: ConnectOptions,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    /// For the subscriptions that are handed out.
    own_commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    wire: Option<Wire>,
    dialling: Fuse<BoxFuture<Result<Wire, TransportError>>>,
    readers: HashMap<u64, Reader>,
    requests: HashMap<u64, oneshot::Sender<Result<Message, RequestError>>>,
    flushes: HashMap<u64, oneshot::Sender<Result<(), FlushError>>>,
    connected: Vec<oneshot::Sender<Result<ServerInfo, ConnectError>>>,
    drained: Vec<oneshot::Sender<()>>,
    last_id: u64,
}

impl Driver {
    pub(super) fn new(
        options: ConnectOptions,
        commands: mpsc::Receiver<Command>,
        own_commands: mpsc::Sender<Command>,
        shared: Arc<Shared>,
    ) -> Self {
        let clock = Clock::start();
        Self {
            connection: Connection::new(options.clone(), clock.now(), runtime::random()),
            options,
            clock,
            commands,
            own_commands,
            shared,
            wire: None,
            dialling: Fuse::terminated(),
            readers: HashMap::new(),
            requests: HashMap::new(),
            flushes: HashMap::new(),
            connected: Vec::new(),
            drained: Vec::new(),
            last_id: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut lookups = runtime::lookups().fuse();
        loop {
            if self.shared.is_asked_to_close() || self.is_abandoned() {
                self.connection.close();
            }
            if self.carry_out() {
                return;
            }
            let now = self.clock.now();
            let deadline = self.connection.deadline();
            let wait = deadline.map_or(NO_DEADLINE, |deadline| deadline.since(now));
            let next = {
                let wire = &mut self.wire;
                let incoming = async move {
                    match wire {
                        Some(wire) => wire.next().await,
                        None => pending().await,
                    }
                };
                let mut incoming = std::pin::pin!(incoming.fuse());
                let mut sleep = std::pin::pin!(runtime::sleep(wait).fuse());
                select! {
                    incoming = incoming => Next::Came(incoming),
                    command = self.commands.select_next_some() => Next::Asked(command),
                    dialled = &mut self.dialling => Next::Dialled(dialled),
                    () = lookups.select_next_some() => Next::Look,
                    () = sleep => Next::Time,
                }
            };
            match next {
                Next::Came(incoming) => self.came(incoming),
                Next::Asked(command) => self.obey_all(command),
                Next::Dialled(dialled) => self.dialled(dialled),
                Next::Look => self.connection.probe(self.clock.now()),
                Next::Time => {}
            }
            self.connection.tick(self.clock.now());
        }
    }

    /// Nobody holds a handle or a subscription.
    fn is_abandoned(&self) -> bool {
        !self.shared.has_handles() && self.readers.is_empty()
    }

    fn came(&mut self, incoming: Incoming) {
        let now = self.clock.now();
        match incoming {
            Incoming::Bytes(bytes) => self.connection.received(&bytes, now),
            Incoming::Closed(reason) => {
                self.wire = None;
                self.connection.cut(&reason, now);
            }
        }
    }

    fn dialled(&mut self, dialled: Result<Wire, TransportError>) {
        match dialled {
            Ok(wire) => {
                self.wire = Some(wire);
                self.connection.dialed();
            }
            Err(error) => self.connection.cut(&error.to_string(), self.clock.now()),
        }
    }

    fn obey_all(&mut self, first: Command) {
        let now = self.clock.now();
        self.obey(first, now);
        for _ in 1..BATCH {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command, now),
                Err(_) => return,
            }
        }
    }

    fn obey(&mut self, command: Command, now: Moment) {
        match command {
            Command::Connected(tell) => match self.connection.status() {
                Status::Connected => drop(tell.send(Ok(self.connection.info().clone()))),
                Status::Closed => drop(tell.send(Err(ConnectError::Closed))),
                Status::Connecting | Status::Reconnecting => self.connected.push(tell),
            },
            Command::Subscribe {
                subject,
                queue,
                tell,
            } => {
                let subscribed = self.connection.subscribe(&subject, queue.as_deref());
                drop(tell.send(subscribed.map(|sid| self.reader(sid))));
            }
            Command::Unsubscribe(sid) => {
                self.readers.remove(&sid);
                self.connection.unsubscribe(sid);
            }
            Command::Publish { message, tell } => {
                drop(tell.send(self.connection.publish(&message)));
            }
            Command::Request {
                subject,
                payload,
                timeout,
                tell,
            } => {
                let id = self.fresh_id();
                match self.connection.request(id, &subject, payload, timeout, now) {
                    Ok(()) => drop(self.requests.insert(id, tell)),
                    Err(error) => drop(tell.send(Err(error))),
                }
            }
            Command::Flush(tell) => {
                let id = self.fresh_id();
                self.flushes.insert(id, tell);
                self.connection.flush(id, now);
            }
            Command::Probe => self.connection.probe(now),
            Command::Nudge => {}
            Command::Drain(tell) => {
                self.drained.push(tell);
                self.connection.drain(now);
            }
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn reader(&mut self, sid: u64) -> Subscription {
        let (messages, read) = mpsc::channel(self.options.subscription_capacity);
        let ending = Ending::default();
        let reader = Reader {
            messages,
            ending: Arc::clone(&ending),
            is_slow: false,
        };
        self.readers.insert(sid, reader);
        Subscription::new(sid, read, ending, self.own_commands.clone())
    }

    /// Does what the state machine says. True: it is over.
    fn carry_out(&mut self) -> bool {
        while let Some(output) = self.connection.poll() {
            match output {
                Output::Dial(server) => {
                    let dial = transport::dial(server, self.options.clone());
                    let dial: BoxFuture<_> = Box::pin(dial);
                    self.dialling = dial.fuse();
                }
                Output::Write(bytes) => self.write(bytes),
                Output::Hangup => {
                    self.wire = None;
                    self.dialling = Fuse::terminated();
                }
                Output::Event(event) => self.happened(&event),
                Output::Deliver { sid, message } => self.deliver(sid, message),
                Output::Ended { sid, error } => {
                    if let Some(reader) = self.readers.remove(&sid) {
                        let mut ending =
                            reader.ending.lock().unwrap_or_else(PoisonError::into_inner);
                        *ending = Some(error);
                    }
                }
                Output::Answer { id, answer } => {
                    if let Some(tell) = self.requests.remove(&id) {
                        // Who asked may have given up.
                        drop(tell.send(answer));
                    }
                }
                Output::Flushed { id, flushed } => {
                    if let Some(tell) = self.flushes.remove(&id) {
                        drop(tell.send(flushed));
                    }
                }
                Output::Closed => {
                    self.shared.set_status(Status::Closed);
                    return true;
                }
            }
        }
        self.shared.set_status(self.connection.status());
        false
    }

    fn write(&mut self, bytes: Bytes) {
        let sent = match &mut self.wire {
            Some(wire) => wire.send(bytes),
            None => return,
        };
        if let Err(error) = sent {
            self.wire = None;
            self.connection.cut(&error.to_string(), self.clock.now());
        }
    }

    fn deliver(&mut self, sid: u64, message: Message) {
        let Some(reader) = self.readers.get_mut(&sid) else {
            return;
        };
        match reader.messages.try_send(message) {
            Ok(()) => reader.is_slow = false,
            Err(refused) if refused.is_full() => {
                if !std::mem::replace(&mut reader.is_slow, true) {
                    let subject = self.connection.subject_of(sid).unwrap_or_default();
                    let subject = subject.to_owned();
                    self.happened(&Event::SlowConsumer { subject });
                }
            }
            Err(_) => {
                self.readers.remove(&sid);
                self.connection.unsubscribe(sid);
            }
        }
    }

    fn happened(&mut self, event: &Event) {
        self.shared.set_status(self.connection.status());
        match event {
            Event::Connected(info) => {
                self.shared.set_info(info);
                for tell in self.connected.drain(..) {
                    drop(tell.send(Ok(info.clone())));
                }
            }
            Event::AuthRefused => {
                for tell in self.connected.drain(..) {
                    drop(tell.send(Err(ConnectError::Refused)));
                }
            }
            _ => {}
        }
        self.shared.tell(event);
    }
}
