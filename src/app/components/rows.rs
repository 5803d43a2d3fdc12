//! From a room's log to the rows that are drawn.

use crate::app::clock::{self, Zone};
use crate::domain::{Key, LogEntry, Timestamp, What, continues};

/// One row of the log.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// A day begins.
    Day(Timestamp),
    /// A message with its author's head.
    Head(LogEntry),
    /// A message under the head before it.
    Continued(LogEntry),
    /// Something happened to the room.
    Happened(LogEntry),
}

impl Row {
    /// The same for the same row, so that it is not drawn again. A log that was put back from a
    /// backup has other entries at the same places.
    pub(super) fn key(&self) -> (u8, i64, Option<Key>) {
        let (kind, entry) = match self {
            Self::Day(at) => return (0, at.0, None),
            Self::Head(entry) => (1, entry),
            Self::Continued(entry) => (2, entry),
            Self::Happened(entry) => (3, entry),
        };
        (kind, entry.at.0, Some(entry.key.clone()))
    }
}

/// The rows of a log, in the reader's zone.
pub(super) fn rows(entries: &[LogEntry], zone: Zone) -> Vec<Row> {
    let mut rows = Vec::with_capacity(entries.len() + 4);
    let mut before: Option<&LogEntry> = None;
    for entry in entries {
        if entry.what == What::Unknown {
            continue;
        }
        let day = clock::day(entry.at, zone);
        let same_day = before.is_some_and(|before| clock::day(before.at, zone) == day);
        if !same_day {
            rows.push(Row::Day(entry.at));
        }
        rows.push(match entry.what {
            What::Opened | What::Noted(_) => Row::Happened(entry.clone()),
            _ if same_day && continues(before, entry) => Row::Continued(entry.clone()),
            _ => Row::Head(entry.clone()),
        });
        before = Some(entry);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Sequence, Ulid, Username};

    fn entry(sequence: u64, author: &str, minutes: i64) -> LogEntry {
        LogEntry {
            sequence: Sequence(sequence),
            previous: Sequence(sequence - 1),
            key: Key {
                author: Username::parse(author).unwrap(),
                ulid: Ulid::new(sequence, [0; 10]),
            },
            at: Timestamp(minutes * 60_000),
            what: What::Message { text: "hi".into() },
        }
    }

    fn shape(entries: &[LogEntry]) -> String {
        let letter = |row: &Row| match row {
            Row::Day(_) => 'd',
            Row::Head(_) => 'h',
            Row::Continued(_) => 'c',
            Row::Happened(_) => 'o',
        };
        rows(entries, Zone::Utc).iter().map(letter).collect()
    }

    #[test]
    fn messages_are_grouped_by_author_within_five_minutes() {
        let log = [
            entry(1, "ada", 0),
            entry(2, "ada", 4),
            entry(3, "ada", 20),
            entry(4, "ben", 21),
        ];
        assert_eq!(shape(&log), "dhchh");
    }

    #[test]
    fn a_new_day_has_a_line_and_a_head() {
        let log = [entry(1, "ada", 24 * 60 - 1), entry(2, "ada", 24 * 60)];
        assert_eq!(shape(&log), "dhdh");
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let mut unknown = entry(2, "ada", 1);
        unknown.what = What::Unknown;
        assert_eq!(
            shape(&[entry(1, "ada", 0), unknown, entry(3, "ada", 2)]),
            "dhc"
        );
    }
}
