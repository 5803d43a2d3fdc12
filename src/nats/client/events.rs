//! What handles and driver share: how the client stands, and who listens to what happens.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use futures::channel::mpsc;

use super::super::connection::{Event, Status};
use super::super::protocol::ServerInfo;

/// Events that wait for one listener; further ones are lost to it, and it is told so.
const EVENTS: usize = 256;

/// Shared state.
pub(super) struct Shared {
    status: Mutex<Status>,
    info: Mutex<Option<ServerInfo>>,
    listeners: Mutex<Vec<Listener>>,
    close: AtomicBool,
    handles: AtomicUsize,
}

struct Listener {
    tell: mpsc::Sender<Event>,
    lagged: bool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            status: Mutex::new(Status::Connecting),
            info: Mutex::default(),
            listeners: Mutex::default(),
            close: AtomicBool::new(false),
            handles: AtomicUsize::new(0),
        }
    }
}

impl Shared {
    pub(super) fn status(&self) -> Status {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_status(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(super) fn info(&self) -> Option<ServerInfo> {
        let info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        info.clone()
    }

    pub(super) fn set_info(&self, info: &ServerInfo) {
        let mut known = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(info.clone());
    }

    /// One more handle is out.
    pub(super) fn handle_made(&self) {
        self.handles.fetch_add(1, Ordering::AcqRel);
    }

    /// One fewer. True: it was the last.
    pub(super) fn handle_dropped(&self) -> bool {
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn has_handles(&self) -> bool {
        self.handles.load(Ordering::Acquire) > 0
    }

    pub(super) fn ask_to_close(&self) {
        self.close.store(true, Ordering::Release);
    }

    pub(super) fn is_asked_to_close(&self) -> bool {
        self.close.load(Ordering::Acquire)
    }

    pub(super) fn listen(&self) -> EventStream {
        let (tell, told) = mpsc::channel(EVENTS);
        let lagged = false;
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(Listener { tell, lagged });
        EventStream(told)
    }

    pub(super) fn tell(&self, event: &Event) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.retain_mut(|listener| {
            if listener.lagged && listener.tell.try_send(Event::Lagged).is_ok() {
                listener.lagged = false;
            }
            match listener.tell.try_send(event.clone()) {
                Ok(()) => true,
                Err(error) if error.is_full() => {
                    listener.lagged = true;
                    true
                }
                Err(_) => false,
            }
        });
        if *event == Event::Closed {
            listeners.clear();
        }
    }
}

/// What happens to a client, from the moment of asking on.
#[derive(Debug)]
pub struct EventStream(mpsc::Receiver<Event>);

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}
