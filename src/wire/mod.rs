//! The bytes on the wire: types generated from `proto/`, and what turns them into domain types.
//!
//! Everybody who reads or writes a payload uses this; nothing here decides anything.

mod convert;

pub use convert::{Malformed, key_of, log_entry_of, place_of};

/// The package `natter.v1`.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/natter.v1.rs"));
}

/// The package `echo`.
#[allow(missing_docs, clippy::all)]
pub mod echo {
    include!(concat!(env!("OUT_DIR"), "/echo.rs"));
}

/// The package `pingpong`.
#[allow(missing_docs, clippy::all)]
pub mod pingpong {
    include!(concat!(env!("OUT_DIR"), "/pingpong.rs"));
}
