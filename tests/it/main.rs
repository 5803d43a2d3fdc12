//! Natter as a whole, against a real nats-server: one story a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod broker;
mod broker_loss;
mod callout;
mod cli;
mod creds;
mod forms;
mod interop;
mod live;
mod matrix;
mod nats_client;
mod oidc;
mod people;
mod plain_nats;
mod poison;
mod races;
mod rights;
mod rooms;
mod services;
mod signing;
mod support;
mod terminal_chat;
mod tunnel;
