//! Turns at expensive work of which a few run at a time, with a bounded and fair queue. `passwords` and
//! `pictures` use it.
//!
//! Each asker has a queue of their own, and the queues take turns: however many requests one
//! asker sends, another waits for one of them. When all queues together are full, the longest one loses
//! its last entry to an asker with fewer.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The limits on turns and waiting requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Turns that are taken at once.
    pub at_once: usize,
    /// Requests of one asker that wait.
    pub waiting_each: usize,
    /// Requests that wait, of all askers.
    pub waiting: usize,
}

/// There is no turn now, and the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many are waiting already")]
pub struct Full;

/// The turns and who waits for them; `K` tells askers apart.
pub struct Turns<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
}

struct Shared<K: Eq + Hash + Clone> {
    bounds: Bounds,
    state: Mutex<State<K>>,
}

struct State<K: Eq + Hash + Clone> {
    free: usize,
    /// The askers in the order of their turns. Each has a non-empty queue in `queues`.
    order: VecDeque<K>,
    queues: HashMap<K, VecDeque<Entry<K>>>,
    waiting: usize,
    next_id: u64,
}

struct Entry<K: Eq + Hash + Clone> {
    id: u64,
    granted: oneshot::Sender<Turn<K>>,
}

impl<K: Eq + Hash + Clone> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// With these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let state = State {
            free: bounds.at_once,
            order: VecDeque::new(),
            queues: HashMap::new(),
            waiting: 0,
            next_id: 0,
        };
        Self {
            shared: Arc::new(Shared {
                bounds,
                state: Mutex::new(state),
            }),
        }
    }

    /// Waits for a turn; dropping the future leaves the queue. The turn lasts until the returned guard
    /// is dropped: work on another thread takes it along, so that it counts until it is done.
    ///
    /// # Errors
    /// The queue is full, now or because askers with fewer requests have come since.
    pub async fn take(&self, key: &K) -> Result<Turn<K>, Full> {
        let mut place = match self.enter(key)? {
            Entered::Turn(turn) => return Ok(turn),
            Entered::Queue(place) => place,
        };
        // The sender is dropped when this entry makes room for another asker's.
        (&mut place.granted).await.map_err(|_| Full)
    }

    fn enter(&self, key: &K) -> Result<Entered<K>, Full> {
        let bounds = self.shared.bounds;
        let mut state = self.shared.lock();
        if state.free > 0 {
            state.free -= 1;
            return Ok(Entered::Turn(Turn::new(&self.shared)));
        }
        let own = state.queues.get(key).map_or(0, VecDeque::len);
        if own >= bounds.waiting_each {
            return Err(Full);
        }
        if state.waiting >= bounds.waiting {
            state.make_room_for_one_with(own)?;
        }
        let (sender, granted) = oneshot::channel();
        let id = state.push(key, sender);
        Ok(Entered::Queue(Place {
            shared: Arc::clone(&self.shared),
            key: key.clone(),
            id,
            granted,
        }))
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.shared.lock().waiting
    }
}

impl<K: Eq + Hash + Clone> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> State<K> {
    fn push(&mut self, key: &K, granted: oneshot::Sender<Turn<K>>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting += 1;
        let queue = self.queues.entry(key.clone()).or_default();
        if queue.is_empty() {
            self.order.push_back(key.clone());
        }
        queue.push_back(Entry { id, granted });
        id
    }

    /// Removes the last entry of the longest queue, if that queue stays at least as long as one with
    /// this many entries and one more.
    fn make_room_for_one_with(&mut self, own: usize) -> Result<(), Full> {
        let longest = self.queues.iter().max_by_key(|(_, queue)| queue.len());
        let (key, last) = longest
            .filter(|(_, queue)| queue.len() > own + 1)
            .and_then(|(key, queue)| Some((key.clone(), queue.back()?.id)))
            .ok_or(Full)?;
        self.remove(&key, last);
        Ok(())
    }

    fn remove(&mut self, key: &K, id: u64) {
        let Some(queue) = self.queues.get_mut(key) else {
            return;
        };
        let before = queue.len();
        queue.retain(|entry| entry.id != id);
        self.waiting -= before - queue.len();
        if queue.is_empty() {
            self.queues.remove(key);
            self.order.retain(|waiting| waiting != key);
        }
    }

    /// The next in turn, taken out of the queue.
    fn pop(&mut self) -> Option<Entry<K>> {
        let key = self.order.pop_front()?;
        let queue = self.queues.get_mut(&key)?;
        let entry = queue.pop_front()?;
        self.waiting -= 1;
        if queue.is_empty() {
            self.queues.remove(&key);
        } else {
            self.order.push_back(key);
        }
        Some(entry)
    }
}

enum Entered<K: Eq + Hash + Clone> {
    Turn(Turn<K>),
    Queue(Place<K>),
}

