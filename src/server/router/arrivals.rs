//! Counts every message that arrives on a route against the person in its subject, before anything else
//! is done with it. A request within the limit waits for a turn in that person's queue.
//!
//! This runs on the task that reads the connection. So a flood is dropped as fast as it is read, and does
//! not fill a queue before other people's messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;

use super::accept::{self, NotARequest};
use super::endpoint::{About, Endpoint};
use super::relays::Relays;
use super::serve::{CutOff, send};
use super::turns::Turns;
use super::{Request, Wires};
use crate::domain::{Username, limits};
use crate::nats::Message;
use crate::server::Failure;
use crate::server::limits::{Excess, Limits};

/// The retry delay when a person's queue is full. Some of it is done by then.
const QUEUE_FULL: Duration = Duration::from_secs(1);

/// A request that waits for its turn.
pub(super) struct Job {
    /// The index of the route.
    pub route: usize,
    pub request: Request,
    pub came: Instant,
}

/// State shared by all routes.
pub(super) struct Arrivals {
    writer: async_nats::Client,
    limits: Limits,
    cut_off: CutOff,
    relays: Relays,
    turns: Turns<Job>,
}

impl Arrivals {
    pub fn new(wires: &Wires, turns: Turns<Job>) -> Self {
        Self {
            writer: wires.writer.clone(),
            limits: wires.limits.clone(),
            cut_off: Arc::clone(&wires.cut_off),
            relays: Relays::default(),
            turns,
        }
    }

    /// A relay was announced.
    pub fn announced(&self, announcement: &Message) {
        let to = announcement.subject.as_str().rsplit('.').next();
        if let Some(to) = to.and_then(|to| Username::parse(to).ok()) {
            self.relays.announce(to, Instant::now());
        }
    }

    /// A message has arrived on the route with this index.
    pub fn take<S>(&self, route: usize, endpoint: &Endpoint<S>, message: Message) {
        let about = &endpoint.about;
        let Some(caller) = accept::caller_of(about.pattern, message.subject.as_str()) else {
            return refuse(about, NotARequest::Nobody);
        };
        let now = Instant::now();
        if let Some(is_own) = endpoint.is_own {
            let is_it = || accept::request(&caller, &message).is_ok_and(|request| is_own(&request));
            if self.relays.take(&caller, now, is_it) {
                return;
            }
        }
        let counted = self.limits.request(&caller, message.payload.len());
        if let Err(Excess::CutOff { cut_now }) = counted {
            about.stats.count_refused();
            if cut_now {
                tracing::warn!(who = %caller, "cut off for too many requests");
                (self.cut_off)(caller);
            }
            return;
        }
        let request = match accept::request(&caller, &message) {
            Ok(request) => request,
            Err(reason) => return refuse(about, reason),
        };
        if endpoint.is_own.is_some_and(|is_own| is_own(&request)) {
            return refuse(about, NotARequest::ForgedRelay);
        }
        if let Err(Excess::Refused(failure)) = counted {
            return self.tell(about, request.reply, failure);
        }
        if message.payload.len() > limits::PAYLOAD {
            return self.tell(about, request.reply, Failure::too_large());
        }
        let (bytes, reply) = (request.payload.len(), request.reply.clone());
        let job = Job {
            route,
            // A slice of the read buffer would keep the whole buffer in memory while it waits.
            request: Request {
                payload: Bytes::copy_from_slice(&request.payload),
                ..request
            },
            came: now,
        };
        if !self.turns.put(&caller, job, bytes) {
            self.tell(about, reply, Failure::too_many(QUEUE_FULL));
        }
    }

    /// Tells the sender why a request is refused, if the client can send at once: nothing here waits.
    fn tell(&self, about: &About, reply: Option<String>, failure: Failure) {
        let outcome = Err(failure);
        about.stats.count(&outcome, Duration::ZERO);
        if let Some(reply) = reply {
            let sent = send(&self.writer, reply, outcome);
            let _ = tokio::task::unconstrained(sent).now_or_never();
        }
    }
}

fn refuse(about: &About, reason: NotARequest) {
    about.stats.count_refused();
    tracing::debug!(endpoint = about.name, %reason, "a message was not a request");
}
