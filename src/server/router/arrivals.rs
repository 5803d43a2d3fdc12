//! Every message that arrives on a route, before anything is done for it. It counts against the
//! person of its subject, whatever else it is; what is within their limit and is a request waits for
//! a turn in their queue.
//!
//! This runs on the task that reads the connection, so that a flood is thrown away as fast as it is
//! read, and stands in no queue before others' messages.

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
use crate::domain::Username;
use crate::nats::Message;
use crate::server::Failure;
use crate::server::limits::{Excess, Limits};

/// To whom has as much waiting as one may have: some of it is done by then.
const QUEUE_FULL: Duration = Duration::from_secs(1);

/// A request that waits for its turn.
pub(super) struct Job {
    /// Which route, by its place among all of them.
    pub route: usize,
    pub request: Request,
    pub came: Instant,
}

/// What all routes' arrivals share.
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

    /// natter is about to pass a message on.
    pub fn announced(&self, announcement: &Message) {
        let to = announcement.subject.as_str().rsplit('.').next();
        if let Some(to) = to.and_then(|to| Username::parse(to).ok()) {
            self.relays.announce(to, Instant::now());
        }
    }

    /// A message has arrived on the route at this place.
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
        let counted = self.limits.request(&caller);
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
        let (bytes, reply) = (request.payload.len(), request.reply.clone());
        let job = Job {
            route,
            // A part of what was read at once would keep all of that in memory while it waits.
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

    /// Tells somebody why their request is not worked on, if there is room to: nothing here waits.
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
