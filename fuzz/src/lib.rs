//! The part of natter's NATS client that does no I/O, compiled by itself: it needs nothing else of
//! natter, and instrumenting it takes seconds.

/// As in natter, without the rest.
#[path = "../../src/nats"]
#[allow(dead_code, reason = "what only the transports use is not used")]
pub mod nats {
    pub mod connection;
    pub mod exercise;
    pub mod options;
    pub mod protocol;
}
