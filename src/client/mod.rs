//! What every client of the chat does the same way, in the page, in a terminal and in the tests:
//! asking natter, reading an event of the live feed, and keeping a [`Model`] of the chat true over
//! a connection that comes and goes.
//!
//! [`ChatClient`] is the client as a whole (design sections 5 and 6): `wire` is its connection,
//! which can be changed for another one under way; `connection` follows how that stands; `feed`
//! takes live events; `fetch` and `heads` get what the feed has missed; `sending` empties the
//! outbox; `reading` tells how far the person has read; `meeting` asks for names. None of them asks
//! natter more often than `docs/protocol.md` says ("What a client asks by itself"). What surrounds it (a page, a test) is its [`Shell`].
//!
//! It joins `nats` with `wire` and `domain`; `app` and `cli` use it.

mod ask;
mod chat;
mod connection;
mod feed;
mod fetch;
mod heads;
mod live_event;
mod meeting;
mod model;
mod pace;
mod reading;
mod sending;
mod shell;
mod wire;

pub use ask::{AskError, ask, failure_of};
pub use chat::ChatClient;
pub use live_event::logged_event;
pub use model::{BrokerInfo, ConnectionState, LoadError, Model, RoomState};
pub use shell::{Change, Farewell, KeptPost, Rules, SessionAnswer, Shell};
