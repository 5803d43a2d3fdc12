//! What a reader knows of one room: the reducer that turns entries, whatever way and order they
//! arrive in, into the room's log (design section 5, "Gap").

use std::collections::HashSet;
use std::sync::Arc;

use super::{Timestamp, Ulid, Username};

/// A place in the LOG stream. The first entry has 1; 0 stands before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

/// Names what somebody did, for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Who did it.
    pub author: Username,
    /// What their client chose.
    pub ulid: Ulid,
}

/// What an entry of a room's log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message.
    Message {
        /// Its source.
        text: Arc<str>,
    },
    /// The room was made.
    Opened,
    /// Something happened to the room.
    Noted(Note),
    /// Something that this version does not show.
    Unknown,
}

/// What the author of an entry did to the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Came in.
    Joined,
    /// Went.
    Left,
    /// Brought somebody in.
    Added(Username),
    /// Sent somebody away.
    Removed(Username),
    /// Invited somebody.
    Invited(Username),
    /// Gave it another name.
    Renamed(Arc<str>),
    /// Gave it another topic, or none.
    Topic(Arc<str>),
    /// Ended it.
    Archived,
    /// Opened it again.
    Restored,
}

/// One entry of a room's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub sequence: Sequence,
    /// The place of the entry before it in the same room when it was written.
    pub previous: Sequence,
    /// Its name.
    pub key: Key,
    /// When natter accepted it.
    pub at: Timestamp,
    /// What it says.
    pub what: What,
}

/// The last entry that a reader has seen of a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// 0 when nothing has been seen.
    pub sequence: Sequence,
    /// The key of that entry: a store put back from a backup uses sequences again.
    pub key: Option<Key>,
}

/// What came of a live entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is shown now.
    Added,
    /// It was there, is the same thing a second time, or stands before what has been loaded.
    Known,
    /// Entries before it are missing: fetch from the position, then go on.
    Gap,
    /// The log is another one than the one seen so far: load the room anew.
    Reset,
}

/// A run of a room's log without a gap, as far as it has been loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomLog {
    entries: Vec<LogEntry>,
    keys: HashSet<Key>,
    end: Position,
    has_earlier: bool,
}

impl RoomLog {
    /// A loaded run, oldest first, that ends where the room's log ends.
    #[must_use]
    pub fn load(entries: Vec<LogEntry>, has_earlier: bool) -> Self {
        let mut log = Self {
            has_earlier,
            ..Self::default()
        };
        for entry in entries {
            log.append(entry);
        }
        log
    }

    /// What is there to show, oldest first: each key once.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// Older entries exist that are not loaded.
    #[must_use]
    pub fn has_earlier(&self) -> bool {
        self.has_earlier
    }

