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
    /// Why the last try came to nothing, in words for the person, where natter said so.
    pub trouble: Option<String>,
    failures: u32,
}

impl Post {
    /// One that is sent as soon as it can be, or that was refused before, and why.
    #[must_use]
    pub fn new(
        key: Key,
        room: RoomId,
        text: String,
        written_at: Timestamp,
        refusal: Option<String>,
    ) -> Self {
        let state = match refusal {
            Some(reason) => PostState::Refused { reason },
            None => PostState::Waiting {
                not_before: written_at,
            },
        };
        Self {
            key,
            room,
            text,
            written_at,
            state,
            trouble: None,
            failures: 0,
        }
    }
}

/// Natter takes a post later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Not before this, in milliseconds.
    pub wait_ms: i64,
    /// Why, in words for the person.
    pub reason: String,
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
    pub fn push(&mut self, post: Post) {
        self.posts.push(post);
    }

    /// Takes a post that another client has left behind, to where its time is. One that is here
    /// stays as it is.
    pub fn adopt(&mut self, post: Post) {
        if self.posts.iter().any(|here| here.key == post.key) {
            return;
        }
        let later =
            |here: &Post| (here.written_at, here.key.ulid) > (post.written_at, post.key.ulid);
        let at = self.posts.iter().position(later);
        self.posts.insert(at.unwrap_or(self.posts.len()), post);
    }

    /// The posts to send now: the first unanswered one of each room, when its time has come. They
    /// count as in flight from here on.
    pub fn due(&mut self, now: Timestamp) -> Vec<Post> {
        let mut busy = self.busy();
        let mut due = Vec::new();
        for post in &mut self.posts {
            if let PostState::Waiting { not_before } = post.state
                && busy.insert(post.room.clone())
                && not_before <= now
            {
                post.state = PostState::InFlight;
                due.push(post.clone());
            }
        }
        due
    }

    /// When `due` will next have something; `None` while nothing waits.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let mut busy = self.busy();
        let first_of_room = |post: &Post| match post.state {
            PostState::Waiting { not_before } if busy.insert(post.room.clone()) => Some(not_before),
            _ => None,
        };
        self.posts.iter().filter_map(first_of_room).min()
    }

    /// The rooms that have a post in flight.
    fn busy(&self) -> HashSet<RoomId> {
        let in_flight = |post: &&Post| post.state == PostState::InFlight;
        let posts = self.posts.iter().filter(in_flight);
        posts.map(|post| post.room.clone()).collect()
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
    /// 0..=1 spreads many clients over that wait; natter may ask for a longer one, and say why.
    pub fn failed(&mut self, key: &Key, now: Timestamp, chance: f64, later: Option<Later>) {
        if let Some(post) = self.find(key) {
            let doubled = FIRST_WAIT_MS << post.failures.min(10);
            let ceiling = doubled.min(LONGEST_WAIT_MS);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let wait = (ceiling as f64 * (0.5 + chance.clamp(0.0, 1.0) / 2.0)) as i64;
            let asked = later.as_ref().map_or(0, |later| later.wait_ms);
            post.failures += 1;
            post.trouble = later.map(|later| later.reason);
            post.state = PostState::Waiting {
                not_before: Timestamp(now.0 + wait.max(asked)),
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
            post.trouble = None;
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

    fn post(n: u8, id: &str, written: i64) -> Post {
        let text = format!("message {n}");
        Post::new(key(n), room(id), text, Timestamp(written), None)
    }

    fn outbox(posts: &[(u8, &str)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (n, id) in posts {
            outbox.push(post(*n, id, 0));
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
    fn a_post_left_behind_goes_where_its_time_is_and_once() {
        let mut outbox = Outbox::default();
        outbox.push(post(5, "a", 50));
        outbox.adopt(post(3, "a", 30));
        outbox.adopt(post(7, "a", 70));
        outbox.adopt(post(3, "a", 30));
        let order: Vec<_> = outbox.posts().iter().map(|p| p.key.clone()).collect();
        assert_eq!(order, [key(3), key(5), key(7)]);
        let refused = Post::new(
            key(9),
            room("a"),
            "no".into(),
            Timestamp(0),
            Some("why".into()),
        );
        outbox.adopt(refused);
        assert_eq!(
            due(&mut outbox, 100),
            [key(3)],
            "a refused one holds nobody up"
        );
    }

    #[test]
    fn one_left_behind_waits_for_what_is_in_flight() {
        let mut outbox = outbox(&[(5, "a")]);
        assert_eq!(due(&mut outbox, 0), [key(5)]);
        let mut earlier = post(3, "a", 0);
        earlier.written_at = Timestamp(-1);
        outbox.adopt(earlier);
        assert_eq!(due(&mut outbox, 9), []);
        assert_eq!(outbox.next_due(), None);
        outbox.accepted(&key(5));
        assert_eq!(due(&mut outbox, 9), [key(3)]);
    }

    #[test]
    fn a_failed_post_goes_again_with_its_key_and_holds_the_later_ones_back() {
        let mut outbox = outbox(&[(1, "a"), (2, "a")]);
        due(&mut outbox, 0);
        outbox.failed(&key(1), Timestamp(0), 1.0, None);
        assert_eq!(due(&mut outbox, 0), [], "2 waits for 1");
        assert_eq!(outbox.next_due(), Some(Timestamp(250)));
        assert_eq!(due(&mut outbox, 250), [key(1)]);
    }

    #[test]
    fn waits_grow_to_a_bound_and_end_when_the_connection_is_back() {
        let mut outbox = outbox(&[(1, "a")]);
        for _ in 0..20 {
            due(&mut outbox, i64::MAX);
            outbox.failed(&key(1), Timestamp(0), 1.0, None);
        }
        assert_eq!(outbox.next_due(), Some(Timestamp(LONGEST_WAIT_MS)));
        outbox.hurry(Timestamp(5));
        assert_eq!(due(&mut outbox, 5), [key(1)]);
    }

    #[test]
    fn natter_may_ask_for_a_longer_wait() {
        let mut outbox = outbox(&[(1, "a")]);
        due(&mut outbox, 0);
        let later = Later {
            wait_ms: 3_000,
            reason: "no room".into(),
        };
        outbox.failed(&key(1), Timestamp(0), 0.0, Some(later));
        assert_eq!(outbox.next_due(), Some(Timestamp(3_000)));
        assert_eq!(outbox.posts()[0].trouble.as_deref(), Some("no room"));
        due(&mut outbox, 3_000);
        outbox.failed(&key(1), Timestamp(0), 0.0, None);
        assert_eq!(outbox.posts()[0].trouble, None);
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
