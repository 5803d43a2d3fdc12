//! The limit on files and sockets that natter may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A lower limit is logged: a workspace of some hundred people comes near it.
const SMALL: u64 = 4_096;

/// Raises the soft limit of this process to the hard one, and returns the limit that is in force then.
/// Child processes inherit it.
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
    // `None` means unlimited.
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
