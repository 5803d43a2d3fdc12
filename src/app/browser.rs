//! What the page asks of the browser, and what the server says in its place.

#[cfg(feature = "hydrate")]
pub(super) use page::{
    count_drafts, draft, forget_drafts, has_coarse_pointer, keep_draft, millis, reload,
};
#[cfg(not(feature = "hydrate"))]
pub(super) use server::{
    count_drafts, draft, forget_drafts, has_coarse_pointer, keep_draft, millis, reload,
};

/// From a moment that [`millis`] gave until now, in microseconds.
pub(super) fn micros_since(begun: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let micros = ((millis() - begun) * 1_000.0).max(0.0) as u64;
    micros
}

#[cfg(feature = "hydrate")]
mod page {
    use leptos::prelude::window;

    /// What drafts are called in the browser's storage.
    const DRAFT: &str = "natter.draft.";

    fn storage() -> Option<web_sys::Storage> {
        window().local_storage().ok().flatten()
    }

    /// Keeps what somebody has typed into a room's box, across reloads. Where the browser keeps
    /// nothing, it is in the box alone.
    pub fn keep_draft(uid: &str, room: &str, text: &str) {
        let Some(storage) = storage() else { return };
        let key = format!("{DRAFT}{uid}.{room}");
        let _ = if text.is_empty() {
            storage.remove_item(&key)
        } else {
            storage.set_item(&key, text)
        };
    }

    /// What was kept.
    pub fn draft(uid: &str, room: &str) -> Option<String> {
        storage()?
            .get_item(&format!("{DRAFT}{uid}.{room}"))
            .ok()
            .flatten()
    }

    /// The number of rooms in which this person has a draft.
    pub fn count_drafts(uid: &str) -> usize {
        drafts(uid).len()
    }

    /// Deletes this person's drafts at sign-out, so that the next person at this browser cannot read them.
    pub fn forget_drafts(uid: &str) {
        let Some(storage) = storage() else { return };
        for key in drafts(uid) {
            let _ = storage.remove_item(&key);
        }
    }

    fn drafts(uid: &str) -> Vec<String> {
        let Some(storage) = storage() else {
            return Vec::new();
        };
        let own = format!("{DRAFT}{uid}.");
        let length = storage.length().unwrap_or_default();
        let keys = (0..length).filter_map(|at| storage.key(at).ok().flatten());
        keys.filter(|key| key.starts_with(&own)).collect()
    }

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

    /// Milliseconds since the page began, finer than the clock.
    pub fn millis() -> f64 {
        let performance = window().performance();
        performance.map_or_else(js_sys::Date::now, |performance| performance.now())
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    pub fn keep_draft(_: &str, _: &str, _: &str) {}

    pub fn draft(_: &str, _: &str) -> Option<String> {
        None
    }

    pub fn count_drafts(_: &str) -> usize {
        0
    }

    pub fn forget_drafts(_: &str) {}

    pub fn reload() {}

    pub fn has_coarse_pointer() -> bool {
        false
    }

    pub fn millis() -> f64 {
        0.0
    }
}
