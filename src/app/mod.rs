//! The page: a Leptos app that the server renders and the browser takes over.
//!
//! `pages` are what an address shows, `components` are their parts, `state` is what the page
//! knows, `words` is what it says. It reaches the server through its own NATS connection
//! (`state`), plain forms and one server function (`echo`).

mod browser;
mod clock;
mod components;
mod drafts;
pub mod echo;
mod first_page;
mod icons;
mod pages;
mod root;
pub mod state;
#[cfg(feature = "hydrate")]
mod tabs;
pub mod words;

pub use components::PAGE_OF;
#[cfg(feature = "ssr")]
pub use echo::EchoBackend;
pub use first_page::InitialPage;
pub use root::{App, shell};
