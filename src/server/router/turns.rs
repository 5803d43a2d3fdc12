//! Requests wait in a queue for each person, and the people take turns. So nobody's requests wait behind
//! those of a person who sends many, and none are dropped because another person's requests take up the
//! space.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::Username;

/// Limits on requests that are under way and that wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Under way at once, of all people together.
    pub at_once: usize,
    /// Under way at once of one person.
    pub at_once_each: usize,
    /// Waiting, of one person.
    pub waiting_each: usize,
    /// The same in bytes; one always fits.
    pub bytes_each: usize,
    /// Bytes waiting, of all people together. Past that, one request of each person may wait.
    pub bytes: usize,
}

/// The limits of the router.
pub(super) const ROOM: Room = Room {
    at_once: 256,
    at_once_each: 16,
    // Somewhat more than the limit on requests allows at once.
    waiting_each: 128,
    bytes_each: 1 << 20,
    bytes: 64 << 20,
};

/// The queues, and the number of turns that each person has. Clones share them.
pub(super) struct Turns<T>(Arc<Inner<T>>);

struct Inner<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

/// One of the turns. Dropping it gives it back.
pub(super) struct Turn<T> {
    turns: Turns<T>,
    who: Username,
}

impl<T> Turns<T> {
    pub fn new(room: Room) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State::new(room)),
            changed: Notify::new(),
        }))
    }

    /// Puts something in `who`'s queue. False: it is full.
    pub fn put(&self, who: &Username, item: T, bytes: usize) -> bool {
        let is_in = self.lock().put(who, item, bytes);
        if is_in {
            self.0.changed.notify_one();
        }
        is_in
    }

    /// Waits until there is a free turn and a request of a person who may have it.
    pub async fn next(&self) -> (T, Turn<T>) {
        loop {
            let changed = self.0.changed.notified();
            let (taken, is_more) = {
                let mut state = self.lock();
                (state.take(), state.has_next())
            };
            if let Some((who, item)) = taken {
                if is_more {
                    // One notification can stand for several, so the next worker is woken here.
                    self.0.changed.notify_one();
                }
                let turns = self.clone();
                return (item, Turn { turns, who });
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Turns<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        self.turns.lock().give_back(&self.who);
        self.turns.0.changed.notify_one();
    }
}

struct State<T> {
    room: Room,
    people: HashMap<Username, Person<T>>,
    /// The people with a waiting request who may have another turn, each once.
    order: VecDeque<Username>,
    under_way: usize,
    bytes: usize,
}

struct Person<T> {
    waiting: VecDeque<(T, usize)>,
    bytes: usize,
    under_way: usize,
    is_in_order: bool,
}

impl<T> Default for Person<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            under_way: 0,
            is_in_order: false,
        }
    }
}

impl<T> State<T> {
    fn new(room: Room) -> Self {
        Self {
            room,
            people: HashMap::new(),
            order: VecDeque::new(),
            under_way: 0,
            bytes: 0,
        }
    }

    fn put(&mut self, who: &Username, item: T, bytes: usize) -> bool {
        let person = self.people.entry(who.clone()).or_default();
        let is_full = person.waiting.len() >= self.room.waiting_each
            || person.bytes.saturating_add(bytes) > self.room.bytes_each
            || self.bytes.saturating_add(bytes) > self.room.bytes;
        if is_full && !person.waiting.is_empty() {
            return false;
        }
        person.waiting.push_back((item, bytes));
        person.bytes += bytes;
        self.bytes += bytes;
        self.put_in_order(who);
        true
    }

    fn take(&mut self) -> Option<(Username, T)> {
        if !self.has_next() {
            return None;
        }
        let who = self.order.pop_front()?;
        let person = self.people.get_mut(&who)?;
        person.is_in_order = false;
        let (item, bytes) = person.waiting.pop_front()?;
        person.bytes -= bytes;
        person.under_way += 1;
        self.bytes -= bytes;
        self.under_way += 1;
        self.put_in_order(&who);
        Some((who, item))
    }

    fn has_next(&self) -> bool {
        self.under_way < self.room.at_once && !self.order.is_empty()
    }

    fn give_back(&mut self, who: &Username) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        person.under_way -= 1;
        self.under_way -= 1;
        if person.under_way == 0 && person.waiting.is_empty() {
            self.people.remove(who);
        } else {
            self.put_in_order(who);
        }
    }

    /// Puts a person at the end of the order, if they are not in it and may have a turn.
    fn put_in_order(&mut self, who: &Username) {
        if let Some(person) = self.people.get_mut(who)
            && !person.is_in_order
            && !person.waiting.is_empty()
            && person.under_way < self.room.at_once_each
        {
            person.is_in_order = true;
            self.order.push_back(who.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    fn room() -> Room {
        Room {
            at_once: 4,
            at_once_each: 2,
            waiting_each: 100,
            bytes_each: 1_000,
            bytes: 1_500,
        }
    }

    /// Takes and keeps all turns that can be had now.
    fn take_all(turns: &Turns<&'static str>) -> Vec<(&'static str, Turn<&'static str>)> {
        std::iter::from_fn(|| turns.next().now_or_never()).collect()
    }

    #[test]
    fn people_take_turns_whoever_asks_more() {
        let turns = Turns::new(room());
        for _ in 0..100 {
            assert!(turns.put(&name("eve"), "eve", 1));
        }
        assert!(turns.put(&name("ada"), "ada", 1));
        assert!(turns.put(&name("ben"), "ben", 1));
        let taken = take_all(&turns);
        let order: Vec<_> = taken.iter().map(|(who, _)| *who).collect();
        assert_eq!(order, ["eve", "ada", "ben", "eve"]);
    }

    #[test]
    fn one_person_holds_no_more_turns_than_their_own() {
        let turns = Turns::new(room());
        for _ in 0..9 {
            assert!(turns.put(&name("eve"), "eve", 1));
        }
        let mut taken = take_all(&turns);
        assert_eq!(taken.len(), 2, "two turns are free, and not hers");
        taken.pop();
        assert_eq!(take_all(&turns).len(), 1);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_is_nobody_elses() {
        let turns = Turns::new(room());
        let put = |who: &str, bytes| turns.put(&name(who), "x", bytes);
        let fit = (0..200).filter(|_| put("eve", 1)).count();
        assert_eq!(fit, 100);
        assert!(put("ada", 600) && put("ada", 400) && !put("ada", 1));
        // The limit in all is reached. A person with nothing waiting still gets one request in.
        assert!(put("ben", 600) && !put("ben", 1));
    }

    #[test]
    fn who_has_nothing_under_way_is_forgotten() {
        let turns = Turns::new(room());
        for who in ["ada", "ben", "eve"] {
            turns.put(&name(who), "x", 7);
        }
        drop(take_all(&turns));
        let state = turns.lock();
        assert!(state.people.is_empty() && state.order.is_empty());
        assert_eq!((state.under_way, state.bytes), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_what_comes_and_by_a_turn_given_back() {
        let turns = Turns::new(Room {
            at_once: 1,
            ..room()
        });
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.next().await }
        });
        tokio::task::yield_now().await;
        turns.put(&name("ada"), "first", 1);
        turns.put(&name("ben"), "second", 1);
        let (item, turn) = waiting.await.unwrap();
        assert_eq!(item, "first");
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.next().await.0 }
        });
        tokio::task::yield_now().await;
        drop(turn);
        assert_eq!(waiting.await.unwrap(), "second");
    }
}
