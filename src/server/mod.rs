//! What `natter serve` runs.
//!
//! `broker` is the nats-server and its keys; `store` writes what natter keeps in it; `read_model`
//! reads; `callout` decides who may do what; `router` serves commands over NATS and `services`
//! are its handlers; `cutter` takes live connections away whose rights have shrunk, `headcount`
//! those that are too many, `cluster` which server of several does what, `limits` says how much one person
//! or one `source` may do, `turns` lets those who wait for something expensive wait fairly; `oidc` asks an identity
//! provider who somebody is; `http` serves pages and the tunnel; `creds` is what an administrator does at a
//! running server. `failure` is the one place where errors become words, `start` the one where all
//! of it is put together.

pub mod broker;
pub mod callout;
pub mod clock;
mod cluster;
pub mod config;
pub mod creds;
mod cutter;
mod failure;
pub mod headcount;
mod http;
pub mod limits;
mod links;
pub mod oidc;
mod passwords;
mod pictures;
pub mod read_model;
mod ready;
pub mod router;
mod self_test;
pub mod services;
mod sign_out;
pub mod source;
pub mod space;
mod start;
pub mod store;
mod turns;
pub mod whereabouts;

pub use failure::Failure;
pub use http::{Address, addresses};
pub use start::{Server, StartError};
