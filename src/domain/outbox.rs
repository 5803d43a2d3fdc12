//! What a person has written that natter has not yet acknowledged (design section 5, "Send").

use std::collections::HashSet;

use super::{Key, RoomId, Timestamp};

/// The first wait after a failure; it doubles from there.
const FIRST_WAIT_MS: i64 = 250;

/// The longest wait between two tries.
const LONGEST_WAIT_MS: i64 = 10_000;

/// Where a post stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostState {
    /// It waits for its turn, or for the moment of the next try.
    Waiting {
        /// Not before this.
        not_before: Timestamp,
    },
    /// It is on its way, unanswered.
    InFlight,
    /// Natter has it; its entry has not arrived here yet.
    Accepted,
    /// Natter refused it, and would again.
    Refused {
        /// Why, in words for the person.
        reason: String,
    },
}

/// One message that somebody sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The same at every try, so that it is one message.
    pub key: Key,
    /// Where it goes.
    pub room: RoomId,
    /// The source text.
    pub text: String,
    /// When the person sent it.
    pub written_at: Timestamp,
    /// Where it stands.
    pub state: PostState,
    failures: u32,
}

/// The posts under way, in the order they were written. One is in flight per room, so that a
/// room's messages arrive in that order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    posts: Vec<Post>,
}

impl Outbox {
    /// What is not in the log yet, oldest first.
    #[must_use]
    pub fn posts(&self) -> &[Post] {
        &self.posts
    }

    /// Takes a message that the person sent.
    pub fn push(&mut self, key: Key, room: RoomId, text: String, now: Timestamp) {
        self.posts.push(Post {
            key,
            room,
            text,
            written_at: now,
            state: PostState::Waiting { not_before: now },
            failures: 0,
        });
    }

    /// The posts to send now: the first unanswered one of each room, when its time has come. They
    /// count as in flight from here on.
    pub fn due(&mut self, now: Timestamp) -> Vec<Post> {
        let mut busy = HashSet::new();
        let mut due = Vec::new();
        for post in &mut self.posts {
            match post.state {
                PostState::InFlight => {
                    busy.insert(post.room.clone());
                }
                PostState::Waiting { not_before } if busy.insert(post.room.clone()) => {
                    if not_before <= now {
                        post.state = PostState::InFlight;
                        due.push(post.clone());
                    }
                }
                PostState::Waiting { .. } | PostState::Accepted | PostState::Refused { .. } => {}
            }
        }
        due
    }

