//! What the page knows: signals that the views read, and what a person can do.
//!
//! Views use [`Chat`], from context. `live` keeps it true over the broker's connection; it is
//! there in the browser alone, and the server renders without.

mod chat;
mod connection;
#[cfg(feature = "hydrate")]
mod live;
#[cfg(not(feature = "hydrate"))]
#[path = "no_live.rs"]
mod live;

pub use chat::{Chat, RoomState, ShownRoom};
pub use connection::{BrokerInfo, ConnectionState};
