//! The life of a connection, from try to try.

use std::collections::VecDeque;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;

use super::backoff::Backoff;
use super::pings::{Pings, Purpose};
use super::requests::Requests;
use super::subscriptions::Subscriptions;
use super::{Event, Io, Moment, Output, Reason, RequestError, Status};
use crate::nats::options::ConnectOptions;
use crate::nats::protocol::{Decoder, Encoder, ServerInfo};

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Until the next try.
    Waiting { until: Moment },
    /// Dialling or shaking hands.
    Opening { by: Moment, has_info: bool },
    /// Connected.
    Up { since: Moment },
    /// Over.
    Closed,
}

/// A client that ends in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    /// It waits no longer than this.
    pub by: Moment,
    /// All that was to come for subscriptions has come.
    pub is_dry: bool,
}

/// A client's connection, through all its transports.
pub struct Connection {
    pub(super) options: ConnectOptions,
    pub(super) state: State,
    pub(super) info: ServerInfo,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) outputs: VecDeque<Output>,
    pub(super) pings: Pings,
    pub(super) subscriptions: Subscriptions,
    pub(super) requests: Requests,
    pub(super) drain: Option<Drain>,
    /// In lame duck mode: when to leave at the latest.
    pub(super) leave_by: Option<Moment>,
    tries: usize,
    pub(super) backoff: Backoff,
    /// When it was last connected, once it was.
    pub(super) away_since: Option<Moment>,
}

impl Connection {
    /// A client that dials at once. `random` makes its inbox and its waits its own.
    pub fn new(options: ConnectOptions, now: Moment, random: [u8; 16]) -> Self {
        let seed = random
            .first_chunk()
            .map_or(1, |bytes| u64::from_le_bytes(*bytes));
        let inbox = format!(
            "{}.{}",
            options.inbox_prefix,
            BASE64URL_NOPAD.encode(&random)
        );
        Self {
            state: State::Waiting { until: now },
            info: ServerInfo::default(),
            decoder: Decoder::new(options.limits.message_bytes),
            encoder: Encoder::default(),
            outputs: VecDeque::new(),
            pings: Pings::default(),
            subscriptions: Subscriptions::default(),
            requests: Requests::new(inbox),
            drain: None,
            leave_by: None,
            tries: 0,
            backoff: Backoff::new(seed),
            away_since: None,
            options,
        }
    }

    /// How it stands.
    pub fn status(&self, now: Moment) -> Status {
        match (self.state, self.away_since) {
            (State::Up { .. }, _) => Status::Connected,
            (State::Closed, _) => Status::Closed,
            (_, None) => Status::Connecting,
            (_, Some(since)) => Status::Reconnecting {
                elapsed: now.since(since),
            },
        }
    }

    /// What the server last said of itself.
    pub fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// The next thing to do. Until there is none, before waiting for anything.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Something waits to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.encoder.is_empty()
    }

    /// Takes what waits to be sent, in one piece.
    pub fn take_unsent(&mut self) -> Bytes {
        self.encoder.take()
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn next_deadline(&self) -> Option<Moment> {
        let own = match self.state {
            State::Waiting { until } => Some(until),
            State::Opening { by, .. } => Some(by),
            State::Up { .. } => Some(self.pings.deadline()),
            State::Closed => None,
        };
        let drain = self.drain.map(|drain| drain.by);
        let all = [own, drain, self.leave_by, self.requests.deadline()];
        all.into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) {
        while let Some(id) = self.requests.late(now) {
            self.answer(id, Err(RequestError::Timeout));
        }
        match self.state {
            State::Waiting { until } if until <= now => self.dial(now),
            State::Opening { .. } | State::Up { .. } if self.is_clogged() => {
                self.lost(Reason::Clogged, now);
            }
            State::Opening { by, .. } if by <= now => self.lost(Reason::TooSlow, now),
            State::Up { .. } => self.tick_up(now),
            _ => {}
        }
        if let Some(drain) = self.drain
            && (drain.by <= now || drain.is_dry && self.requests.is_empty())
        {
            self.close();
        }
    }

    fn tick_up(&mut self, now: Moment) {
        if self.pings.is_dead(now) {
            return self.lost(Reason::NoSignOfLife, now);
        }
        if self.pings.is_due(now, self.options.ping_interval) {
            self.ping(Purpose::KeepAlive, now);
        }
        if self.pings.is_unanswered(now) {
            self.ping(Purpose::Doubt, now);
            self.event(Event::Unanswered);
        }
        // The server still works for a while: what is asked may be answered first.
        if self
            .leave_by
            .is_some_and(|by| by <= now || self.requests.is_empty())
        {
            self.lost(Reason::LameDuck, now);
        }
    }

    /// The transport is there.
    pub fn dialled(&mut self) {
        self.decoder.clear();
    }

    /// There is no transport, or no longer.
    pub fn cut(&mut self, reason: String, now: Moment) {
        if !matches!(self.state, State::Waiting { .. } | State::Closed) {
            self.lost(Reason::Transport(reason), now);
        }
    }

    /// Somebody looks, or the network is back: is the connection alive? If there is none, dials
    /// now.
    pub fn look(&mut self, now: Moment) {
        self.probe(now);
        self.retry_now(now);
    }

    /// Finds out soon whether the connection is alive.
    pub fn probe(&mut self, now: Moment) {
        if self.is_up() && !self.pings.is_probing() {
            self.ping(Purpose::Probe, now);
        }
    }

    /// Dials now, if it was going to wait.
    pub fn retry_now(&mut self, now: Moment) {
        if matches!(self.state, State::Waiting { .. }) {
            self.dial(now);
        }
    }

    /// Messages wait for room; the rest is written whether there is any or not, and has its bound
    /// here.
    pub(super) fn is_clogged(&self) -> bool {
        self.encoder.lines() > self.options.limits.unsent_lines
    }

    /// Does what was asked have no answer, and the PING that was sent about it neither?
    pub fn is_in_doubt(&self) -> bool {
        self.is_up() && self.pings.is_in_doubt()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    fn dial(&mut self, now: Moment) {
        let servers = &self.options.servers;
        let server = servers.get(self.tries % servers.len().max(1));
        let Some(server) = server.cloned() else {
            // Nowhere to go.
            return self.close();
        };
        self.tries = self.tries.wrapping_add(1);
        self.state = State::Opening {
            by: now.after(self.options.connect_timeout),
            has_info: false,
        };
        self.outputs.push_back(Output::Io(Io::Dial(server)));
    }

    /// The first PONG came.
    pub(super) fn up(&mut self, now: Moment) {
        self.state = State::Up { since: now };
        self.away_since = Some(now);
        self.pings.begin(now, self.options.ping_interval);
        self.subscriptions.resubscribe(&mut self.encoder);
        self.event(Event::Connected(self.info.clone()));
        // The word may have come while hands were being shaken.
        self.heed_lame_duck(now);
    }

    pub(super) fn ping(&mut self, purpose: Purpose, now: Moment) {
        self.encoder.ping();
        self.pings.sent(purpose, now);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
