//! What the page asks of the browser, and what the server says in its place.

#[cfg(feature = "hydrate")]
pub(super) use page::{has_coarse_pointer, has_focus, millis, reload};
#[cfg(not(feature = "hydrate"))]
pub(super) use server::{has_coarse_pointer, has_focus, millis, reload};

/// From a moment that [`millis`] gave until now, in microseconds.
pub(super) fn micros_since(begun: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let micros = ((millis() - begun) * 1_000.0).max(0.0) as u64;
    micros
}

#[cfg(feature = "hydrate")]
mod page {
    use leptos::prelude::window;

    /// Reloads the page.
    pub fn reload() {
        // If the browser refuses, the button can be pressed again.
        let _ = window().location().reload();
    }

    /// Is this a touch screen, where Enter breaks the line?
    pub fn has_coarse_pointer() -> bool {
        let query = window().match_media("(pointer: coarse)");
        query.ok().flatten().is_some_and(|query| query.matches())
    }

    /// Does somebody type here?
    pub fn has_focus(element: &web_sys::Element) -> bool {
        let active = window()
            .document()
            .and_then(|document| document.active_element());
        active.as_ref() == Some(element)
    }

    /// Milliseconds since the page began, finer than the clock.
    pub fn millis() -> f64 {
        let performance = window().performance();
        performance.map_or_else(js_sys::Date::now, |performance| performance.now())
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    pub fn reload() {}

    pub fn has_coarse_pointer() -> bool {
        false
    }

    pub fn has_focus<T>(_: &T) -> bool {
        false
    }

    pub fn millis() -> f64 {
        0.0
    }
}
