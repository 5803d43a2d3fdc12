//! How many files and sockets natter may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Fewer than this are told: a workspace of some hundred people is near it.
const SMALL: u64 = 4_096;

/// Raises the soft limit of this process to the hard one, and gives what holds then. The processes
/// that natter starts inherit it.
///
/// The soft limit is 1,024 on most systems for the sake of programs that use `select(2)`.
pub fn raise() -> u64 {
    let found = getrlimit(Resource::Nofile);
    if found.current != found.maximum {
        let raised = Rlimit {
            current: found.maximum,
            maximum: found.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    // No limit at all is a very large one.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < SMALL {
        tracing::warn!(
            limit,
            "natter may open few files, which limits its connections: raise the hard limit \
             (ulimit -Hn, or LimitNOFILE= of a systemd unit)"
        );
    }
    limit
}
