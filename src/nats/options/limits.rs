//! How much may wait, and what happens when it is more.

/// How much may wait, so that nothing grows for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Subscriptions at once. One more is refused.
    pub subscriptions: usize,
    /// Requests, and flushes, under way at once. One more is refused.
    pub requests: usize,
    /// Messages that wait in one subscription until they are read. Further ones are dropped, and
    /// an event says so.
    pub waiting_messages: usize,
    /// The same in bytes; one message always fits.
    pub waiting_bytes: usize,
    /// Bytes that wait to be sent. Who publishes waits while it is more.
    pub unsent_bytes: usize,
    /// The same for what carries no message: subscribing, and PINGs and their answers. When it is
    /// more, the server reads nothing, and the connection is given up. All subscriptions together
    /// must fit.
    pub unsent_lines: usize,
    /// The largest message that is taken, with its headers. A server that sends a larger one is
    /// no NATS server: nats-server itself has this limit.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1_024 * 1_024;
        Self {
            subscriptions: 4_096,
            requests: 4_096,
            waiting_messages: 4_096,
            waiting_bytes: 16 * MIB,
            unsent_bytes: 4 * MIB,
            unsent_lines: 16 * MIB,
            message_bytes: 64 * MIB,
        }
    }
}
