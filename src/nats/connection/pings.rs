//! PINGs under way. PONGs come in the order of PINGs, so each tells what its PING was for.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// How many PINGs of keeping alive may stay unanswered (ADR-40).
const UNANSWERED: usize = 2;

/// How soon there must be a sign of life when somebody looks: a socket can be half open, and the
/// timers of a hidden tab run once a minute.
const PROBE: Duration = Duration::from_secs(2);

/// How long an answer may take before the client asks whether the server is there, and how long that
/// PING may stay unanswered then: a proxy can hold a connection open and pass nothing on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a PING was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To know that CONNECT was accepted.
    Handshake,
    /// To notice a dead connection.
    KeepAlive,
    /// To notice it soon.
    Probe,
    /// To notice it because something that was asked has no answer.
    Doubt,
    /// Somebody wants to know that what they sent was processed.
    Flush {
        /// Who.
        id: u64,
        /// Since when.
        asked: Moment,
    },
    /// To know that nothing more comes for a subscription that has been ended.
    Fence(u64),
    /// To know it of all.
    Drain,
}

/// The PINGs under way, and when to send the next.
#[derive(Debug, Default)]
pub struct Pings {
    under_way: VecDeque<Purpose>,
    next: Moment,
    /// Where a PING was sent to find out whether the server is there.
    sign: Option<SignOfLife>,
    /// Until when something that was asked is answered, or a PING is sent to find out.
    answer_by: Option<Moment>,
}

/// A sign of life that there must be.
#[derive(Debug, Clone, Copy)]
struct SignOfLife {
    by: Moment,
    within: Duration,
}

impl Pings {
    /// A connection stands.
    pub fn begin(&mut self, now: Moment, interval: Duration) {
        self.next = now.after(interval);
        self.sign = None;
        self.answer_by = None;
    }

    /// Something was asked that the server or somebody behind it answers.
    pub fn asked(&mut self, now: Moment) {
        if !self.is_in_doubt() {
            self.answer_by.get_or_insert(now.after(PATIENCE));
        }
    }

    /// An answer came; is something else still unanswered?
    pub fn was_answered(&mut self, is_more_asked: bool, now: Moment) {
        self.answer_by = None;
        if is_more_asked {
            self.asked(now);
        }
    }

    /// Nobody waits for an answer any longer, but perhaps for the PONGs of flushes.
    pub fn forgot(&mut self) {
        let is_flush = |purpose: &Purpose| matches!(purpose, Purpose::Flush { .. });
        if !self.under_way.iter().any(is_flush) {
            self.answer_by = None;
        }
    }

    /// Has nothing been answered for so long that a PING is due?
    pub fn is_unanswered(&self, now: Moment) -> bool {
        self.answer_by.is_some_and(|by| by <= now)
    }

    /// Is it unknown whether the server is there?
    pub fn is_in_doubt(&self) -> bool {
        self.sign.is_some() && self.under_way.contains(&Purpose::Doubt)
    }

    /// A PING was sent.
    pub fn sent(&mut self, purpose: Purpose, now: Moment) {
        let sign = |within| SignOfLife {
            by: now.after(within),
            within,
        };
        match purpose {
            Purpose::Probe => self.sign = Some(sign(PROBE)),
            Purpose::Doubt => {
                self.answer_by = None;
                self.sign.get_or_insert(sign(PATIENCE));
            }
            _ => {}
        }
        self.under_way.push_back(purpose);
    }

    /// A PONG came: for what?
    pub fn answered(&mut self) -> Option<Purpose> {
        let purpose = self.under_way.pop_front();
        let seeks = |purpose: &Purpose| matches!(purpose, Purpose::Probe | Purpose::Doubt);
        // Each PING has a PONG of its own.
        if purpose.as_ref().is_some_and(seeks) && !self.under_way.iter().any(seeks) {
            self.sign = None;
        }
        purpose
    }

    /// Something came. A slow line that still brings what was sent before the PONG is alive; a
    /// half open socket has only what it held already, and is found out a little later.
    pub fn heard(&mut self, now: Moment) {
        if let Some(sign) = &mut self.sign {
            sign.by = now.after(sign.within);
        }
    }

    /// Somebody looks already.
    pub fn is_probing(&self) -> bool {
        self.sign.is_some_and(|sign| sign.within == PROBE)
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Is it time to send one? Then the next is due an interval later.
    pub fn is_due(&mut self, now: Moment, interval: Duration) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now.after(interval);
        }
        is_due
    }

    /// Has the other side been silent for too long?
    pub fn is_dead(&self, now: Moment) -> bool {
        let kept_alive = self.under_way.iter().filter(|p| **p == Purpose::KeepAlive);
        let unanswered = self.next <= now && kept_alive.count() >= UNANSWERED;
        unanswered || self.sign.is_some_and(|sign| sign.by <= now)
    }

    /// When to look again.
    pub fn deadline(&self) -> Moment {
        let others = [self.sign.map(|sign| sign.by), self.answer_by];
        others.into_iter().flatten().fold(self.next, Moment::min)
    }

    /// The connection is gone; what for were those that will not be answered?
    pub fn end(&mut self) -> impl Iterator<Item = Purpose> {
        self.sign = None;
        self.answer_by = None;
        std::mem::take(&mut self.under_way).into_iter()
    }
}
