//! What `natter serve` runs.
//!
//! `broker` is the nats-server and its keys; `store` writes what natter keeps in it; `read_model`
//! reads it; `callout` computes the rights of a connection, `connection_name` records the position in LOG
//! that they are from, `asked` the questions that are under way; `router` serves commands over NATS and
//! `services` are its handlers; `cutter` ends connections that have lost rights, `connection_limit` those
//! past the limit, `cut_off` those of people who flood natter; `cluster` says which of several servers does
//! what; `limits` bounds what a person or a `source` may do, `turns` queues expensive work fairly,
//! `budget` bounds the size of an answer; `oidc` asks an identity provider who somebody is; `http` serves
//! pages and the tunnel; `creds` and `verify` are what an administrator does at a running server; `tasks` starts what
//! runs for as long as natter does, and tells of what ended; `socket_addr` reads addresses of flags; `log_limit`
//! keeps the log short; `data_folder` watches the folder of everything natter keeps, `space` its disk; `busiest` finds
//! who costs the broker too much. `failure` is the one place where errors become words, `start` the one where everything
//! is put together.
//!
//! Nothing here prints: whoever reads stdout or stderr may have stopped or be gone. `cli::log` writes the log.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod asked;
pub mod broker;
mod budget;
mod busiest;
pub mod callout;
pub mod clock;
mod cluster;
pub mod config;
mod connection_limit;
pub mod connection_name;
pub mod creds;
mod cut_off;
mod cutter;
mod data_folder;
mod failure;
mod host;
mod http;
pub mod limits;
mod links;
pub mod log_limit;
pub mod oidc;
mod open_files;
mod passwords;
mod pictures;
pub mod read_model;
mod ready;
pub mod router;
mod self_test;
pub mod services;
mod sign_out;
mod site;
pub mod socket_addr;
pub mod source;
pub mod space;
mod start;
pub mod store;
mod tasks;
mod turns;
pub mod verify;
pub mod whereabouts;

pub use budget::{Budget, Part};
pub use failure::Failure;
pub use http::{Address, addresses};
pub use start::{Server, StartError};
pub use tasks::Tasks;