/// A place in the queue, given up when it is dropped.
struct Place<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
    key: K,
    id: u64,
    granted: oneshot::Receiver<Turn<K>>,
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        // A turn that was granted but not received is passed on when `granted` is dropped.
        self.shared.lock().remove(&self.key, self.id);
    }
}

/// A turn, passed on to the next in the queue when it is dropped.
pub struct Turn<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
    is_over: bool,
}

impl<K: Eq + Hash + Clone> Turn<K> {
    fn new(shared: &Arc<Shared<K>>) -> Self {
        Self {
            shared: Arc::clone(shared),
            is_over: false,
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.shared.lock();
        while let Some(entry) = state.pop() {
            match entry.granted.send(Self::new(&self.shared)) {
                Ok(()) => return,
                // The asker is gone. Dropping the turn here would lock the state again.
                Err(mut unwanted) => unwanted.is_over = true,
            }
        }
        state.free += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    type Waiting = BoxFuture<'static, Result<Turn<&'static str>, Full>>;

    const BOUNDS: Bounds = Bounds {
        at_once: 1,
        waiting_each: 3,
        waiting: 6,
    };

    /// Asks for a turn, and comes to stand in the queue.
    fn ask(turns: &Turns<&'static str>, key: &'static str) -> Waiting {
        let turns = turns.clone();
        let mut waiting = async move { turns.take(&key).await }.boxed();
        match (&mut waiting).now_or_never() {
            None => waiting,
            Some(answer) => std::future::ready(answer).boxed(),
        }
    }

    /// Has it been answered, and how?
    fn answer(waiting: &mut Waiting) -> Option<Result<Turn<&'static str>, Full>> {
        waiting.now_or_never()
    }

    fn held(turns: &Turns<&'static str>) -> Turn<&'static str> {
        answer(&mut ask(turns, "first")).unwrap().ok().unwrap()
    }

    #[test]
    fn queues_take_turns_however_long_one_is() {
        let turns = Turns::new(BOUNDS);
        let mut turn = held(&turns);
        let names = ["flood", "flood", "flood", "ada", "ben"];
        let mut waiting: Vec<_> = names.map(|name| (name, ask(&turns, name))).into();
        let mut served = Vec::new();
        while !waiting.is_empty() {
            drop(turn);
            let mut granted = None;
            waiting.retain_mut(|(name, one)| match answer(one) {
                Some(Ok(turn)) => {
                    served.push(*name);
                    granted = Some(turn);
                    false
                }
                Some(Err(Full)) => panic!("{name} was sent away"),
                None => true,
            });
            turn = granted.expect("one turn is granted for each that ends");
        }
        assert_eq!(served, ["flood", "ada", "ben", "flood", "flood"]);
        drop(turn);
        assert!(
            answer(&mut ask(&turns, "ada")).is_some(),
            "the turn is free again"
        );
    }

    #[test]
    fn one_asker_has_a_bound_and_all_have_one_that_goes_by_the_longest() {
        let turns = Turns::new(BOUNDS);
        let _turn = held(&turns);
        let is_full = |waiting: &mut Waiting| matches!(answer(waiting), Some(Err(Full)));
        let mut flood: Vec<_> = (0..4).map(|_| ask(&turns, "flood")).collect();
        let refused: Vec<_> = flood.iter_mut().map(is_full).collect();
        assert_eq!(refused, [false, false, false, true]);
        flood.pop();
        let mut other: Vec<_> = (0..3).map(|_| ask(&turns, "other")).collect();
        assert_eq!(turns.waiting(), 6, "all places are taken");
        // Ada takes the place of a flooder's last, and of nobody's only one.
        let mut ada = ask(&turns, "ada");
        assert!(!is_full(&mut ada));
        let mut lost: Vec<_> = flood.iter_mut().chain(&mut other).map(is_full).collect();
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
        assert!(
            lost.remove(2) || lost.remove(4),
            "it is the last of its queue"
        );
        let mut people: Vec<_> = ["ben", "cleo", "dan"].map(|name| ask(&turns, name)).into();
        assert!(people.iter_mut().all(|one| !is_full(one)));
        assert!(is_full(&mut ask(&turns, "eve")), "each has one place now");
        assert_eq!(turns.waiting(), 6);
    }

    #[test]
    fn who_goes_away_leaves_the_queue_and_passes_the_turn_on() {
        let turns = Turns::new(BOUNDS);
        let turn = held(&turns);
        let (gone, mut ben) = (ask(&turns, "ada"), ask(&turns, "ben"));
        drop(gone);
        assert_eq!(turns.waiting(), 1);
        let granted_unseen = ask(&turns, "cleo");
        drop(turn);
        let bens = answer(&mut ben).unwrap().ok().unwrap();
        drop(bens);
        // Cleo's turn has been granted; she is gone before she looks.
        drop(granted_unseen);
        assert!(matches!(answer(&mut ask(&turns, "dan")), Some(Ok(_))));
        let state = turns.shared.lock();
        assert!(state.queues.is_empty() && state.order.is_empty());
        assert_eq!(state.free, 1);
    }
}
