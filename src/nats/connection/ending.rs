//! How a connection ends, for ever or until the next try, and what was under way with it.

use std::time::Duration;

use super::machine::State;
use super::pings::Purpose;
use super::requests::Wanted;
use super::{
    Connection, Event, FlushError, Io, Moment, Output, Reason, RequestError, SubscribeError,
};
use crate::nats::protocol::Message;

/// A connection that stood this long is no failure when it is cut: the next try is at once.
const STOOD: Duration = Duration::from_secs(2);

impl Connection {
    /// Closes, for ever.
    pub fn close(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        let is_drained = self.drain.take().is_some_and(|drain| drain.is_dry);
        self.leave_by = None;
        self.encoder.clear();
        self.give_up(&RequestError::Closed, &FlushError::Closed);
        for sid in self.subscriptions.sids() {
            self.end_subscription(sid, (!is_drained).then_some(SubscribeError::Closed));
        }
        self.event(Event::Closed);
        self.outputs.push_back(Output::Io(Io::HangUp));
        self.outputs.push_back(Output::Io(Io::Finish));
    }

    /// The transport is gone or no good: what was under way fails, and the next try is planned
    /// (ADR-40).
    pub(super) fn lost(&mut self, reason: Reason, now: Moment) {
        if self.drain.is_some() {
            return self.close();
        }
        let was_up = match self.state {
            State::Up { since } => {
                self.away_since = Some(now);
                if now.since(since) >= STOOD {
                    self.backoff.succeeded();
                }
                true
            }
            _ => false,
        };
        let until = now.after(self.backoff.failed());
        self.state = State::Waiting { until };
        self.leave_by = None;
        self.outputs.push_back(Output::Io(Io::HangUp));
        // What was not sent is not sent later: whoever asked is told, and decides.
        self.encoder.clear();
        self.give_up(&RequestError::Disconnected, &FlushError::Disconnected);
        for sid in self.subscriptions.take_ending() {
            self.outputs.push_back(Output::Ended { sid, error: None });
        }
        self.event(if was_up {
            Event::Disconnected(reason)
        } else {
            Event::ConnectFailed(reason)
        });
    }

    fn give_up(&mut self, request: &RequestError, flush: &FlushError) {
        for id in self.requests.all() {
            self.answer(id, Err(request.clone()));
        }
        for purpose in self.pings.end() {
            if let Purpose::Flush { id, .. } = purpose {
                let flushed = Err(flush.clone());
                self.outputs.push_back(Output::Flushed { id, flushed });
            }
        }
    }

    pub(super) fn answer(&mut self, id: u64, answer: Result<Message, RequestError>) {
        let output = match (self.requests.end(id), answer) {
            (None, _) => return,
            (Some(Wanted::One), answer) => Output::Answer { id, answer },
            // That time is up ends it as it should, once there was an answer.
            (Some(Wanted::Many { had_any: true }), Err(RequestError::Timeout)) => {
                Output::RepliesEnded { id, end: Ok(()) }
            }
            (Some(Wanted::Many { .. }), answer) => Output::RepliesEnded {
                id,
                end: answer.map(drop),
            },
        };
        self.outputs.push_back(output);
    }

    pub(super) fn end_subscription(&mut self, sid: u64, error: Option<SubscribeError>) {
        if self.subscriptions.remove(sid) {
            self.outputs.push_back(Output::Ended { sid, error });
        }
    }
}
