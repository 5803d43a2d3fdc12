//! What the page knows: signals that the views read, and what a person can do.
//!
//! Views use [`Chat`], from context. A `ChatClient` keeps it true over the broker's connection;
//! `page` is what surrounds that in a browser, and `posts` where unsent posts outlive the page. On
//! the server, and with scripts off, there is neither.

mod chat;
#[cfg(feature = "hydrate")]
mod page;
#[cfg(not(feature = "hydrate"))]
#[path = "no_page.rs"]
mod page;
#[cfg(feature = "hydrate")]
mod posts;

pub use chat::{Chat, ShownRoom};
pub(super) use page::{count_unsent, forget_unsent};
