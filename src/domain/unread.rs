//! How much of a room somebody has not read: what natter told last, and what was heard since.

use std::collections::BTreeMap;

use super::{Key, Sequence, limits};

/// How somebody stands in a room, as natter tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The last entry that they have read.
    pub marker: Sequence,
    /// How many messages of others lie above it.
    pub unread: u32,
    /// The room's last entry.
    pub end: Sequence,
    /// Everything up to here is in the count.
    pub through: Sequence,
}

/// The count of one room, kept true between two answers of natter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unread {
    told: Reading,
    /// Up to where it was read here, until natter has it.
    own: Option<Sequence>,
    /// Messages of others above the marker and above what is counted in `told`.
    heard: BTreeMap<Sequence, Key>,
}

impl Unread {
    /// How many messages of others are unread; [`limits::UNREAD_COUNTED`] stands for that many or
    /// more.
    #[must_use]
    pub fn count(&self) -> u32 {
        let heard = u32::try_from(self.heard.len()).unwrap_or(u32::MAX);
        let count = self.told.unread.saturating_add(heard);
        count.min(limits::UNREAD_COUNTED)
    }

    /// The last entry that was read, here or elsewhere.
    #[must_use]
    pub fn marker(&self) -> Sequence {
        self.told.marker.max(self.own.unwrap_or_default())
    }

    /// Up to where it was read here, where natter does not have that yet.
    #[must_use]
    pub fn unsaved(&self) -> Option<Sequence> {
        self.own
    }

    /// Hears of a message of somebody else, however often and in whatever order.
    pub fn hear(&mut self, sequence: Sequence, key: &Key) {
        let is_counted = sequence <= self.told.through || sequence <= self.marker();
        let is_full = self.heard.len() >= limits::UNREAD_COUNTED as usize;
        // A second entry of a key counts for nothing.
        if !is_counted && !is_full && !self.heard.values().any(|known| known == key) {
            self.heard.insert(sequence, key.clone());
        }
    }

    /// It was read up to here. False: that is no news.
    pub fn read(&mut self, up_to: Sequence) -> bool {
        if up_to <= self.marker() {
            return false;
        }
        self.own = Some(up_to);
        self.heard.retain(|sequence, _| *sequence > up_to);
        // Of a part of what was counted natter says how much is left of it.
        if up_to >= self.told.end {
            self.told.unread = 0;
        }
        true
    }

    /// Takes what natter tells. `may_be_old`: a marker has grown since it was asked. What is older
    /// than what is here, or leaves out what was read here, changes nothing.
    pub fn told(&mut self, mut new: Reading, may_be_old: bool) {
        let is_older = new.through < self.told.through;
        if is_older || (may_be_old && new.marker < self.told.marker) {
            return;
        }
        match self.own {
            Some(own) if new.marker < own => {
                if own < new.end {
                    return;
                }
                new.unread = 0;
            }
            _ => self.own = None,
        }
        self.told = new;
        let marker = self.marker();
        self.heard
            .retain(|sequence, _| *sequence > new.through && *sequence > marker);
    }

