//! What the handle may ask.

use std::time::Duration;

use bytes::Bytes;

use super::machine::{Drain, State};
use super::many::{Gathering, Many};
use super::pings::Purpose;
use super::{Connection, FlushError, Moment, PublishError, RequestError, SubscribeError};
use crate::nats::protocol::{Headers, Outgoing, is_pattern, is_subject};

impl Connection {
    /// Subscribes, now and after each reconnect; gives the number of the subscription.
    pub fn subscribe(&mut self, subject: &str, queue: Option<&str>) -> Result<u64, SubscribeError> {
        // ADR-6. A space in a subject would make the rest of it a queue group.
        if !is_pattern(subject) || queue.is_some_and(|queue| !is_subject(queue)) {
            return Err(SubscribeError::BadSubject);
        }
        if self.state == State::Closed || self.drain.is_some() {
            return Err(SubscribeError::Closed);
        }
        let is_full = self.subscriptions.len() >= self.options.limits.subscriptions;
        if is_full || self.is_clogged() {
            return Err(SubscribeError::Full);
        }
        let sid = self.subscriptions.add(subject, queue);
        if self.is_up() {
            self.encoder.subscribe(subject, queue, sid);
        }
        Ok(sid)
    }

    /// The pattern of a subscription.
    pub fn subject_of(&self, sid: u64) -> Option<&str> {
        self.subscriptions.subject(sid)
    }

    /// Ends a subscription at once: nobody wants what is under way.
    pub fn unsubscribe(&mut self, sid: u64) {
        if self.subscriptions.remove(sid) && self.is_up() {
            self.encoder.unsubscribe(sid, None);
        }
    }

    /// Ends a subscription when so many more messages have come.
    pub fn unsubscribe_after(&mut self, sid: u64, more: u64) {
        if more == 0 {
            if self.is_up() && self.subscriptions.subject(sid).is_some() {
                self.encoder.unsubscribe(sid, None);
            }
            return self.end_subscription(sid, None);
        }
        let in_all = self.subscriptions.limit(sid, more);
        if self.is_up() && in_all.is_some() {
            self.encoder.unsubscribe(sid, in_all);
        }
    }

    /// Ends a subscription when what is under way has come.
    pub fn drain_subscription(&mut self, sid: u64, now: Moment) {
        if !self.is_up() {
            return self.end_subscription(sid, None);
        }
        if !self.subscriptions.begin_ending(sid) {
            return;
        }
        self.encoder.unsubscribe(sid, None);
        if self.pings.len() >= self.options.limits.requests {
            // So many PINGs have no answer yet that nobody knows when all has come.
            return self.end_subscription(sid, None);
        }
        self.ping(Purpose::Fence(sid), now);
    }

    /// Sends a message; it is not kept for later.
    pub fn publish(&mut self, message: &Outgoing) -> Result<(), PublishError> {
        let has_good_reply = message.reply.as_deref().is_none_or(is_subject);
        if !is_subject(&message.subject) || !has_good_reply {
            return Err(PublishError::BadSubject);
        }
        match self.state {
            State::Up { .. } => {}
            State::Closed => return Err(PublishError::Closed),
            State::Waiting { .. } | State::Opening { .. } => {
                return Err(PublishError::Disconnected);
            }
        }
        let carries_headers = self.options.headers && self.info.headers;
        if !message.headers.is_empty() && !carries_headers {
            return Err(PublishError::NoHeaders);
        }
        // The server ends the connection over a message that is too large (ADR-40).
        let (size, most) = (message.size(), self.info.max_payload);
        if most > 0 && size > most {
            return Err(PublishError::TooLarge { size, most });
        }
        // One message always fits, whatever its size.
        let waiting = self.encoder.len();
        if waiting > 0 && waiting.saturating_add(size) > self.options.limits.unsent_bytes {
            return Err(PublishError::Full);
        }
        self.encoder.publish(message);
        Ok(())
    }

    /// Asks; an answer with the number that this gives comes later. An error: it was not sent.
    pub fn request(
        &mut self,
        subject: &str,
        payload: Bytes,
        timeout: Duration,
        now: Moment,
    ) -> Result<u64, RequestError> {
        self.ask(subject, payload, now.after(timeout), None, now)
    }

    /// The same of many, for as many answers as `many` says (ADR-47).
    pub fn request_many(
        &mut self,
        subject: &str,
        payload: Bytes,
        many: &Many,
        now: Moment,
    ) -> Result<u64, RequestError> {
        let until = now.after(many.timeout.unwrap_or(self.options.request_timeout));
        let gathering = Gathering::new(many, until);
        self.ask(subject, payload, until, Some(gathering), now)
    }

    fn ask(
        &mut self,
        subject: &str,
        payload: Bytes,
        by: Moment,
        gathering: Option<Gathering>,
        now: Moment,
    ) -> Result<u64, RequestError> {
        if self.requests.len() >= self.options.limits.requests {
            return Err(RequestError::Full);
        }
        if self.requests.inbox_sid.is_none() {
            let pattern = self.requests.pattern();
            self.requests.inbox_sid = Some(self.subscribe(&pattern, None)?);
        }
        let id = self.requests.fresh_id();
        self.publish(&Outgoing {
            subject: subject.to_owned(),
            reply: Some(self.requests.reply_to(id)),
            payload,
            headers: Headers::default(),
        })?;
        self.requests.begin(id, subject, by, gathering);
        self.pings.asked(now);
        Ok(id)
    }

    /// Nobody waits for the answer any longer.
    pub fn forget_request(&mut self, id: u64) {
        // One that ran out of time counts on: nobody answered it.
        if self.requests.end(id).is_some() && self.requests.is_empty() {
            self.pings.forgot();
        }
    }

    /// Tells when the server has processed all that was sent before.
    pub fn flush(&mut self, now: Moment) -> Result<u64, FlushError> {
        match self.state {
            State::Closed => Err(FlushError::Closed),
            State::Waiting { .. } | State::Opening { .. } => Err(FlushError::Disconnected),
            State::Up { .. } if self.pings.len() >= self.options.limits.requests => {
                Err(FlushError::Full)
            }
            State::Up { .. } => {
                let id = self.requests.fresh_id();
                self.ping(Purpose::Flush { id, asked: now }, now);
                self.pings.asked(now);
                Ok(id)
            }
        }
    }

    /// Ends every subscription, lets come what is under way, answers of requests too, then closes.
    pub fn drain(&mut self, now: Moment) {
        if !self.is_up() {
            return self.close();
        }
        if self.drain.is_some() {
            return;
        }
        for sid in self.subscriptions.sids() {
            // Requests that are under way still get their answers.
            if Some(sid) != self.requests.inbox_sid {
                self.drain_subscription(sid, now);
            }
        }
        self.ping(Purpose::Drain, now);
        self.drain = Some(Drain {
            by: now.after(self.options.request_timeout),
            is_dry: false,
        });
    }
}
