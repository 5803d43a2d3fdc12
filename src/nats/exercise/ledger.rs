//! What a client still owes those who asked.

use std::collections::{BTreeMap, BTreeSet};

/// Requests, flushes and subscriptions that have not ended.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub requests: BTreeSet<u64>,
    /// Requests that want many answers.
    pub gathering: BTreeSet<u64>,
    pub flushes: BTreeSet<u64>,
    pub subscriptions: BTreeMap<u64, Held>,
}

/// A subscription that somebody holds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Held {
    /// So many messages may still come.
    pub remaining: Option<u64>,
    /// The server has been asked to end it.
    pub is_ending: bool,
}

impl Ledger {
    pub fn answered(&mut self, id: u64) {
        assert!(self.requests.remove(&id), "nobody waits for answer {id}");
    }

    pub fn gathered(&self, id: u64) {
        assert!(self.gathering.contains(&id), "nobody gathers {id}");
    }

    pub fn gathering_ended(&mut self, id: u64) {
        assert!(self.gathering.remove(&id), "nobody gathers {id}");
    }

    pub fn flushed(&mut self, id: u64) {
        assert!(self.flushes.remove(&id), "nobody waits for flush {id}");
    }

    pub fn ended(&mut self, sid: u64) {
        // The inbox is not in it: that one is the client's own.
        self.subscriptions.remove(&sid);
    }

    pub fn delivered(&mut self, sid: u64) {
        let held = self.subscriptions.get_mut(&sid);
        let held = held.unwrap_or_else(|| panic!("nobody holds {sid}"));
        if let Some(remaining) = &mut held.remaining {
            assert!(*remaining > 0, "{sid} was to have no more");
            *remaining -= 1;
        }
    }

    /// What the server is to deliver.
    pub fn wanted(&self) -> BTreeSet<u64> {
        let wanted = self
            .subscriptions
            .iter()
            .filter(|(_, held)| !held.is_ending);
        wanted.map(|(sid, _)| *sid).collect()
    }

    /// Nobody waits for anything.
    pub fn is_settled(&self) -> bool {
        self.requests.is_empty()
            && self.gathering.is_empty()
            && self.flushes.is_empty()
            && self.subscriptions.is_empty()
    }
}
