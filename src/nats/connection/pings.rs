//! PINGs under way. PONGs come in the order of PINGs, so each tells what its PING was for.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// How many PINGs of keeping alive may stay unanswered.
const UNANSWERED: usize = 2;

/// How soon a PONG must come when somebody looks at the page: a socket can be half open.
const PROBE: Duration = Duration::from_secs(2);

/// What a PING was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To know that CONNECT was accepted.
    Handshake,
    /// To notice a dead connection.
    KeepAlive,
    /// To notice it soon.
    Probe,
    /// Somebody wants to know that what they sent was processed.
    Flush(u64),
    /// The last one.
    Drain,
}

/// The PINGs under way, and the next one.
#[derive(Debug, Default)]
pub(super) struct Pings {
    under_way: VecDeque<Purpose>,
    next: Moment,
    probe_by: Option<Moment>,
}

impl Pings {
    /// A new connection begins.
    pub(super) fn begin(&mut self, now: Moment, interval: Duration) {
        self.next = now.after(interval);
        self.probe_by = None;
    }

    /// A PING was sent.
    pub(super) fn sent(&mut self, purpose: Purpose, now: Moment) {
        if purpose == Purpose::Probe {
            self.probe_by.get_or_insert(now.after(PROBE));
        }
        self.under_way.push_back(purpose);
    }

    /// Is an answer awaited soon?
    pub(super) fn is_probing(&self) -> bool {
        self.probe_by.is_some()
    }

    /// A PONG came: for what?
    pub(super) fn answered(&mut self) -> Option<Purpose> {
        let purpose = self.under_way.pop_front();
        if purpose == Some(Purpose::Probe) && !self.under_way.contains(&Purpose::Probe) {
            self.probe_by = None;
        }
        purpose
    }

    /// Is it time to send one?
    pub(super) fn is_due(&mut self, now: Moment, interval: Duration) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now.after(interval);
        }
        due
    }

    /// Has the other side been silent for too long?
    pub(super) fn is_dead(&self, now: Moment) -> bool {
        self.probe_by.is_some_and(|by| by <= now) || {
            let waiting = self.under_way.iter().filter(|p| **p == Purpose::KeepAlive);
            self.next <= now && waiting.count() >= UNANSWERED
        }
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Moment {
        self.probe_by.map_or(self.next, |by| by.min(self.next))
    }

    /// The connection is gone: the flushes that will not be answered.
    pub(super) fn end(&mut self) -> Vec<u64> {
        self.probe_by = None;
        self.under_way
            .drain(..)
            .filter_map(|purpose| match purpose {
                Purpose::Flush(id) => Some(id),
                _ => None,
            })
            .collect()
    }
}
