//! When a request for many answers has had them all (ADR-47).

use std::time::Duration;

use super::Moment;
use crate::nats::protocol::Message;

/// When a request for many answers ends: whatever comes first. Dropping its
/// [`Replies`](crate::nats::Replies) ends it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Many {
    /// After this long in all; by default the client's
    /// [`request_timeout`](crate::nats::ConnectOptions::request_timeout).
    pub timeout: Option<Duration>,
    /// When no further answer has come for so long. The first may take all the time there is.
    pub stall: Option<Duration>,
    /// With this many answers.
    pub most: Option<u64>,
    /// With an answer that is empty, which is not given on.
    pub until_empty: bool,
}

/// What is still to come for such a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathering {
    until: Moment,
    stall: Option<Duration>,
    left: Option<u64>,
    until_empty: bool,
    pub has_any: bool,
}

/// What an answer is to the one who gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathered {
    /// One of many; the next is awaited until then.
    More(Moment),
    /// The last.
    Last,
    /// No answer, but the end of them.
    End,
}

impl Gathering {
    pub fn new(many: &Many, until: Moment) -> Self {
        Self {
            until,
            stall: many.stall.filter(|stall| !stall.is_zero()),
            left: many.most,
            until_empty: many.until_empty,
            has_any: false,
        }
    }

    pub fn heard(&mut self, message: &Message, now: Moment) -> Gathered {
        let is_empty = message.payload.is_empty();
        if self.until_empty && is_empty && message.status.is_none() {
            self.has_any = true;
            return Gathered::End;
        }
        self.has_any = true;
        self.left = self.left.map(|left| left.saturating_sub(1));
        // A status where an answer should be is a last word.
        if self.left == Some(0) || message.status.is_some() && is_empty {
            return Gathered::Last;
        }
        let stalled = self.stall.map_or(self.until, |stall| now.after(stall));
        Gathered::More(stalled.min(self.until))
    }
}
