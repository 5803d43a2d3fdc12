//! Natter as a whole, against a real nats-server: one story a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod addresses;
mod bodies_in_memory;
mod bounds;
mod broker;
mod broker_loss;
mod callout;
mod cli;
mod clocks;
mod connections;
mod connections_of_one;
mod consent;
mod creds;
mod cuts;
mod damaged_log;
mod data_folder;
mod disk_full;
mod doors;
mod effects;
mod fault_proxy;
mod filled;
mod floods;
mod forms;
mod guessing;
mod half_open;
mod headers;
#[allow(dead_code, reason = "shared with the campaign, which uses more of it")]
mod headless;
mod health;
mod http_limits;
mod http_matrix;
mod interop;
mod killed;
mod limits;
mod live;
mod log_readers;
mod long_messages;
mod matrix;
mod missed;
mod names;
mod nats_beside;
mod nats_client;
mod nats_docs;
mod nats_headers;
mod networks;
mod oidc;
mod onward;
mod other_session;
mod own_requests;
mod people;
mod pictures;
mod plain_nats;
mod poison;
mod process;
mod races;
mod read_model;
mod rights;
mod room_effects;
mod rooms;
mod rules;
mod services;
mod session_life;
mod signing;
mod slow_bodies;
mod support;
mod terminal;
mod terminal_chat;
mod too_large;
mod tracing;
mod tunnel;
mod tunnel_floods;
mod unread;
mod whose_page;
