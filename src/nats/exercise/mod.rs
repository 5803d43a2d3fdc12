//! Any input at all, held against what must always be true. Property tests draw inputs, the
//! targets of `fuzz/` search for them, and every `cargo test` replays those in `fuzz/corpus`: all
//! of them call the functions here, which panic when something is not as it must be.

mod choices;
mod codec;
mod connection;
mod ledger;
mod server;
mod server_side;
#[cfg(test)]
mod tests;
mod user;
mod world;

pub use codec::codec;
pub use connection::connection;
