//! What `natter serve` runs.
//!
//! `broker` is the nats-server and its keys; `store` writes what natter keeps in it; `read_model`
//! reads; `callout` decides who may do what, `connection_name` says by how much of LOG, `asked` whom it
//! is asked about; `router` serves commands over NATS and `services` are its handlers; `cutter` takes
//! live connections away whose rights have shrunk, `connection_limit` those that are too many,
//! `cut_off` those of who floods; `cluster` says which server of several does what, `limits` how much
//! one person or one `source` may do, `turns` lets those wait fairly who wait for something expensive,
//! `budget` how large an answer may become; `oidc` asks an identity provider who
//! somebody is; `http` serves pages and the tunnel; `creds` is what an administrator does at a running
//! server; `log_limit` keeps the log short whoever causes it to be written. `failure` is the one place
//! where errors become words, `start` the one where all
//! of it is put together.

mod asked;
pub mod broker;
mod budget;
pub mod callout;
pub mod clock;
mod cluster;
pub mod config;
mod connection_limit;
pub mod connection_name;
pub mod creds;
mod cut_off;
mod cutter;
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
pub mod source;
pub mod space;
mod start;
pub mod store;
mod turns;
pub mod whereabouts;

pub use budget::{Budget, Part};
pub use failure::Failure;
pub use http::{Address, addresses};
pub use start::{Server, StartError};
