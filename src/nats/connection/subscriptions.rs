//! The subscriptions of a client, through all its connections.

use std::collections::BTreeMap;

use crate::nats::protocol::Encoder;

/// The subscriptions, by the number under which the server sends their messages.
#[derive(Debug, Default)]
pub struct Subscriptions {
    by_sid: BTreeMap<u64, Subscribed>,
    last_sid: u64,
}

#[derive(Debug)]
struct Subscribed {
    subject: String,
    queue: Option<String>,
    /// What came on this connection: the server counts so.
    delivered: u64,
    /// What may still come.
    remaining: Option<u64>,
    /// The server has been told to end it; what is under way still comes.
    is_ending: bool,
}

/// Is a message for somebody?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Yes.
    Yes,
    /// Yes, and it was the last one.
    Last,
    /// The subscription is over.
    No,
}

impl Subscriptions {
    /// One more.
    pub fn add(&mut self, subject: &str, queue: Option<&str>) -> u64 {
        self.last_sid += 1;
        let subscribed = Subscribed {
            subject: subject.to_owned(),
            queue: queue.map(str::to_owned),
            delivered: 0,
            remaining: None,
            is_ending: false,
        };
        self.by_sid.insert(self.last_sid, subscribed);
        self.last_sid
    }

    /// One less. False: there was none.
    pub fn remove(&mut self, sid: u64) -> bool {
        self.by_sid.remove(&sid).is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_sid.len()
    }

    /// The pattern of one.
    pub fn subject(&self, sid: u64) -> Option<&str> {
        Some(&self.by_sid.get(&sid)?.subject)
    }

    /// The numbers of all.
    pub fn sids(&self) -> Vec<u64> {
        self.by_sid.keys().copied().collect()
    }

    /// The one that an error is about. The server names no number; it sends one error for each
    /// subscription, so that the first which matches may be taken (ADR-40).
    pub fn find(&self, subject: &str, queue: Option<&str>) -> Option<u64> {
        let mut all = self.by_sid.iter();
        let found = all.find(|(_, s)| s.subject == subject && s.queue.as_deref() == queue);
        found.map(|(sid, _)| *sid)
    }

    /// A message came.
    pub fn delivered(&mut self, sid: u64) -> Delivery {
        let Some(subscribed) = self.by_sid.get_mut(&sid) else {
            return Delivery::No;
        };
        subscribed.delivered = subscribed.delivered.saturating_add(1);
        match &mut subscribed.remaining {
            None => Delivery::Yes,
            Some(remaining) => {
                *remaining = remaining.saturating_sub(1);
                if *remaining == 0 {
                    Delivery::Last
                } else {
                    Delivery::Yes
                }
            }
        }
    }

    /// Lets only so many more come. Gives after how many in all the server is to end it.
    pub fn limit(&mut self, sid: u64, remaining: u64) -> Option<u64> {
        let subscribed = self.by_sid.get_mut(&sid)?;
        subscribed.remaining = Some(remaining);
        Some(subscribed.delivered.saturating_add(remaining))
    }

    /// The server is told to end it. False: it was before, or there is none.
    pub fn begin_ending(&mut self, sid: u64) -> bool {
        let subscribed = self.by_sid.get_mut(&sid).filter(|s| !s.is_ending);
        subscribed.is_some_and(|subscribed| {
            subscribed.is_ending = true;
            true
        })
    }

    /// Takes those out that the server was told to end: the connection is gone, and with it what
    /// was under way.
    pub fn take_ending(&mut self) -> Vec<u64> {
        let ending = self
            .by_sid
            .extract_if(.., |_, subscribed| subscribed.is_ending);
        ending.map(|(sid, _)| sid).collect()
    }

    /// Subscribes to all on a new connection (ADR-40).
    pub fn resubscribe(&mut self, encoder: &mut Encoder) {
        for (sid, subscribed) in &mut self.by_sid {
            subscribed.delivered = 0;
            encoder.subscribe(&subscribed.subject, subscribed.queue.as_deref(), *sid);
            if subscribed.remaining.is_some() {
                encoder.unsubscribe(*sid, subscribed.remaining);
            }
        }
    }
}
