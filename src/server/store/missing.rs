//! Places of LOG that have no entry. Natter erases none, so a file of nats-server's store is damaged, or
//! somebody has removed them with NATS' own tools.

use std::fmt;

use super::{Log, StoreError};
use crate::domain::Sequence;

/// More missing entries than this are counted, and not listed: nats-server names each of them.
const LISTED: u64 = 100_000;

/// So many stretches of missing entries are told of.
const SHOWN: usize = 5;

/// Entries that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missing {
    /// How many.
    pub count: u64,
    /// Where they were, from and to, in order; empty when there are too many to list.
    pub stretches: Vec<(Sequence, Sequence)>,
}

impl Missing {
    /// Of places in rising order.
    pub fn of(places: impl IntoIterator<Item = u64>) -> Self {
        let mut missing = Self::default();
        for place in places {
            missing.add(place, place);
        }
        missing
    }

    /// Adds those from `from` to `to`, which come after all that it has.
    pub fn add(&mut self, from: u64, to: u64) {
        if to < from {
            return;
        }
        self.count += to - from + 1;
        match self.stretches.last_mut() {
            Some(last) if last.1.0 + 1 == from => last.1 = Sequence(to),
            _ => self.stretches.push((Sequence(from), Sequence(to))),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("1 entry of LOG is missing")?,
            count => write!(f, "{count} entries of LOG are missing")?,
        }
        let shown = self.stretches.iter().take(SHOWN);
        for (number, (from, to)) in shown.enumerate() {
            f.write_str(if number == 0 { ": " } else { ", " })?;
            match from == to {
                true => write!(f, "{}", from.0)?,
                false => write!(f, "{} to {}", from.0, to.0)?,
            }
        }
        match self.stretches.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and in {more} more places"),
        }
    }
}

impl Log {
    /// Which entries are missing, as its leader says.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn missing(&self) -> Result<Missing, StoreError> {
        let state = self.info("tell what is missing").await?.state;
        let count = state.last_sequence - state.messages.min(state.last_sequence);
        if count == 0 || count > LISTED {
            return Ok(Missing {
                count,
                stretches: Vec::new(),
            });
        }
        let state = self.info_with_deleted().await?.state;
        let mut missing = Missing::default();
        missing.add(1, state.first_sequence.saturating_sub(1));
        for place in state.deleted.unwrap_or_default() {
            missing.add(place, place);
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_entries_are_told_by_where_they_were() {
        assert_eq!(Missing::of([]).to_string(), "0 entries of LOG are missing");
        assert_eq!(
            Missing::of([3, 4, 5, 9]).to_string(),
            "4 entries of LOG are missing: 3 to 5, 9"
        );
        assert_eq!(
            Missing::of((1..20).map(|n| 2 * n)).to_string(),
            "19 entries of LOG are missing: 2, 4, 6, 8, 10 and in 14 more places"
        );
        let unlisted = Missing {
            count: 1,
            stretches: Vec::new(),
        };
        assert_eq!(unlisted.to_string(), "1 entry of LOG is missing");
    }
}
