//! How large one answer may become. Queries of the read model fill a [`Budget`] while they read, and
//! stop at the first row that does not fit: nothing is built to be cut afterwards. Services take
//! theirs from [`Services::budget`](super::services::Services::budget).

use prost::Message;

use crate::domain::limits;

/// The most bytes before a message in a repeated field: its tag and its length.
const FIELD: usize = 6;

/// The space that is left in an answer.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: usize,
    rows: usize,
    is_untouched: bool,
    is_spent: bool,
}

impl Budget {
    /// For an answer through a broker with this `max_payload` in bytes; 0: not known.
    #[must_use]
    pub fn of_payload(max_payload: usize) -> Self {
        let bytes = match max_payload {
            0 => limits::ANSWER_BYTES,
            most => limits::ANSWER_BYTES.min(most / 2),
        };
        Self {
            bytes,
            rows: limits::ANSWER_ROWS,
            is_untouched: true,
            is_spent: false,
        }
    }

    /// For an answer that does not go over the broker.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            bytes: usize::MAX,
            rows: usize::MAX,
            ..Self::of_payload(0)
        }
    }

    /// Reserves space for the parts that every answer of its kind has.
    pub fn reserve(&mut self, message: &impl Message) {
        self.spend(message.encoded_len().saturating_add(FIELD));
    }

    /// Takes an item in if it fits. The first one always fits, so that a client that asks for the next part
    /// makes progress. After an item that does not fit, none does.
    pub fn take(&mut self, message: &impl Message) -> bool {
        self.take_bytes(message.encoded_len().saturating_add(FIELD))
    }

    /// The same for an item and what comes with it.
    pub fn take_all<T: Message>(&mut self, message: &impl Message, with: &[T]) -> bool {
        let with = with.iter().map(|item| item.encoded_len() + FIELD);
        self.take_bytes(message.encoded_len() + FIELD + with.sum::<usize>())
    }

    /// Did an item not fit?
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// How many rows to ask SQLite for: those of one part, and one more that tells whether there is
    /// another part.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::try_from(self.rows).map_or(i64::MAX, |rows| rows.saturating_add(1))
    }

    fn take_bytes(&mut self, size: usize) -> bool {
        self.is_spent |= size > self.bytes && !self.is_untouched;
        if self.is_spent {
            return false;
        }
        self.is_untouched = false;
        self.spend(size);
        true
    }

    fn spend(&mut self, size: usize) {
        self.bytes = self.bytes.saturating_sub(size);
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// The key that the next part begins after; empty: this is the last part.
    pub more: String,
}

impl<T: Message> Part<T> {
    /// Makes items of rows until the budget is spent. Each row comes with its key, in the order of
    /// keys, and may make no item.
    ///
    /// # Errors
    /// A row could not be read, or no item made of it.
    pub fn fill<R, E>(
        budget: &mut Budget,
        rows: impl IntoIterator<Item = Result<(String, R), E>>,
        mut make: impl FnMut(&str, R) -> Result<Option<T>, E>,
    ) -> Result<Self, E> {
        let mut part = Self {
            items: Vec::new(),
            more: String::new(),
        };
        let mut last = String::new();
        for (count, row) in rows.into_iter().enumerate() {
            let (key, row) = row?;
            if count == budget.rows {
                part.more = last;
                break;
            }
            if let Some(item) = make(&key, row)? {
                if !budget.take(&item) {
                    part.more = last;
                    break;
                }
                part.items.push(item);
            }
            last = key;
        }
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1;

    fn person(uid: &str, size: usize) -> v1::Person {
        v1::Person {
            uid: uid.into(),
            about: "x".repeat(size),
            ..v1::Person::default()
        }
    }

    /// The parts of a list, by the keys in each.
    fn parts(list: &[v1::Person], budget: &Budget) -> Vec<Vec<String>> {
        let mut parts = Vec::new();
        let mut after = String::new();
        loop {
            let rows = list.iter().filter(|person| person.uid > after);
            let rows = rows.map(|person| Ok::<_, ()>((person.uid.clone(), person.clone())));
            let part = Part::fill(&mut budget.clone(), rows, |_, person| Ok(Some(person))).unwrap();
            parts.push(part.items.into_iter().map(|person| person.uid).collect());
            if part.more.is_empty() {
                return parts;
            }
            after = part.more;
        }
    }

    #[test]
    fn parts_hold_everything_once_and_fit() {
        let list = [("a", 10), ("b", 300), ("c", 5), ("d", 5), ("e", 5)];
        let list = list.map(|(uid, size)| person(uid, size));
        let mut budget = Budget::of_payload(200);
        assert_eq!(
            parts(&list, &budget),
            [vec!["a"], vec!["b"], vec!["c", "d", "e"]],
            "what never fits comes by itself"
        );
        budget.rows = 2;
        assert_eq!(
            parts(&list, &budget),
            [vec!["a"], vec!["b"], vec!["c", "d"], vec!["e"]]
        );
        assert_eq!(parts(&list, &Budget::unlimited()).len(), 1);
        assert_eq!(parts(&[], &budget), [Vec::<String>::new()]);
    }

    #[test]
    fn an_answer_is_a_quarter_of_a_usual_payload_and_half_of_a_small_one() {
        assert_eq!(Budget::of_payload(1_048_576).bytes, limits::ANSWER_BYTES);
        assert_eq!(Budget::of_payload(0).bytes, limits::ANSWER_BYTES);
        let least = Budget::of_payload(limits::LEAST_PAYLOAD);
        assert_eq!(least.bytes, limits::LEAST_PAYLOAD / 2);
    }
}
