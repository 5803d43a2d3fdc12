//! Why the embedded broker did not start.

use std::io;
use std::path::PathBuf;

/// Why the embedded broker did not start. Each message says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The lock of the data folder is taken. Two brokers on one store would lose messages.
    #[error("another natter uses the data folder {}{}", data_dir.display(), of_process(*pid))]
    DataFolderInUse {
        /// The folder.
        data_dir: PathBuf,
        /// Who holds it, if they said.
        pid: Option<u32>,
    },
    /// A port that was asked for is taken.
    #[error("port {port} on 127.0.0.1 is taken ({source}): choose another with {flag}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// With no allowed origin nats-server accepts every one.
    #[error("the broker's WebSocket listener needs the origin of natter's pages (--public-url)")]
    NoAllowedOrigins,
    /// nats.conf cannot say where the folder is.
    #[error("the data folder's path {} is not UTF-8, which nats-server needs", .0.display())]
    PathNotUtf8(PathBuf),
    /// A nats-server left behind by an earlier natter would not stop.
    #[error("an earlier nats-server (process {pid}) holds the data folder and does not stop")]
    OrphanStays {
        /// Its process id.
        pid: u32,
    },
    /// Another one may still use the store.
    #[error(
        "a nats-server of an earlier natter still runs on {}, and its pid file is gone: find it by its \
         command line, which names nats.conf in that folder, and end it",
        .0.display()
    )]
    StoreInUse(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// nats-server was started and was not ready.
    #[error("nats-server did not start: {0}")]
    NotReady(String),
}

impl BrokerError {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

fn of_process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}