    /// Natter has taken, or will not take, that it was read up to here: it is as it says.
    pub fn settle(&mut self, up_to: Sequence) {
        if self.own.is_some_and(|own| own <= up_to) {
            self.own = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Ulid, Username};
    use proptest::prelude::*;

    fn key(n: u64) -> Key {
        Key {
            author: Username::parse("ben").unwrap(),
            ulid: Ulid::new(n, [0; 10]),
        }
    }

    fn told(marker: u64, unread: u32, end: u64, through: u64) -> Reading {
        Reading {
            marker: Sequence(marker),
            unread,
            end: Sequence(end),
            through: Sequence(through),
        }
    }

    #[test]
    fn a_message_counts_once_however_it_is_heard_of() {
        let mut unread = Unread::default();
        unread.hear(Sequence(9), &key(9));
        unread.hear(Sequence(9), &key(9));
        assert_eq!(unread.count(), 1);
        unread.told(told(3, 2, 9, 9), false);
        assert_eq!(unread.count(), 2, "9 is one of the two");
        unread.hear(Sequence(9), &key(9));
        unread.hear(Sequence(12), &key(12));
        unread.hear(Sequence(14), &key(12));
        assert_eq!(unread.count(), 3, "14 has the key of 12");
    }

    #[test]
    fn what_was_heard_while_natter_counted_is_added() {
        let mut unread = Unread::default();
        unread.hear(Sequence(12), &key(12));
        unread.told(told(3, 2, 9, 10), false);
        assert_eq!(unread.count(), 3);
    }

    #[test]
    fn what_is_read_here_is_clear_at_once_and_stays_so() {
        let mut unread = Unread::default();
        unread.told(told(3, 2, 9, 10), false);
        unread.hear(Sequence(12), &key(12));
        assert!(unread.read(Sequence(12)));
        assert!(!unread.read(Sequence(12)) && !unread.read(Sequence(4)));
        assert_eq!((unread.count(), unread.unsaved()), (0, Some(Sequence(12))));
        // An answer from before natter had the marker.
        unread.told(told(3, 3, 12, 12), false);
        assert_eq!((unread.count(), unread.unsaved()), (0, Some(Sequence(12))));
        unread.told(told(3, 4, 13, 13), false);
        unread.hear(Sequence(13), &key(13));
        assert_eq!(unread.count(), 1);
        unread.told(told(12, 1, 13, 13), false);
        assert_eq!((unread.count(), unread.unsaved()), (1, None));
    }

    #[test]
    fn an_answer_that_was_overtaken_changes_nothing() {
        let mut unread = Unread::default();
        unread.told(told(9, 0, 9, 20), false);
        unread.told(told(3, 2, 9, 19), false);
        unread.told(told(3, 2, 9, 20), true);
        assert_eq!((unread.count(), unread.marker()), (0, Sequence(9)));
        // With nothing under way, natter knows best.
        unread.told(told(3, 2, 9, 20), false);
        assert_eq!((unread.count(), unread.marker()), (2, Sequence(3)));
    }

    #[test]
    fn a_marker_that_natter_will_not_take_is_given_up() {
        let mut unread = Unread::default();
        unread.told(told(3, 2, 9, 9), false);
        unread.read(Sequence(50));
        unread.settle(Sequence(50));
        unread.told(told(9, 0, 9, 10), false);
        unread.hear(Sequence(12), &key(12));
        assert_eq!(unread.count(), 1);
    }

    #[test]
    fn no_more_is_counted_than_is_told() {
        let mut unread = Unread::default();
        for n in 1..=3_000 {
            unread.hear(Sequence(n), &key(n));
        }
        unread.told(told(0, 900, 2_500, 2_500), false);
        assert_eq!(unread.count(), 900);
        for n in 3_001..=3_200 {
            unread.hear(Sequence(n), &key(n));
        }
        assert_eq!(unread.count(), limits::UNREAD_COUNTED);
    }

    /// Natter: what others wrote in a room, and how far somebody has read.
    #[derive(Default)]
    struct Natter {
        messages: Vec<u64>,
        end: u64,
        marker: u64,
    }

    impl Natter {
        fn unread(&self, marker: u64) -> u32 {
            let above = self.messages.iter().filter(|at| **at > marker);
            u32::try_from(above.count()).unwrap()
        }

        fn tell(&self) -> Reading {
            told(self.marker, self.unread(self.marker), self.end, self.end)
        }
    }

    proptest! {
        /// Whoever hears everything, in whatever order and however often, and is told whatever in
        /// between, has the count that natter has; who has missed something has it when told.
        #[test]
        fn a_listener_and_one_who_only_asks_agree(
            steps in proptest::collection::vec((0u8..7, any::<bool>()), 1..60),
        ) {
            let (mut natter, mut listener, mut asker) =
                (Natter::default(), Unread::default(), Unread::default());
            let mut under_way = Vec::new();
            let mut on_their_way = Vec::new();
            for (step, twice) in steps {
                match step {
                    0..=2 => {
                        natter.end += 1;
                        natter.messages.push(natter.end);
                        on_their_way.push(natter.end);
                    }
                    // Something that is no message of others.
                    3 => natter.end += 1,
                    4 => {
                        let at = Sequence(natter.end);
                        while let Some(n) = on_their_way.pop() {
                            listener.hear(Sequence(n), &key(n));
                        }
                        listener.read(at);
                        under_way.push(at);
                    }
                    5 => {
                        for at in under_way.drain(..) {
                            natter.marker = natter.marker.max(at.0);
                        }
                        listener.told(natter.tell(), false);
                    }
                    _ => listener.told(natter.tell(), false),
                }
                if twice {
                    for n in on_their_way.drain(..).rev() {
                        listener.hear(Sequence(n), &key(n));
                        listener.hear(Sequence(n), &key(n));
                    }
                    prop_assert_eq!(listener.count(), natter.unread(listener.marker().0));
                }
            }
            for at in under_way {
                natter.marker = natter.marker.max(at.0);
            }
            listener.told(natter.tell(), false);
            asker.told(natter.tell(), false);
            prop_assert_eq!(listener.count(), asker.count());
            prop_assert_eq!(listener.count(), natter.unread(natter.marker));
        }
    }
}
