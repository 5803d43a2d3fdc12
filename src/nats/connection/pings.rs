//! PINGs under way. PONGs come in the order of PINGs, so each tells what its PING was for.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// How many PINGs of keeping alive may stay unanswered (ADR-40).
const UNANSWERED: usize = 2;

/// How soon there must be a sign of life when somebody looks: a socket can be half open, and the
/// timers of a hidden tab run once a minute.
const PROBE: Duration = Duration::from_secs(2);

/// What a PING was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To know that CONNECT was accepted.
    Handshake,
    /// To notice a dead connection.
    KeepAlive,
    /// To notice it soon.
    Probe,
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
    probe_by: Option<Moment>,
}

impl Pings {
    /// A connection stands.
    pub fn begin(&mut self, now: Moment, interval: Duration) {
        self.next = now.after(interval);
        self.probe_by = None;
    }

    /// A PING was sent.
    pub fn sent(&mut self, purpose: Purpose, now: Moment) {
        if purpose == Purpose::Probe {
            self.probe_by = Some(now.after(PROBE));
        }
        self.under_way.push_back(purpose);
    }

    /// A PONG came: for what?
    pub fn answered(&mut self) -> Option<Purpose> {
        let purpose = self.under_way.pop_front();
        if purpose == Some(Purpose::Probe) {
            self.probe_by = None;
        }
        purpose
    }

    /// Something came. A slow line that still brings what was sent before the PONG is alive; a
    /// half open socket has only what it held already, and is found out a little later.
    pub fn heard(&mut self, now: Moment) {
        if let Some(by) = &mut self.probe_by {
            *by = now.after(PROBE);
        }
    }

    /// Somebody looks already.
    pub fn is_probing(&self) -> bool {
        self.probe_by.is_some()
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
        unanswered || self.probe_by.is_some_and(|by| by <= now)
    }

    /// When to look again.
    pub fn deadline(&self) -> Moment {
        self.probe_by.map_or(self.next, |by| by.min(self.next))
    }

    /// The connection is gone; what for were those that will not be answered?
    pub fn end(&mut self) -> impl Iterator<Item = Purpose> {
        self.probe_by = None;
        std::mem::take(&mut self.under_way).into_iter()
    }
}
