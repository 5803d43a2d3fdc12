//! Who listens to what happens.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::Stream;

use super::queue::{Queue, Room};
use crate::nats::connection::Event;

/// Events that wait for one listener; before a further one the oldest goes, and the listener is
/// told.
const EVENTS: usize = 256;

/// What waits for one listener.
#[derive(Debug)]
struct Listener {
    queue: Queue<Event>,
    has_lost: AtomicBool,
}

/// Those who listen. A stream that is dropped listens no longer.
#[derive(Default)]
pub(super) struct Listeners(Vec<Weak<Listener>>);

impl Listeners {
    pub fn listen(&mut self) -> EventStream {
        let listener = Arc::new(Listener {
            queue: Queue::new(Room {
                items: EVENTS,
                bytes: usize::MAX,
            }),
            has_lost: AtomicBool::new(false),
        });
        self.0.retain(|listener| listener.strong_count() > 0);
        self.0.push(Arc::downgrade(&listener));
        EventStream(listener)
    }

    pub fn tell(&mut self, event: &Event) {
        for listener in self.0.iter().filter_map(Weak::upgrade) {
            if !listener.queue.force(event.clone()) {
                listener.has_lost.store(true, Ordering::Release);
            }
            if *event == Event::Closed {
                listener.queue.close();
            }
        }
    }
}

/// What happens to a client, from the moment of asking on; it ends after [`Event::Closed`]. Whoever
/// is too slow loses the oldest events and reads [`Event::Lagged`].
#[derive(Debug)]
pub struct EventStream(Arc<Listener>);

impl EventStream {
    /// Of a client that is closed already.
    pub(super) fn ended(self) -> Self {
        self.0.queue.close();
        self
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.0.has_lost.swap(false, Ordering::AcqRel) {
            return Poll::Ready(Some(Event::Lagged));
        }
        self.0.queue.poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    #[test]
    fn a_slow_listener_loses_the_oldest_and_is_told() {
        let mut listeners = Listeners::default();
        let events = listeners.listen();
        for _ in 0..EVENTS {
            listeners.tell(&Event::AuthRefused);
        }
        listeners.tell(&Event::LameDuck);
        listeners.tell(&Event::Closed);
        let events: Vec<_> = events.collect().now_or_never().unwrap();
        assert_eq!(events.len(), EVENTS + 1);
        assert_eq!(events.first(), Some(&Event::Lagged));
        assert_eq!(events.last(), Some(&Event::Closed));
    }
}
