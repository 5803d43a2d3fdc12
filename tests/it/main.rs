//! Natter as a whole, against a real nats-server: one story a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod addresses;
mod bounds;
mod broker;
mod broker_loss;
mod callout;
mod cli;
mod connections;
mod connections_of_one;
mod consent;
mod creds;
mod cuts;
mod disk_full;
mod doors;
mod effects;
mod fault_proxy;
mod filled;
mod floods;
mod forms;
mod guessing;
mod headers;
#[allow(dead_code, reason = "shared with the campaign, which uses more of it")]
mod headless;
mod http_limits;
mod http_matrix;
mod interop;
mod killed;
mod limits;
mod live;
mod long_messages;
mod matrix;
mod names;
mod nats_beside;
mod nats_client;
mod nats_docs;
mod nats_headers;
mod networks;
mod oidc;
mod onward;
mod other_session;
mod people;
mod pictures;
mod plain_nats;
mod poison;
mod process;
mod races;
mod read_model;
mod rights;
mod rooms;
mod rules;
mod services;
mod signing;
mod slow_bodies;
mod support;
mod terminal_chat;
mod too_large;
mod tracing;
mod tunnel;
mod unread;
mod whose_page;
