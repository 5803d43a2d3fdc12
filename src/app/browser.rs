//! What the page asks of the browser, and what the server says in its place.

#[cfg(feature = "hydrate")]
pub(super) use page::has_coarse_pointer;
#[cfg(not(feature = "hydrate"))]
pub(super) use server::has_coarse_pointer;

#[cfg(feature = "hydrate")]
mod page {
    use leptos::prelude::window;

    /// Is this a touch screen, where Enter breaks the line?
    pub fn has_coarse_pointer() -> bool {
        let query = window().match_media("(pointer: coarse)");
        query.ok().flatten().is_some_and(|query| query.matches())
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    pub fn has_coarse_pointer() -> bool {
        false
    }
}
