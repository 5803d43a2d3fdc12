//! The state machine.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;

use super::super::options::{Auth, ConnectOptions, ServerAddr};
use super::super::protocol::{
    Connect, Decoder, Encoder, Headers, Message, Outgoing, ServerError, ServerInfo, ServerOp,
    is_publishable, is_subscribable,
};
use super::backoff::Backoff;
use super::pings::{Pings, Purpose};
use super::requests::Requests;
use super::{
    Event, FlushError, Moment, Operation, PublishError, RequestError, Status, SubscribeError,
};

/// A connection that stood this long is no failure when it is cut: the next try is at once.
const STOOD: Duration = Duration::from_secs(2);

/// The status of "nobody listens there" (ADR-4).
const NO_RESPONDERS: u16 = 503;

/// What whoever does the I/O is to do next.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Output {
    /// Connect to this server, and tell what came of it.
    Dial(ServerAddr),
    /// Send this.
    Write(Bytes),
    /// Close the transport, or give dialling up.
    Hangup,
    /// Tell whoever wants to know.
    Event(Event),
    /// A message for a subscription.
    Deliver { sid: u64, message: Message },
    /// A subscription has ended without having been asked to.
    Ended { sid: u64, error: SubscribeError },
    /// What came of a request.
    Answer {
        id: u64,
        answer: Result<Message, RequestError>,
    },
    /// What came of a flush.
    Flushed {
        id: u64,
        flushed: Result<(), FlushError>,
    },
    /// It is over.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the next try.
    Waiting(Moment),
    /// Dialling or shaking hands, until then.
    Opening {
        by: Moment,
        info_came: bool,
    },
    /// Since then.
    Up(Moment),
    Closed,
}

struct Subscribed {
    subject: String,
    queue: Option<String>,
}

/// A client's connection, through all its transports.
pub(in super::super) struct Connection {
    options: ConnectOptions,
    state: State,
    was_up: bool,
    is_draining: bool,
    tries: usize,
    backoff: Backoff,
    info: ServerInfo,
    decoder: Decoder,
    encoder: Encoder,
    outputs: VecDeque<Output>,
    pings: Pings,
    subscriptions: BTreeMap<u64, Subscribed>,
    last_sid: u64,
    inbox: String,
    inbox_sid: Option<u64>,
    requests: Requests,
}

impl Connection {
    /// A client that dials at once. `random` makes its inbox and its waits its own.
    pub(in super::super) fn new(options: ConnectOptions, now: Moment, random: [u8; 16]) -> Self {
        let seed = random
            .first_chunk()
            .map_or(1, |bytes| u64::from_le_bytes(*bytes));
        let inbox = format!(
            "{}.{}",
            options.inbox_prefix,
            BASE64URL_NOPAD.encode(&random)
        );
        Self {
            options,
            state: State::Waiting(now),
            was_up: false,
            is_draining: false,
            tries: 0,
            backoff: Backoff::new(seed),
            info: ServerInfo::default(),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            outputs: VecDeque::new(),
            pings: Pings::default(),
            subscriptions: BTreeMap::new(),
            last_sid: 0,
            inbox,
            inbox_sid: None,
            requests: Requests::default(),
        }
    }

    /// How it stands.
    pub(in super::super) fn status(&self) -> Status {
        match self.state {
            State::Up(_) => Status::Connected,
            State::Closed => Status::Closed,
            _ if self.was_up => Status::Reconnecting,
            _ => Status::Connecting,
        }
    }

