//! A client between a user, a clock, a driver and a server, none of which is kind.

use super::ledger::Ledger;
use super::server_side::ServerSide;
use crate::nats::connection::{Connection, Event, Io, Moment, Output, Status};
use crate::nats::options::{ConnectOptions, Limits};

/// Tight, so that bounds are met often.
const LIMITS: Limits = Limits {
    subscriptions: 4,
    requests: 4,
    waiting_messages: 4,
    waiting_bytes: 1_000,
    unsent_bytes: 200,
    unsent_lines: 600,
    message_bytes: 1_000,
};

/// More than that can never wait to be sent: the longest message, and what one step writes.
const UNSENT: usize = LIMITS.unsent_bytes + LIMITS.unsent_lines + 2_048;

/// More than that is never to be done after one step.
const OUTPUTS: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    None,
    Dialling,
    There,
}

pub(super) struct World {
    pub connection: Connection,
    pub now: Moment,
    pub transport: Transport,
    pub server: ServerSide,
    pub owed: Ledger,
    is_closed: bool,
    is_finished: bool,
}

impl World {
    pub fn new(servers: usize) -> Self {
        let urls = ["nats://one:1", "nats://two:2"];
        let servers = urls[..servers]
            .iter()
            .map(|url| url.parse().expect("an address"));
        let options = ConnectOptions {
            servers: servers.collect(),
            limits: LIMITS,
            ..ConnectOptions::default()
        };
        let now = Moment::default();
        Self {
            connection: Connection::new(options, now, [7; 16]),
            now,
            transport: Transport::None,
            server: ServerSide::default(),
            owed: Ledger::default(),
            is_closed: false,
            is_finished: false,
        }
    }

    /// As the driver does after whatever wakes it. Every deadline is in the future afterwards.
    pub fn carry_out(&mut self) {
        for _ in 0..8 {
            self.connection.tick(self.now);
            self.settle();
            let deadline = self.connection.next_deadline();
            if deadline.is_none_or(|deadline| deadline > self.now) {
                return;
            }
        }
        panic!("a deadline in the past is not acted on");
    }

    /// Does what is to be done.
    pub fn settle(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.connection.poll() {
            outputs += 1;
            assert!(outputs < OUTPUTS, "there is no end of what is to be done");
            assert!(!self.is_finished, "{output:?} after the end");
            self.do_one(output);
        }
        if self.transport != Transport::There {
            assert!(!self.connection.has_unsent(), "there is nowhere to send");
        }
        if self.is_closed {
            assert!(self.owed.is_settled(), "{:?}", self.owed);
        }
    }

    fn do_one(&mut self, output: Output) {
        match output {
            Output::Io(Io::Dial(_)) => {
                assert_eq!(self.transport, Transport::None, "one dial at a time");
                self.transport = Transport::Dialling;
                self.server = ServerSide::default();
            }
            Output::Io(Io::HangUp) => self.transport = Transport::None,
            Output::Io(Io::Finish) => {
                assert!(self.is_closed && self.transport == Transport::None);
                self.is_finished = true;
            }
            Output::Event(event) => {
                assert!(!self.is_closed, "{event:?} after the last");
                self.is_closed = event == Event::Closed;
            }
            Output::Deliver { sid, .. } => self.owed.delivered(sid),
            Output::Ended { sid, .. } => {
                self.owed.ended(sid);
                self.server.subscribed.remove(&sid);
                if self
                    .server
                    .inbox
                    .as_ref()
                    .is_some_and(|(inbox, _)| *inbox == sid)
                {
                    self.server.inbox = None;
                }
            }
            Output::Answer { id, .. } => self.owed.answered(id),
            Output::Reply { id, .. } => self.owed.gathered(id),
            Output::RepliesEnded { id, .. } => self.owed.gathering_ended(id),
            Output::Flushed { id, .. } => self.owed.flushed(id),
        }
    }

    /// The transport takes what there is.
    pub fn write(&mut self) {
        self.settle();
        if self.transport != Transport::There {
            return;
        }
        let bytes = self.connection.take_unsent();
        assert!(bytes.len() <= UNSENT, "{} bytes waited", bytes.len());
        self.server.heard(&bytes);
        if self.status() == Status::Connected {
            assert_eq!(self.server.subscribed, self.owed.wanted());
        }
    }

    /// A driver does what is to be done before it listens.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.carry_out();
        if self.transport == Transport::There {
            self.connection.received(bytes, self.now);
        }
    }

    pub fn cut(&mut self) {
        self.settle();
        if self.transport != Transport::None {
            self.transport = Transport::None;
            self.connection.cut("gone".into(), self.now);
        }
    }

    pub fn dialled(&mut self) {
        self.settle();
        if self.transport == Transport::Dialling {
            self.transport = Transport::There;
            self.connection.dialled();
        }
    }

    pub fn status(&self) -> Status {
        self.connection.status(self.now)
    }

    /// All is over, whatever was under way.
    pub fn end(mut self) {
        self.connection.close();
        self.carry_out();
        assert!(self.is_finished && self.owed.is_settled());
        assert_eq!(self.connection.next_deadline(), None);
    }
}
