//! The terminal clients: publish, subscribe, request, ping and pong, on natter's own NATS client.

mod payload;
mod ping;
mod pong;
mod publish;
mod request;
mod statistics;
mod subscribe;

pub(super) use ping::{PingOptions, run as ping};
pub(super) use pong::{PongOptions, run as pong};
pub(super) use publish::{PubOptions, run as publish};
pub(super) use request::{RequestOptions, run as request};
pub(super) use subscribe::{SubOptions, run as subscribe};

/// What is published and listened to unless told otherwise: every member's sandbox.
const SUBJECT: &str = "hello";

/// What is said unless told otherwise.
const MESSAGE: &str = "hello world";
