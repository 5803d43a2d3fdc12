//! Limits on the number of connections and on their silence.

use std::time::Duration;

/// Files that natter has open beside its connections: its NATS, the read model, the page's files.
const OTHER_FILES: u64 = 128;

/// A WebSocket has two: to the browser and to the broker.
const FILES_PER_CONNECTION: u64 = 2;

/// The most connections, whatever the limit of files.
const IN_ALL: usize = 32_768;

/// The most connections of one source, whatever the limit in all: enough for an office behind one address.
const OF_ONE: usize = 4_096;

/// Limits on connections at the page's listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// From the first byte of a request's head to its last, and from the start of a connection to its
    /// first byte.
    pub head: Duration,
    /// Between two requests. Longer than front proxies keep connections open (nginx: 60 s), so that
    /// no proxy sends a request on a connection that is just being closed.
    pub idle: Duration,
    /// While the client reads nothing of an answer.
    pub stalled: Duration,
    /// Connections in all.
    pub in_all: usize,
    /// Connections of one source.
    pub of_one: usize,
}

impl ConnectionBounds {
    /// The limits for a process that may have this many files open.
    #[must_use]
    pub fn for_files(files: u64) -> Self {
        let connections = files.saturating_sub(OTHER_FILES) / FILES_PER_CONNECTION;
        let in_all = usize::try_from(connections).unwrap_or(IN_ALL);
        let in_all = in_all.clamp(16, IN_ALL);
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(30),
            in_all,
            of_one: (in_all / 4).min(OF_ONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_follow_the_limit_of_files() {
        for (files, in_all, of_one) in [
            (0, 16, 4),
            (256, 64, 16),
            (1_024, 448, 112),
            (20_000, 9_936, 2_484),
            (u64::MAX, 32_768, 4_096),
        ] {
            let bounds = ConnectionBounds::for_files(files);
            assert_eq!((bounds.in_all, bounds.of_one), (in_all, of_one), "{files}");
        }
    }
}
