//! The state machine, and those who wait for what it says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;

use super::events::Listeners;
use super::mailbox::{Mailbox, Taker};
use super::replies::Gatherer;
use crate::nats::connection::{
    Connection, Event, FlushError, Io, Output, RequestError, SubscribeError,
};
use crate::nats::options::Limits;
use crate::nats::protocol::Message;

/// Who waits for the answer to a request.
pub(super) type Asker = oneshot::Sender<Result<Message, RequestError>>;

/// Who waits for a flush.
pub(super) type Flusher = oneshot::Sender<Result<Duration, FlushError>>;

/// The state machine, and those who wait for what it says.
pub(super) struct Core {
    pub connection: Connection,
    pub listeners: Listeners,
    mailboxes: HashMap<u64, Arc<Mailbox>>,
    askers: HashMap<u64, Asker>,
    gatherers: HashMap<u64, Arc<Gatherer>>,
    flushers: HashMap<u64, Flusher>,
    /// Those who have something to send, and no room for it yet.
    senders: Vec<oneshot::Sender<()>>,
    limits: Limits,
}

impl Core {
    pub fn new(connection: Connection, limits: Limits) -> Self {
        Self {
            connection,
            listeners: Listeners::default(),
            mailboxes: HashMap::new(),
            askers: HashMap::new(),
            gatherers: HashMap::new(),
            flushers: HashMap::new(),
            senders: Vec::new(),
            limits,
        }
    }

    /// Tells all that is to be told, until there is something to be done with the transport.
    pub fn next_io(&mut self) -> Option<Io> {
        while let Some(output) = self.connection.poll() {
            match output {
                Output::Io(io) => {
                    if io != Io::Finish {
                        // Those who wait for room see that there is no connection.
                        self.wake_senders();
                    }
                    return Some(io);
                }
                Output::Event(event) => self.listeners.tell(&event),
                Output::Deliver { sid, message } => self.deliver(sid, message),
                Output::Ended { sid, error } => {
                    if let Some(mailbox) = self.mailboxes.remove(&sid) {
                        mailbox.end(error);
                    }
                }
                // Who asked may have given up; then nobody minds.
                Output::Answer { id, answer } => {
                    if let Some(asker) = self.askers.remove(&id) {
                        let _ = asker.send(answer);
                    }
                }
                Output::Reply { id, message } => {
                    if let Some(gatherer) = self.gatherers.get(&id)
                        && !gatherer.put(message)
                    {
                        let subject = "answers to a request".to_owned();
                        self.listeners.tell(&Event::SlowConsumer { subject });
                    }
                }
                Output::RepliesEnded { id, end } => {
                    if let Some(gatherer) = self.gatherers.remove(&id) {
                        gatherer.end(end);
                    }
                }
                Output::Flushed { id, flushed } => {
                    if let Some(flusher) = self.flushers.remove(&id) {
                        let _ = flusher.send(flushed);
                    }
                }
            }
        }
        None
    }

    fn deliver(&mut self, sid: u64, message: Message) {
        let Some(mailbox) = self.mailboxes.get(&sid) else {
            return;
        };
        if !mailbox.deliver(message) {
            let subject = self.connection.subject_of(sid).unwrap_or_default();
            let subject = subject.to_owned();
            self.listeners.tell(&Event::SlowConsumer { subject });
        }
    }

    pub fn subscribe(
        &mut self,
        subject: &str,
        queue: Option<&str>,
        taker: Option<Taker>,
    ) -> Result<(u64, Arc<Mailbox>), SubscribeError> {
        let sid = self.connection.subscribe(subject, queue)?;
        let mailbox = Arc::new(Mailbox::new(&self.limits, taker));
        self.mailboxes.insert(sid, Arc::clone(&mailbox));
        Ok((sid, mailbox))
    }

    pub fn unsubscribe(&mut self, sid: u64) {
        self.mailboxes.remove(&sid);
        self.connection.unsubscribe(sid);
    }

    pub fn await_answer(&mut self, id: u64) -> oneshot::Receiver<Result<Message, RequestError>> {
        let (asker, answer) = oneshot::channel();
        self.askers.insert(id, asker);
        answer
    }

    pub fn gather(&mut self, id: u64) -> Arc<Gatherer> {
        let gatherer = Arc::new(Gatherer::new(&self.limits));
        self.gatherers.insert(id, Arc::clone(&gatherer));
        gatherer
    }

    pub fn forget_request(&mut self, id: u64) {
        self.askers.remove(&id);
        self.gatherers.remove(&id);
        self.connection.forget_request(id);
    }

    pub fn await_flush(&mut self, id: u64) -> oneshot::Receiver<Result<Duration, FlushError>> {
        let (flusher, flushed) = oneshot::channel();
        self.flushers.insert(id, flusher);
        flushed
    }

    pub fn await_room(&mut self) -> oneshot::Receiver<()> {
        let (sender, room) = oneshot::channel();
        self.senders.retain(|sender| !sender.is_canceled());
        self.senders.push(sender);
        room
    }

    pub fn wake_senders(&mut self) {
        for sender in self.senders.drain(..) {
            let _ = sender.send(());
        }
    }
}
