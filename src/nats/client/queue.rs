//! What waits for a reader: bounded, with one writer and one reader.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub items: usize,
    /// Of all items together; one always fits.
    pub bytes: usize,
}

/// Items that wait, in order.
#[derive(Debug)]
pub(super) struct Queue<T> {
    room: Room,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    is_closed: bool,
    reader: Option<Waker>,
}

impl<T> Queue<T> {
    pub fn new(room: Room) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            is_closed: false,
            reader: None,
        };
        Self {
            room,
            state: Mutex::new(state),
        }
    }

    /// Adds an item that takes so many bytes. False: there is no room, and it is lost.
    pub fn put(&self, item: T, bytes: usize) -> bool {
        let mut state = self.lock();
        let is_full = state.items.len() >= self.room.items
            || state.bytes.saturating_add(bytes) > self.room.bytes;
        if is_full && !state.items.is_empty() {
            return false;
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.items.push_back((item, bytes));
        wake(state);
        true
    }

    /// Adds an item, whatever it costs. False: there was no room, and the oldest is lost.
    pub fn force(&self, item: T) -> bool {
        let mut state = self.lock();
        let had_room = state.items.len() < self.room.items;
        if !had_room {
            state.items.pop_front();
        }
        state.items.push_back((item, 0));
        wake(state);
        had_room
    }

    /// Nothing more comes. What waits can still be read.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        wake(state);
    }

    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.lock();
        if let Some((item, bytes)) = state.items.pop_front() {
            state.bytes = state.bytes.saturating_sub(bytes);
            return Poll::Ready(Some(item));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader, who may come at once, so without the lock.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    fn read(queue: &Queue<u8>) -> Poll<Option<u8>> {
        queue.poll_next(&mut Context::from_waker(&noop_waker()))
    }

    #[test]
    fn the_newest_is_lost_when_put() {
        let queue = Queue::new(Room {
            items: 2,
            bytes: 100,
        });
        assert!(queue.put(1, 1) && queue.put(2, 1));
        assert!(!queue.put(3, 1));
        assert_eq!(read(&queue), Poll::Ready(Some(1)));
        assert!(queue.put(4, 1));
        queue.close();
        assert_eq!(read(&queue), Poll::Ready(Some(2)));
        assert_eq!(read(&queue), Poll::Ready(Some(4)));
        assert_eq!(read(&queue), Poll::Ready(None));
    }

    #[test]
    fn bytes_count_but_one_always_fits() {
        let queue = Queue::new(Room {
            items: 9,
            bytes: 10,
        });
        assert!(queue.put(1, 1_000));
        assert!(!queue.put(2, 1));
        assert_eq!(read(&queue), Poll::Ready(Some(1)));
        assert!(queue.put(3, 9) && queue.put(4, 1));
        assert!(!queue.put(5, 1));
    }

    #[test]
    fn the_oldest_is_lost_when_forced() {
        let queue = Queue::new(Room { items: 2, bytes: 0 });
        assert!(queue.force(1) && queue.force(2));
        assert!(!queue.force(3));
        assert_eq!(read(&queue), Poll::Ready(Some(2)));
        assert_eq!(read(&queue), Poll::Ready(Some(3)));
        assert_eq!(read(&queue), Poll::Pending);
    }
}
