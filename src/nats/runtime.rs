//! What the driver needs of its surroundings: tasks, time, chance, and, in a page, the moments at
//! which somebody looks.

#[cfg(feature = "ssr")]
pub(super) use native::{BoxFuture, Clock, lookups, sleep, spawn};
#[cfg(not(feature = "ssr"))]
pub(super) use page::{BoxFuture, Clock, lookups, sleep, spawn};

/// Bytes that differ between clients. Where the system has none to give, they are all zero: names
/// then collide at worst, and a colliding inbox is still under the client's own prefix.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(feature = "ssr")]
mod native {
    use std::future::Future;
    use std::time::{Duration, Instant};

    use futures::stream::{Pending, pending};

    use super::super::connection::Moment;

    /// Tasks move between threads.
    pub type BoxFuture<T> = futures::future::BoxFuture<'static, T>;

    pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    pub async fn sleep(wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    pub struct Clock(Instant);

    impl Clock {
        pub fn start() -> Self {
            Self(Instant::now())
        }

        pub fn now(&self) -> Moment {
            Moment::default().after(self.0.elapsed())
        }
    }

    /// Nobody looks at a terminal in a way that could be seen.
    pub fn lookups() -> Pending<()> {
        pending()
    }
}

#[cfg(not(feature = "ssr"))]
mod page {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use futures::Stream;
    use futures::channel::mpsc;
    use wasm_bindgen::JsCast as _;
    use wasm_bindgen::closure::Closure;
    use web_sys::Event;

    use super::super::connection::Moment;

    /// A page has one thread.
    pub type BoxFuture<T> = futures::future::LocalBoxFuture<'static, T>;

    pub fn spawn(task: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    pub async fn sleep(wait: Duration) {
        gloo_timers::future::sleep(wait).await;
    }

    pub struct Clock;

    impl Clock {
        pub fn start() -> Self {
            Self
        }

        /// The page's own clock goes on while it sleeps in most browsers, and never back.
        pub fn now(&self) -> Moment {
            let performance = web_sys::window().and_then(|window| window.performance());
            let millis = performance.map_or_else(js_sys::Date::now, |p| p.now());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Moment(millis.max(0.0) as u64)
        }
    }

    /// The events after which a socket may be half open, or worth dialling again: timers of a
    /// hidden tab run once a minute, and a laptop may have slept.
    const EVENTS: [&str; 3] = ["online", "pageshow", "visibilitychange"];

    /// Gives an item whenever the page is shown or the network is back.
    pub fn lookups() -> Lookups {
        let (tell, told) = mpsc::channel(1);
        let tell = std::cell::RefCell::new(tell);
        let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            let document = web_sys::window().and_then(|window| window.document());
            let is_hidden = document.is_some_and(|document| document.hidden());
            if event.type_() == "visibilitychange" && is_hidden {
                return;
            }
            // One look that is not yet taken is enough.
            let _ = tell.borrow_mut().try_send(());
        });
        if let Some(window) = web_sys::window() {
            for event in EVENTS {
                // `visibilitychange` bubbles up from the document.
                let listener = listener.as_ref().unchecked_ref();
                let _ = window.add_event_listener_with_callback(event, listener);
            }
        }
        Lookups { told, listener }
    }

    pub struct Lookups {
        told: mpsc::Receiver<()>,
        listener: Closure<dyn Fn(Event)>,
    }

    impl Stream for Lookups {
        type Item = ();

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
            Pin::new(&mut self.told).poll_next(context)
        }
    }

    impl Drop for Lookups {
        fn drop(&mut self) {
            if let Some(window) = web_sys::window() {
                for event in EVENTS {
                    let listener = self.listener.as_ref().unchecked_ref();
                    let _ = window.remove_event_listener_with_callback(event, listener);
                }
            }
        }
    }
}
