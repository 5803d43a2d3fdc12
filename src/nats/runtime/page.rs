//! A page in a browser.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::channel::mpsc;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::Event;

use crate::nats::connection::Moment;

/// A page has one thread.
pub type BoxFuture<T> = futures::future::LocalBoxFuture<'static, T>;

/// What can be a task.
pub trait Task: Future<Output = ()> + 'static {}

impl<T: Future<Output = ()> + 'static> Task for T {}

/// Starts a task.
pub fn spawn(task: impl Task) {
    wasm_bindgen_futures::spawn_local(task);
}

/// Waits; in a hidden tab up to a minute longer.
pub async fn sleep(wait: Duration) {
    gloo_timers::future::sleep(wait).await;
}

/// The page's own clock: never back, and in most browsers on while the machine sleeps.
pub struct Clock;

impl Clock {
    pub fn start() -> Self {
        Self
    }

    pub fn now(&self) -> Moment {
        let performance = web_sys::window().and_then(|window| window.performance());
        let millis = performance.map_or_else(js_sys::Date::now, |clock| clock.now());
        Moment::at(Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or_default())
    }
}

/// After these a socket may be half open, or worth dialling again: a hidden tab's timers are slow,
/// and a laptop may have slept. `visibilitychange` bubbles up from the document.
const EVENTS: [&str; 3] = ["online", "pageshow", "visibilitychange"];

/// Gives an item whenever the page is shown or the network is back.
pub fn looks() -> Looks {
    let (tell, told) = mpsc::channel(1);
    let tell = RefCell::new(tell);
    let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        let document = web_sys::window().and_then(|window| window.document());
        let is_hidden = document.is_some_and(|document| document.hidden());
        if event.type_() == "visibilitychange" && is_hidden {
            return;
        }
        // Full: a look that is not yet taken is enough.
        let _ = tell.borrow_mut().try_send(());
    });
    if let Some(window) = web_sys::window() {
        for event in EVENTS {
            let listener = listener.as_ref().unchecked_ref();
            let _ = window.add_event_listener_with_callback(event, listener);
        }
    }
    Looks { told, listener }
}

/// See [`looks`]. It stops listening when it is dropped.
pub struct Looks {
    told: mpsc::Receiver<()>,
    listener: Closure<dyn Fn(Event)>,
}

impl Stream for Looks {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
        Pin::new(&mut self.told).poll_next(context)
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        let Some(window) = web_sys::window() else {
            return;
        };
        for event in EVENTS {
            let listener = self.listener.as_ref().unchecked_ref();
            let _ = window.remove_event_listener_with_callback(event, listener);
        }
    }
}
