//! The handlers: what a person can ask of natter over NATS, and where each is served.
//!
//! A new service is one async function and one line here: `docs/protocol.md` shows how. What forms
//! can do as well is a function of its own that both call.

mod about;
mod coming;
mod echo;
mod heads;
mod history;
mod mark_read;
mod people;
mod ping;
mod post;
mod room_commands;
pub mod rooms;
mod sync;

pub use post::post_message;

use rusqlite::Transaction;

use super::cutter::Cutter;
use super::limits::Limits;
use super::read_model::queries::{self, Viewer};
use super::read_model::{Answer, ReadError, ReadModel};
use super::router::Router;
use super::store::Store;
use super::{Budget, Failure};
use crate::domain::Username;

/// What the handlers share.
#[derive(Clone)]
pub struct Services {
    /// Writes.
    pub store: Store,
    /// Reads.
    pub read_model: ReadModel,
    /// Publishes.
    pub chat: async_nats::Client,
    /// Cuts connections whose rights have shrunk.
    pub cutter: Cutter,
    /// How much one person may do.
    pub limits: Limits,
}

impl Services {
    /// What one answer may hold, by what the broker lets through now.
    #[must_use]
    pub fn budget(&self) -> Budget {
        Budget::of_payload(self.chat.server_info().max_payload)
    }

    /// Asks the read model, behind the barrier, as somebody: what they may see is judged in the
    /// same transaction.
    ///
    /// # Errors
    /// There is no such person, or they are suspended; or there is no answer now.
    pub async fn ask_as<T: Send + 'static>(
        &self,
        uid: &Username,
        question: impl FnOnce(&Transaction<'_>, &Viewer) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Answer<T>, Failure> {
        let uid = uid.clone();
        let answer = self
            .read_model
            .ask(move |tables| match queries::viewer(tables, &uid)? {
                Some(viewer) => question(tables, &viewer).map(Some),
                None => Ok(None),
            })
            .await?;
        match answer.value {
            Some(value) => Ok(Answer {
                through: answer.through,
                epoch: answer.epoch,
                value,
            }),
            None => Err(Failure::forbidden(
                "This account may not come in. Ask an administrator.",
            )),
        }
    }
}

/// Every service, on its subject.
pub fn router(services: Services) -> Router<Services> {
    Router::new(services)
        .route("*.echo", echo::echo)
        .route("*.echo.identified", echo::identified)
        .route_past_own("*.ping", ping::is_relay, ping::ping)
        .route("natter.svc.*.browse", room_commands::browse)
        .route("natter.svc.*.change-room", room_commands::change)
        .route("natter.svc.*.heads", heads::heads)
        .route("natter.svc.*.history", history::history)
        .route("natter.svc.*.invite", room_commands::invite)
        .route("natter.svc.*.join", room_commands::join)
        .route("natter.svc.*.leave", room_commands::leave)
        .route("natter.svc.*.make-room", room_commands::make)
        .route("natter.svc.*.mark-read", mark_read::mark_read)
        .route("natter.svc.*.members", room_commands::members)
        .route("natter.svc.*.mute", room_commands::mute)
        .route("natter.svc.*.people", people::people)
        .route("natter.svc.*.post", post::post)
        .route("natter.svc.*.remove", room_commands::remove)
        .route("natter.svc.*.sync", sync::sync)
        .route("natter.svc.*.talk-to", room_commands::talk_to)
}
