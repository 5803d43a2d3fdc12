//! When two messages share one head.

use super::{LogEntry, Timestamp, Username, What};

/// Messages of one author this close together share a head (5 minutes).
const GROUP_MS: i64 = 5 * 60 * 1_000;

/// Would a message of `author` at `at` stand under the head of one by `other` at `earlier`?
#[must_use]
pub fn same_group(earlier: (&Username, Timestamp), later: (&Username, Timestamp)) -> bool {
    earlier.0 == later.0 && (0..GROUP_MS).contains(&later.1.since(earlier.1))
}

/// Does `entry` stand under the head of the entry before it?
#[must_use]
pub fn continues(before: Option<&LogEntry>, entry: &LogEntry) -> bool {
    before.is_some_and(|before| {
        matches!(
            (&before.what, &entry.what),
            (What::Message { .. }, What::Message { .. })
        ) && same_group(
            (&before.key.author, before.at),
            (&entry.key.author, entry.at),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_lasts_five_minutes_and_one_author() {
        let ada = Username::parse("ada").unwrap();
        let ben = Username::parse("ben").unwrap();
        let at = Timestamp;
        assert!(same_group((&ada, at(0)), (&ada, at(299_999))));
        assert!(!same_group((&ada, at(0)), (&ada, at(300_000))));
        assert!(!same_group((&ada, at(0)), (&ben, at(1))));
        assert!(
            !same_group((&ada, at(5)), (&ada, at(4))),
            "a clock went back"
        );
    }
}