    /// Where to go on from.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.end
    }

    /// Is this in the log already?
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    /// Is this place below the first entry here? What stands there belongs to pages that are not
    /// loaded, so it says nothing about this log.
    fn is_below(&self, sequence: Sequence) -> bool {
        let first = self.entries.first();
        first.is_some_and(|first| sequence < first.sequence)
    }

    /// Does this run, loaded later than this log, reach back to it? If so, every entry after this log's
    /// end is in the run. A run of another log shares no key with this one, and then only its
    /// sequences tell.
    #[must_use]
    pub fn is_reached_by(&self, run: &[LogEntry]) -> bool {
        run.iter().any(|entry| self.is_past(entry))
    }

    /// Is this here, or before what is here?
    #[must_use]
    pub fn is_past(&self, entry: &LogEntry) -> bool {
        self.holds(&entry.key) || self.is_below(entry.sequence)
    }

    /// Takes an entry of the live feed.
    pub fn apply(&mut self, entry: LogEntry) -> Applied {
        if entry.sequence <= self.end.sequence {
            return if self.is_past(&entry) {
                Applied::Known
            } else {
                Applied::Reset
            };
        }
        // A lower `previous` is no gap: the entry between was erased.
        if entry.previous > self.end.sequence {
            return Applied::Gap;
        }
        self.append(entry)
    }

    /// Takes a run fetched from this log's position on: complete, oldest first.
    pub fn catch_up(&mut self, entries: Vec<LogEntry>) {
        for entry in entries {
            if entry.sequence > self.end.sequence {
                self.append(entry);
            }
        }
    }

    /// Puts an older page before what is there, oldest first.
    pub fn prepend(&mut self, older: Vec<LogEntry>, has_earlier: bool) {
        let first = self.entries.first().map(|entry| entry.sequence);
        let mut older: Vec<_> = older
            .into_iter()
            .filter(|entry| first.is_none_or(|first| entry.sequence < first))
            .collect();
        // The first event of a key is the one that counts: a later one that was shown for want of
        // it gives way.
        let repeated: HashSet<_> = older
            .iter()
            .filter(|entry| self.holds(&entry.key))
            .map(|entry| entry.key.clone())
            .collect();
        if !repeated.is_empty() {
            self.entries.retain(|entry| !repeated.contains(&entry.key));
        }
        self.keys
            .extend(older.iter().map(|entry| entry.key.clone()));
        older.append(&mut self.entries);
        self.entries = older;
        self.has_earlier = has_earlier;
    }

    /// Lets go of all but the newest `count` entries, as of a page that was not loaded.
    pub fn keep_newest(&mut self, count: usize) {
        if let Some(surplus) = self.entries.len().checked_sub(count + 1) {
            for entry in self.entries.drain(..=surplus) {
                self.keys.remove(&entry.key);
            }
            self.has_earlier = true;
        }
    }

    fn append(&mut self, entry: LogEntry) -> Applied {
        self.end = Position {
            sequence: entry.sequence,
            key: Some(entry.key.clone()),
        };
        if !self.keys.insert(entry.key.clone()) {
            return Applied::Known;
        }
        self.entries.push(entry);
        Applied::Added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(sequence: u64, previous: u64, n: u8) -> LogEntry {
        LogEntry {
            sequence: Sequence(sequence),
            previous: Sequence(previous),
            key: Key {
                author: Username::parse("ada").unwrap(),
                ulid: Ulid::new(u64::from(n), [n; 10]),
            },
            at: Timestamp(0),
            what: What::Message {
                text: format!("message {n}").into(),
            },
        }
    }

    fn shown(log: &RoomLog) -> Vec<u64> {
        log.entries().iter().map(|e| e.sequence.0).collect()
    }

    #[test]
    fn what_is_let_go_can_be_had_again() {
        let all: Vec<_> = (1..=9).map(|n| entry(n.into(), n as u64 - 1, n)).collect();
        let mut log = RoomLog::load(all.clone(), false);
        log.keep_newest(9);
        assert_eq!((shown(&log).len(), log.has_earlier()), (9, false));
        log.keep_newest(4);
        assert_eq!((shown(&log), log.has_earlier()), (vec![6, 7, 8, 9], true));
        assert!(!log.holds(&all[4].key) && log.holds(&all[5].key));
        log.prepend(all[..5].to_vec(), false);
        assert_eq!(log, RoomLog::load(all, false));
    }

    #[test]
    fn entries_follow_each_other() {
        let mut log = RoomLog::load(vec![entry(3, 0, 1)], false);
        assert_eq!(log.apply(entry(7, 3, 2)), Applied::Added);
        assert_eq!(log.apply(entry(7, 3, 2)), Applied::Known);
        assert_eq!(shown(&log), [3, 7]);
        assert_eq!(log.position().sequence, Sequence(7));
    }

    #[test]
    fn a_missing_entry_is_noticed_and_fetched() {
        let mut log = RoomLog::load(vec![entry(3, 0, 1)], false);
        assert_eq!(log.apply(entry(9, 7, 3)), Applied::Gap);
        assert_eq!(shown(&log), [3]);
        log.catch_up(vec![entry(7, 3, 2), entry(9, 7, 3)]);
        assert_eq!(shown(&log), [3, 7, 9]);
    }

    #[test]
    fn an_erased_entry_between_is_no_gap() {
        let mut log = RoomLog::load(vec![entry(3, 0, 1), entry(7, 3, 2)], false);
        assert_eq!(log.apply(entry(9, 3, 3)), Applied::Added);
    }

    #[test]
    fn a_key_counts_once_for_ever() {
        let mut log = RoomLog::load(vec![entry(3, 0, 1)], false);
        assert_eq!(log.apply(entry(7, 3, 1)), Applied::Known);
        assert_eq!(
            log.apply(entry(9, 7, 2)),
            Applied::Added,
            "7 counts as seen"
        );
        assert_eq!(shown(&log), [3, 9]);
    }

    #[test]
    fn another_past_is_another_log() {
        let mut log = RoomLog::load(vec![entry(3, 0, 1), entry(7, 3, 2)], false);
        assert_eq!(log.apply(entry(5, 3, 9)), Applied::Reset);
    }

    #[test]
    fn an_entry_before_the_first_one_here_changes_nothing() {
        let mut log = RoomLog::load(vec![entry(7, 5, 2), entry(9, 7, 3)], true);
        assert_eq!(log.apply(entry(3, 1, 1)), Applied::Known);
        assert_eq!(log.apply(entry(5, 3, 4)), Applied::Known);
        assert_eq!(log.apply(entry(8, 7, 5)), Applied::Reset);
        assert_eq!(shown(&log), [7, 9]);
        log.keep_newest(1);
        assert_eq!(log.apply(entry(7, 5, 2)), Applied::Known, "it was let go");
    }

    #[test]
    fn a_run_reaches_a_log_with_an_entry_that_it_holds_or_that_is_before_it() {
        let log = RoomLog::load(vec![entry(7, 3, 2), entry(9, 7, 3)], true);
        assert!(!log.is_reached_by(&[]));
        assert!(!log.is_reached_by(&[entry(11, 9, 4), entry(12, 11, 5)]));
        assert!(log.is_reached_by(&[entry(9, 7, 3), entry(11, 9, 4)]));
        // 7 and 9 were erased meanwhile.
        assert!(log.is_reached_by(&[entry(3, 1, 1), entry(11, 9, 4)]));
        // Another log, in which 7 and 9 are other entries.
        assert!(!log.is_reached_by(&[entry(7, 5, 6), entry(9, 7, 7)]));
        assert!(!RoomLog::default().is_reached_by(&[entry(1, 0, 1)]));
    }

    #[test]
    fn an_older_page_goes_before() {
        let mut log = RoomLog::load(vec![entry(7, 3, 2)], true);
        log.prepend(vec![entry(1, 0, 0), entry(3, 1, 1), entry(7, 3, 2)], false);
        assert_eq!(shown(&log), [1, 3, 7]);
        assert!(!log.has_earlier());
    }

    /// A room's whole log: sequences grow, each entry names the one before, some keys come twice.
    fn whole_log() -> impl Strategy<Value = Vec<LogEntry>> {
        proptest::collection::vec((1u64..4, 0u8..12), 1..30).prop_map(|steps| {
            let mut sequence = 0;
            steps
                .into_iter()
                .map(|(step, n)| {
                    let previous = sequence;
                    sequence += step;
                    entry(sequence, previous, n)
                })
                .collect()
        })
    }

    proptest! {
        /// Whatever of the live feed is lost or doubled: fetching at each gap and once at the end
        /// gives the log, each key once, in order.
        #[test]
        fn converges_on_the_log(
            log in whole_log(),
            loaded in 0usize..30,
            fate in proptest::collection::vec(0u8..4, 30),
        ) {
            let loaded = loaded.min(log.len());
            let mut seen = RoomLog::load(log[..loaded].to_vec(), false);
            let fetch = |seen: &mut RoomLog, through: u64| {
                let from = seen.position().sequence;
                let run = log.iter().filter(|e| e.sequence > from && e.sequence.0 <= through);
                seen.catch_up(run.cloned().collect());
            };
            for (live, fate) in log.iter().zip(fate) {
                let times = match fate { 0 => 0, 3 => 2, _ => 1 };
                for _ in 0..times {
                    match seen.apply(live.clone()) {
                        Applied::Gap => fetch(&mut seen, live.sequence.0),
                        Applied::Reset => prop_assert!(false, "it is the same log"),
                        Applied::Added | Applied::Known => {}
                    }
                }
            }
            fetch(&mut seen, u64::MAX);
            let mut keys = HashSet::new();
            let expected: Vec<_> = log.iter().filter(|e| keys.insert(e.key.clone())).cloned().collect();
            prop_assert_eq!(seen.entries(), &expected[..]);
        }
    }
}