    /// What the server last said of itself.
    pub(in super::super) fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// The next thing to do. What was written since goes out in one piece, last.
    pub(in super::super) fn poll(&mut self) -> Option<Output> {
        self.outputs
            .pop_front()
            .or_else(|| (!self.encoder.is_empty()).then(|| Output::Write(self.encoder.take())))
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(in super::super) fn deadline(&self) -> Option<Moment> {
        let own = match self.state {
            State::Waiting(until) => Some(until),
            State::Opening { by, .. } => Some(by),
            State::Up(_) => Some(self.pings.deadline()),
            State::Closed => None,
        };
        own.into_iter().chain(self.requests.deadline()).min()
    }

    /// Time has passed.
    pub(in super::super) fn tick(&mut self, now: Moment) {
        match self.state {
            State::Waiting(until) if until <= now => self.dial(now),
            State::Opening { by, .. } if by <= now => self.lost("no connection in time", now),
            State::Up(_) if self.pings.is_dead(now) => self.lost("no sign of life", now),
            State::Up(_) if self.pings.is_due(now, self.options.ping_interval) => {
                self.ping(Purpose::KeepAlive, now);
            }
            _ => {}
        }
        for id in self.requests.late(now) {
            self.answer(id, Err(RequestError::Timeout));
        }
    }

    /// The transport is there.
    pub(in super::super) fn dialed(&mut self) {
        self.decoder = Decoder::default();
    }

    /// There is no transport, or no longer.
    pub(in super::super) fn cut(&mut self, reason: &str, now: Moment) {
        if !matches!(self.state, State::Waiting(_) | State::Closed) {
            self.lost(reason, now);
        }
    }

    /// Bytes came.
    pub(in super::super) fn received(&mut self, bytes: &[u8], now: Moment) {
        self.decoder.feed(bytes);
        while matches!(self.state, State::Opening { .. } | State::Up(_)) {
            match self.decoder.next() {
                Ok(Some(op)) => self.operation(op, now),
                Ok(None) => return,
                Err(error) => return self.lost(&error.to_string(), now),
            }
        }
    }

    /// Somebody looks, or the network is back: is the connection alive? If there is none, try now.
    pub(in super::super) fn probe(&mut self, now: Moment) {
        match self.state {
            State::Up(_) if self.pings.is_probing() => {}
            State::Up(_) => self.ping(Purpose::Probe, now),
            State::Waiting(_) => self.dial(now),
            State::Opening { .. } | State::Closed => {}
        }
    }

    /// Subscribes, now and after each reconnect.
    pub(in super::super) fn subscribe(
        &mut self,
        subject: &str,
        queue: Option<&str>,
    ) -> Result<u64, SubscribeError> {
        if !is_subscribable(subject) || queue.is_some_and(|queue| !is_publishable(queue)) {
            return Err(SubscribeError::BadSubject);
        }
        if self.state == State::Closed {
            return Err(SubscribeError::Closed);
        }
        self.last_sid += 1;
        let sid = self.last_sid;
        if self.is_up() {
            self.encoder.subscribe(subject, queue, sid);
        }
        let subscribed = Subscribed {
            subject: subject.to_owned(),
            queue: queue.map(str::to_owned),
        };
        self.subscriptions.insert(sid, subscribed);
        Ok(sid)
    }

    /// The pattern of a subscription.
    pub(in super::super) fn subject_of(&self, sid: u64) -> Option<&str> {
        Some(&self.subscriptions.get(&sid)?.subject)
    }

    /// Ends a subscription.
    pub(in super::super) fn unsubscribe(&mut self, sid: u64) {
        if self.subscriptions.remove(&sid).is_some() && self.is_up() {
            self.encoder.unsubscribe(sid);
        }
    }

    /// Sends a message; it is not kept for later.
    pub(in super::super) fn publish(&mut self, message: &Outgoing) -> Result<(), PublishError> {
        let reply_is_good = message.reply.as_deref().is_none_or(is_publishable);
        if !is_publishable(&message.subject) || !reply_is_good {
            return Err(PublishError::BadSubject);
        }
        match self.state {
            State::Up(_) => {}
            State::Closed => return Err(PublishError::Closed),
            _ => return Err(PublishError::Disconnected),
        }
        let has_headers = !message.headers.is_empty();
        if has_headers && !(self.options.headers && self.info.headers) {
            return Err(PublishError::NoHeaders);
        }
        let headers = if has_headers {
            message.headers.encoded_len()
        } else {
            0
        };
        let size = message.payload.len() + headers;
        // No limit, or none that makes sense, limits nothing.
        let most = usize::try_from(self.info.max_payload).unwrap_or_default();
        if most > 0 && size > most {
            return Err(PublishError::TooLarge { size, most });
        }
        self.encoder.publish(message);
        Ok(())
    }

    /// Asks, and answers `id` later. `Err`: it was not sent.
    pub(in super::super) fn request(
        &mut self,
        id: u64,
        subject: &str,
        payload: Bytes,
        patience: Duration,
        now: Moment,
    ) -> Result<(), RequestError> {
        if self.requests.are_full() {
            return Err(RequestError::Full);
        }
        if self.inbox_sid.is_none() {
            let pattern = format!("{}.*", self.inbox);
            let subscribed = self.subscribe(&pattern, None);
            self.inbox_sid = Some(subscribed.map_err(|error| match error {
                SubscribeError::Closed => RequestError::Closed,
                _ => RequestError::BadSubject,
            })?);
        }
        let token = self.requests.next_token();
        self.publish(&Outgoing {
            subject: subject.to_owned(),
            reply: Some(format!("{}.{token}", self.inbox)),
            payload,
            headers: Headers::default(),
        })?;
        self.requests.add(token, id, subject, now.after(patience));
        Ok(())
    }

    /// Tells `id` when the server has processed all that was sent before.
    pub(in super::super) fn flush(&mut self, id: u64, now: Moment) {
        match self.state {
            State::Up(_) => self.ping(Purpose::Flush(id), now),
            State::Closed => self.flushed(id, Err(FlushError::Closed)),
            _ => self.flushed(id, Err(FlushError::Disconnected)),
        }
    }

    /// Ends every subscription, lets come what was under way, then closes.
    pub(in super::super) fn drain(&mut self, now: Moment) {
        if !self.is_up() {
            return self.close();
        }
        self.is_draining = true;
        for sid in self.subscriptions.keys() {
            self.encoder.unsubscribe(*sid);
        }
        self.ping(Purpose::Drain, now);
    }

    /// Closes, for ever.
    pub(in super::super) fn close(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.outputs.push_back(Output::Hangup);
        self.give_up(&RequestError::Closed, &FlushError::Closed);
        for (sid, _) in std::mem::take(&mut self.subscriptions) {
            let error = SubscribeError::Closed;
            self.outputs.push_back(Output::Ended { sid, error });
        }
        self.event(Event::Closed);
        self.outputs.push_back(Output::Closed);
    }

    fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    fn dial(&mut self, now: Moment) {
        let servers = &self.options.servers;
        let Some(server) = servers.get(self.tries % servers.len().max(1)).cloned() else {
            return self.close();
        };
        self.tries += 1;
        self.state = State::Opening {
            by: now.after(self.options.connect_timeout),
            info_came: false,
        };
        self.outputs.push_back(Output::Dial(server));
    }

    fn operation(&mut self, op: ServerOp, now: Moment) {
        match op {
            ServerOp::Info(info) => self.info_came(*info, now),
            ServerOp::Message { sid, message } => self.message(sid, message),
            ServerOp::Ping => self.encoder.pong(),
            ServerOp::Pong => self.pong(now),
            ServerOp::Ok => {}
            ServerOp::Error(error) => self.server_error(error, now),
        }
    }

    /// INFO comes at first, after CONNECT (with the account's limits and without a nonce), and
    /// whenever the server or its cluster changes (ADR-40).
    fn info_came(&mut self, info: ServerInfo, now: Moment) {
        let is_lame = info.ldm && !self.info.ldm;
        self.info = info;
        if let State::Opening {
            by,
            info_came: false,
        } = self.state
        {
            self.state = State::Opening {
                by,
                info_came: true,
            };
            let connect = self.connect();
            self.encoder.connect(&connect);
            self.ping(Purpose::Handshake, now);
        } else if is_lame {
            self.event(Event::LameDuck);
            // With nowhere else to go, stay until the server cuts.
            if self.options.servers.len() > 1 {
                self.lost("the server is about to end", now);
            }
        }
    }

    fn connect(&self) -> Connect {
        let options = &self.options;
        let mut connect = Connect {
            echo: options.echo,
            headers: options.headers,
            no_responders: options.no_responders && options.headers,
            name: options.name.clone(),
            ..Connect::new()
        };
        match &options.auth {
            Auth::None => {}
            Auth::Token(token) => connect.auth_token = Some(token.clone()),
            Auth::UserPassword { user, password } => {
                connect.user = Some(user.clone());
                connect.pass = Some(password.clone());
            }
            Auth::Jwt { jwt, sign } => {
                let nonce = self.info.nonce.as_deref().unwrap_or_default();
                connect.jwt = Some(jwt.clone());
                connect.sig = Some(BASE64URL_NOPAD.encode(&sign(nonce.as_bytes())));
            }
        }
        connect
    }

    fn pong(&mut self, now: Moment) {
        match self.pings.answered() {
            Some(Purpose::Handshake) => self.up(now),
            Some(Purpose::Flush(id)) => self.flushed(id, Ok(())),
            Some(Purpose::Drain) => self.close(),
            Some(Purpose::KeepAlive | Purpose::Probe) | None => {}
        }
    }

    fn up(&mut self, now: Moment) {
        self.state = State::Up(now);
        self.was_up = true;
        self.pings.begin(now, self.options.ping_interval);
        for (sid, subscribed) in &self.subscriptions {
            let queue = subscribed.queue.as_deref();
            self.encoder.subscribe(&subscribed.subject, queue, *sid);
        }
        self.event(Event::Connected(self.info.clone()));
    }

    fn message(&mut self, sid: u64, message: Message) {
        if Some(sid) != self.inbox_sid {
            if self.subscriptions.contains_key(&sid) {
                self.outputs.push_back(Output::Deliver { sid, message });
            }
            return;
        }
        let token = message.subject.as_str().rsplit('.').next();
        let Some(id) = token.and_then(|token| self.requests.take(token)) else {
            // Answered already, or given up.
            return;
        };
        if message.headers.status() == Some(NO_RESPONDERS) && message.payload.is_empty() {
            self.answer(id, Err(RequestError::NoResponders));
        } else {
            self.answer(id, Ok(message));
        }
    }

    fn server_error(&mut self, error: ServerError, now: Moment) {
        match error {
            ServerError::Publish(subject) => {
                for id in self.requests.take_on(&subject) {
                    self.answer(id, Err(RequestError::PermissionDenied));
                }
                self.denied(Operation::Publish, subject);
            }
            ServerError::Reply(subject) => {
                let token = subject.rsplit('.').next();
                if let Some(id) = token.and_then(|token| self.requests.take(token)) {
                    self.answer(id, Err(RequestError::PermissionDenied));
                }
                self.denied(Operation::Publish, subject);
            }
            ServerError::Subscribe { subject, queue } => {
                self.subscription_refused(&subject, queue.as_deref());
                self.denied(Operation::Subscribe, subject);
            }
            ServerError::Authorization(reason) => {
                self.event(Event::AuthRefused);
                self.lost(&reason, now);
            }
            error => {
                let (is_passing, reason) = (error.is_passing(), error.to_string());
                self.event(Event::ServerError(error));
                if !is_passing {
                    self.lost(&reason, now);
                }
            }
        }
    }

    fn subscription_refused(&mut self, subject: &str, queue: Option<&str>) {
        let refused: Vec<_> = self
            .subscriptions
            .iter()
            .filter(|(_, s)| s.subject == subject && s.queue.as_deref() == queue)
            .map(|(sid, _)| *sid)
            .collect();
        for sid in refused {
            self.subscriptions.remove(&sid);
            if Some(sid) == self.inbox_sid {
                // Nothing that was asked can be answered.
                self.inbox_sid = None;
                for id in self.requests.take_all() {
                    self.answer(id, Err(RequestError::PermissionDenied));
                }
            } else {
                let error = SubscribeError::PermissionDenied;
                self.outputs.push_back(Output::Ended { sid, error });
            }
        }
    }

    fn denied(&mut self, operation: Operation, subject: String) {
        self.event(Event::PermissionDenied { operation, subject });
    }

    fn ping(&mut self, purpose: Purpose, now: Moment) {
        self.encoder.ping();
        self.pings.sent(purpose, now);
    }

    /// The transport is gone or no good: what was under way fails, and the next try is planned.
    fn lost(&mut self, reason: &str, now: Moment) {
        if self.is_draining {
            return self.close();
        }
        let was_up = self.is_up();
        if let State::Up(since) = self.state
            && now.since(since) >= STOOD
        {
            self.backoff.succeeded();
        }
        self.state = State::Waiting(now.after(self.backoff.failed()));
        // What was not sent is not sent later: whoever asked is told, and decides.
        self.encoder = Encoder::default();
        self.outputs.push_back(Output::Hangup);
        self.give_up(&RequestError::Disconnected, &FlushError::Disconnected);
        if was_up {
            self.event(Event::Disconnected(reason.to_owned()));
        }
    }

    fn give_up(&mut self, request: &RequestError, flush: &FlushError) {
        for id in self.requests.take_all() {
            self.answer(id, Err(request.clone()));
        }
        for id in self.pings.end() {
            self.flushed(id, Err(flush.clone()));
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Message, RequestError>) {
        self.outputs.push_back(Output::Answer { id, answer });
    }

    fn flushed(&mut self, id: u64, flushed: Result<(), FlushError>) {
        self.outputs.push_back(Output::Flushed { id, flushed });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
