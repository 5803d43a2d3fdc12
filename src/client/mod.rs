//! What every client of the chat does the same way, in the page and in a terminal: asking natter,
//! and reading an event of the live feed. It joins `nats` with `wire` and decides nothing; `app` and
//! `cli` use it.

mod ask;
mod live_event;

pub use ask::{AskError, ask, failure_of};
pub use live_event::logged_event;