    /// When `due` will next have something; `None` while nothing waits.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let mut busy = HashSet::new();
        let mut next = None;
        for post in &self.posts {
            match post.state {
                PostState::InFlight => {
                    busy.insert(&post.room);
                }
                PostState::Waiting { not_before } if busy.insert(&post.room) => {
                    next = Some(next.map_or(not_before, |n: Timestamp| n.min(not_before)));
                }
                PostState::Waiting { .. } | PostState::Accepted | PostState::Refused { .. } => {}
            }
        }
        next
    }

    /// Natter has it.
    pub fn accepted(&mut self, key: &Key) {
        self.set(key, PostState::Accepted);
    }

    /// Its entry is in the log as this page shows it.
    pub fn seen(&mut self, key: &Key) {
        self.posts.retain(|post| post.key != *key);
    }

    /// Natter will not have it.
    pub fn refused(&mut self, key: &Key, reason: String) {
        self.set(key, PostState::Refused { reason });
    }

    /// No answer, or "later": the same key is sent again, after a wait that grows. `chance` in
    /// 0..=1 spreads many clients over that wait; natter may ask for a longer one.
    pub fn failed(&mut self, key: &Key, now: Timestamp, chance: f64, at_least_ms: i64) {
        if let Some(post) = self.find(key) {
            let doubled = FIRST_WAIT_MS << post.failures.min(10);
            let ceiling = doubled.min(LONGEST_WAIT_MS);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let wait = (ceiling as f64 * (0.5 + chance.clamp(0.0, 1.0) / 2.0)) as i64;
            post.failures += 1;
            post.state = PostState::Waiting {
                not_before: Timestamp(now.0 + wait.max(at_least_ms)),
            };
        }
    }

    /// The connection is back: what waits for its next try need not.
    pub fn hurry(&mut self, now: Timestamp) {
        for post in &mut self.posts {
            if let PostState::Waiting { not_before } = &mut post.state {
                *not_before = now.min(*not_before);
                post.failures = 0;
            }
        }
    }

    /// The person wants a refused one tried again, or natter holds another text under its key:
    /// it goes under a new one.
    pub fn retry(&mut self, key: &Key, new_key: Key, now: Timestamp) {
        if let Some(post) = self.find(key) {
            post.key = new_key;
            post.failures = 0;
            post.state = PostState::Waiting { not_before: now };
        }
    }

    /// The person gives a refused one up; its text is handed back.
    pub fn discard(&mut self, key: &Key) -> Option<String> {
        let at = self
            .posts
            .iter()
            .position(|post| post.key == *key && matches!(post.state, PostState::Refused { .. }))?;
        Some(self.posts.remove(at).text)
    }

    fn set(&mut self, key: &Key, state: PostState) {
        if let Some(post) = self.find(key) {
            post.state = state;
        }
    }

    fn find(&mut self, key: &Key) -> Option<&mut Post> {
        self.posts.iter_mut().find(|post| post.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Ulid, Username};

    fn key(n: u8) -> Key {
        Key {
            author: Username::parse("ada").unwrap(),
            ulid: Ulid::new(u64::from(n), [n; 10]),
        }
    }

    fn room(id: &str) -> RoomId {
        RoomId::parse(id).unwrap()
    }

    fn outbox(posts: &[(u8, &str)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (n, id) in posts {
            outbox.push(key(*n), room(id), format!("message {n}"), Timestamp(0));
        }
        outbox
    }

    fn due(outbox: &mut Outbox, now: i64) -> Vec<Key> {
        outbox
            .due(Timestamp(now))
            .into_iter()
            .map(|post| post.key)
            .collect()
    }

    #[test]
    fn one_post_of_a_room_is_in_flight() {
        let mut outbox = outbox(&[(1, "a"), (2, "a"), (3, "b")]);
        assert_eq!(due(&mut outbox, 0), [key(1), key(3)]);
        assert_eq!(due(&mut outbox, 0), []);
        outbox.accepted(&key(1));
        assert_eq!(due(&mut outbox, 0), [key(2)]);
    }

    #[test]
    fn a_failed_post_goes_again_with_its_key_and_holds_the_later_ones_back() {
        let mut outbox = outbox(&[(1, "a"), (2, "a")]);
        due(&mut outbox, 0);
        outbox.failed(&key(1), Timestamp(0), 1.0, 0);
        assert_eq!(due(&mut outbox, 0), [], "2 waits for 1");
        assert_eq!(outbox.next_due(), Some(Timestamp(250)));
        assert_eq!(due(&mut outbox, 250), [key(1)]);
    }

    #[test]
    fn waits_grow_to_a_bound_and_end_when_the_connection_is_back() {
        let mut outbox = outbox(&[(1, "a")]);
        for _ in 0..20 {
            due(&mut outbox, i64::MAX);
            outbox.failed(&key(1), Timestamp(0), 1.0, 0);
        }
        assert_eq!(outbox.next_due(), Some(Timestamp(LONGEST_WAIT_MS)));
        outbox.hurry(Timestamp(5));
        assert_eq!(due(&mut outbox, 5), [key(1)]);
    }

    #[test]
    fn natter_may_ask_for_a_longer_wait() {
        let mut outbox = outbox(&[(1, "a")]);
        due(&mut outbox, 0);
        outbox.failed(&key(1), Timestamp(0), 0.0, 3_000);
        assert_eq!(outbox.next_due(), Some(Timestamp(3_000)));
    }

    #[test]
    fn a_refused_post_stays_and_holds_nobody_up() {
        let mut outbox = outbox(&[(1, "a"), (2, "a")]);
        due(&mut outbox, 0);
        outbox.refused(&key(1), "too long".into());
        assert_eq!(due(&mut outbox, 0), [key(2)]);
        outbox.retry(&key(1), key(9), Timestamp(4));
        outbox.accepted(&key(2));
        assert_eq!(due(&mut outbox, 4), [key(9)]);
    }

    #[test]
    fn what_is_in_the_log_leaves_whatever_its_state() {
        let mut outbox = outbox(&[(1, "a")]);
        due(&mut outbox, 0);
        outbox.seen(&key(1));
        assert_eq!(outbox.posts(), []);
        outbox.accepted(&key(1));
        assert_eq!(outbox.posts(), []);
    }

    #[test]
    fn only_a_refused_post_can_be_discarded() {
        let mut outbox = outbox(&[(1, "a")]);
        assert_eq!(outbox.discard(&key(1)), None);
        outbox.refused(&key(1), "no".into());
        assert_eq!(outbox.discard(&key(1)), Some("message 1".into()));
    }
}
