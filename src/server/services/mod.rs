//! The handlers: what a person can ask of natter over NATS, and where each is served.
//!
//! A new service is one async function and one line here: `docs/protocol.md` shows how.

mod echo;
mod heads;
mod history;
mod people;
mod ping;
mod post;
mod sync;

pub use post::post_message;

use super::read_model::ReadModel;
use super::router::Router;
use super::store::Store;

/// What the handlers share.
#[derive(Clone)]
pub struct Services {
    /// Writes.
    pub store: Store,
    /// Reads.
    pub read_model: ReadModel,
    /// Publishes.
    pub chat: async_nats::Client,
}

/// Every service, on its subject.
pub fn router(services: Services) -> Router<Services> {
    Router::new(services)
        .route("*.echo", echo::echo)
        .route("*.echo.identified", echo::identified)
        .route_past_own("*.ping", ping::is_relay, ping::ping)
        .route("natter.svc.*.heads", heads::heads)
        .route("natter.svc.*.history", history::history)
        .route("natter.svc.*.people", people::people)
        .route("natter.svc.*.post", post::post)
        .route("natter.svc.*.sync", sync::sync)
}
