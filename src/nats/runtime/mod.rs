//! What a client needs of its surroundings: tasks, time, chance, and, in a page, the moments at
//! which somebody looks. One of the two implementations is there; both have the same functions.
//! Whatever has to run in a page and natively alike may use it.

pub use super::connection::Moment;

#[cfg(feature = "ssr")]
mod native;
#[cfg(not(feature = "ssr"))]
mod page;

#[cfg(feature = "ssr")]
pub use native::{BoxFuture, Clock, Task, looks, sleep, spawn};
#[cfg(not(feature = "ssr"))]
pub use page::{BoxFuture, Clock, Task, looks, sleep, spawn};

/// Bytes that differ between clients. Where the system has none to give, they are all zero: inboxes
/// of one user could then meet, and still only under that user's own prefix.
pub fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes
}
