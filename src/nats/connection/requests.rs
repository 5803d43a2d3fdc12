//! Requests under way, by the last token of their reply subject.

use std::collections::HashMap;

use super::Moment;

/// How many there may be; one more is refused.
const AT_ONCE: usize = 4_096;

#[derive(Debug)]
struct Asked {
    id: u64,
    subject: String,
    by: Moment,
}

/// The requests under way. Each has the id that whoever asked knows it by.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_token: HashMap<String, Asked>,
    last_token: u64,
}

impl Requests {
    pub(super) fn are_full(&self) -> bool {
        self.by_token.len() >= AT_ONCE
    }

    /// A token that no request of this client had before.
    pub(super) fn next_token(&mut self) -> String {
        self.last_token += 1;
        self.last_token.to_string()
    }

    /// One was sent, to be answered by then.
    pub(super) fn add(&mut self, token: String, id: u64, subject: &str, by: Moment) {
        let subject = subject.to_owned();
        self.by_token.insert(token, Asked { id, subject, by });
    }

    /// When the first of them runs out of time.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.by_token.values().map(|asked| asked.by).min()
    }

    /// Ends the one with this token.
    pub(super) fn take(&mut self, token: &str) -> Option<u64> {
        self.by_token.remove(token).map(|asked| asked.id)
    }

    /// Ends those that have run out of time.
    pub(super) fn late(&mut self, now: Moment) -> Vec<u64> {
        self.take_where(|asked| asked.by <= now)
    }

    /// Ends those on a subject.
    pub(super) fn take_on(&mut self, subject: &str) -> Vec<u64> {
        self.take_where(|asked| asked.subject == subject)
    }

    /// Ends all.
    pub(super) fn take_all(&mut self) -> Vec<u64> {
        self.take_where(|_| true)
    }

    fn take_where(&mut self, ends: impl Fn(&Asked) -> bool) -> Vec<u64> {
        let ended = self.by_token.extract_if(|_, asked| ends(asked));
        ended.map(|(_, asked)| asked.id).collect()
    }
}
