//! What the server says.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::machine::State;
use super::many::Gathered;
use super::pings::Purpose;
use super::subscriptions::Delivery;
use super::{Connection, Event, Moment, Operation, Output, Reason, RequestError, SubscribeError};
use crate::nats::options::Auth;
use crate::nats::protocol::{Connect, Message, ServerError, ServerInfo, ServerOp, StatusCode};

/// How long requests may go on at a server in lame duck mode. It begins to cut connections after
/// ten seconds, by its default.
const LAME_DUCK_GRACE: Duration = Duration::from_secs(5);

impl Connection {
    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], now: Moment) {
        self.pings.heard(now);
        self.decoder.feed(bytes);
        while matches!(self.state, State::Opening { .. } | State::Up { .. }) {
            match self.decoder.decode() {
                Ok(Some(op)) => self.operation(op, now),
                Ok(None) => return,
                Err(error) => self.lost(Reason::Protocol(error), now),
            }
        }
    }

    fn operation(&mut self, op: ServerOp, now: Moment) {
        match op {
            ServerOp::Info(info) => self.info_came(*info, now),
            ServerOp::Message { sid, message } => self.message(sid, message, now),
            ServerOp::Ping => self.answer_ping(),
            ServerOp::Pong => self.pong(now),
            ServerOp::Ok => {}
            ServerOp::Error(error) => self.complaint(error, now),
        }
    }

    /// INFO comes at first, after CONNECT (with the account's limits and without a nonce), and
    /// whenever the server or its cluster changes (ADR-40).
    fn info_came(&mut self, info: ServerInfo, now: Moment) {
        self.info = info;
        if let State::Opening {
            by,
            has_info: false,
        } = self.state
        {
            self.state = State::Opening { by, has_info: true };
            let connect = self.connect();
            self.encoder.connect(&connect);
            self.ping(Purpose::Handshake, now);
        }
        self.heed_lame_duck(now);
    }

    /// ADR-5. With nowhere else to go, it stays until the server ends the connection.
    pub(super) fn heed_lame_duck(&mut self, now: Moment) {
        if self.info.ldm && self.is_up() && self.leave_by.is_none() {
            self.event(Event::LameDuck);
            if self.options.servers.len() > 1 {
                self.leave_by = Some(now.after(LAME_DUCK_GRACE));
            }
        }
    }

    /// CONNECT comes first, and INFO before it.
    fn answer_ping(&mut self) {
        let has_connected = match self.state {
            State::Opening { has_info, .. } => has_info,
            _ => self.is_up(),
        };
        if has_connected {
            self.encoder.pong();
        }
    }

    fn connect(&self) -> Connect {
        let options = &self.options;
        let headers = options.headers && self.info.headers;
        let mut connect = Connect {
            echo: options.echo,
            headers,
            // A server ends a connection that wants these without headers (ADR-40).
            no_responders: options.no_responders && headers,
            name: options.name.clone(),
            ..Connect::default()
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
            Some(Purpose::Flush { id, asked }) => {
                self.pings.was_answered(!self.requests.is_empty(), now);
                let flushed = Ok(now.since(asked));
                self.outputs.push_back(Output::Flushed { id, flushed });
            }
            Some(Purpose::Fence(sid)) => self.end_subscription(sid, None),
            Some(Purpose::Drain) => {
                if let Some(drain) = &mut self.drain {
                    drain.is_dry = true;
                }
            }
            Some(Purpose::Doubt) => {
                self.pings.was_answered(!self.requests.is_empty(), now);
                self.event(Event::Answered);
            }
            Some(Purpose::KeepAlive | Purpose::Probe) | None => {}
        }
    }

    fn message(&mut self, sid: u64, message: Message, now: Moment) {
        if Some(sid) == self.requests.inbox_sid {
            return self.reply(message, now);
        }
        let delivery = self.subscriptions.delivered(sid);
        if delivery != Delivery::No {
            self.outputs.push_back(Output::Deliver { sid, message });
        }
        if delivery == Delivery::Last {
            self.end_subscription(sid, None);
        }
    }

    /// The first answer is the answer, unless many are wanted; what comes later finds nobody.
    fn reply(&mut self, message: Message, now: Moment) {
        let Some(id) = self.requests.id_of(message.subject.as_str()) else {
            return;
        };
        self.reply_to(id, message, now);
        self.pings.was_answered(!self.requests.is_empty(), now);
    }

    fn reply_to(&mut self, id: u64, message: Message, now: Moment) {
        let is_nobody = message.status == Some(StatusCode::NO_RESPONDERS);
        if is_nobody && message.payload.is_empty() {
            return self.answer(id, Err(RequestError::NoResponders));
        }
        let Some(gathered) = self.requests.gathered(id, &message, now) else {
            return self.answer(id, Ok(message));
        };
        if gathered != Gathered::End {
            let message = message.clone();
            self.outputs.push_back(Output::Reply { id, message });
        }
        if !matches!(gathered, Gathered::More(_)) {
            self.answer(id, Ok(message));
        }
    }

    fn complaint(&mut self, error: ServerError, now: Moment) {
        match &error {
            ServerError::Publish { subject } => {
                for id in self.requests.to(subject) {
                    self.answer(id, Err(RequestError::PermissionDenied));
                }
                self.denied(Operation::Publish, subject);
            }
            ServerError::Reply { reply } => {
                if let Some(id) = self.requests.id_of(reply) {
                    self.answer(id, Err(RequestError::PermissionDenied));
                }
                self.denied(Operation::Reply, reply);
            }
            ServerError::Subscribe { subject, queue } => {
                self.subscription_denied(subject, queue.as_deref());
                self.denied(Operation::Subscribe, subject);
            }
            ServerError::Refused(_) => self.event(Event::AuthRefused),
            ServerError::Expired | ServerError::Fatal(_) | ServerError::Passing(_) => {
                self.event(Event::ServerError(error.clone()));
            }
        }
        if error.is_fatal() {
            self.lost(Reason::Server(error), now);
        }
    }

    /// The server has ended it, so it is over (ADR-40).
    fn subscription_denied(&mut self, subject: &str, queue: Option<&str>) {
        let Some(sid) = self.subscriptions.find(subject, queue) else {
            return;
        };
        self.end_subscription(sid, Some(SubscribeError::PermissionDenied));
        if Some(sid) == self.requests.inbox_sid {
            // No answer can be heard. The next request subscribes anew: rights may have grown.
            self.requests.inbox_sid = None;
            for id in self.requests.all() {
                self.answer(id, Err(RequestError::PermissionDenied));
            }
        }
    }

    fn denied(&mut self, operation: Operation, subject: &str) {
        let subject = subject.to_owned();
        self.event(Event::PermissionDenied { operation, subject });
    }
}
