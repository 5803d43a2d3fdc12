//! Natter: self-hosted team chat for people who run NATS.
//!
//! `domain` has the rules and knows nobody; `wire` has the bytes; `nats` is the browser's NATS
//! client; `client` is what all clients of the chat do alike; `app` is the page; `server` is what
//! `natter serve` runs, `cli` the terminal's commands. Arrows point down: `app`, `server` and `cli`
//! know `client`, `nats`, `wire` and `domain`.

pub mod app;
pub mod client;
pub mod domain;
pub mod nats;
pub mod wire;

#[cfg(feature = "ssr")]
pub mod cli;
#[cfg(feature = "ssr")]
pub mod server;

/// Takes the page over from the server, in the browser.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
