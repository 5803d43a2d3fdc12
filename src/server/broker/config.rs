//! The configuration of the embedded nats-server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::keys::BrokerKeys;
use super::trust::{Trust, quote};
use crate::domain::limits;

/// How many bytes JetStream may keep when nothing is said. Without a number nats-server takes three
/// quarters of what is free at its start, into which all that it has already must fit: a store that is
/// larger than that takes nothing more after a restart, on a disk that has room.
pub(super) const NO_LIMIT: u64 = 1 << 50;

/// How long what was acknowledged may wait to be written through to the disk: `always` (not at
/// all), or a time. A broker or natter that dies loses nothing either way; a power cut takes back
/// what was acknowledged within this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncInterval {
    /// Every message is on the disk before it is acknowledged.
    Always,
    /// All of them are written through this often.
    Every(Duration),
}

/// Neither a time nor `always`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("say \"always\", or a time of 10ms to 10m such as 100ms or 1s")]
pub struct NotAnInterval;

impl FromStr for SyncInterval {
    type Err = NotAnInterval;

    fn from_str(text: &str) -> Result<Self, NotAnInterval> {
        if text == "always" {
            return Ok(Self::Always);
        }
        let time = humantime::parse_duration(text).map_err(|_| NotAnInterval)?;
        let range = Duration::from_millis(10)..=Duration::from_secs(600);
        let is_in_range = range.contains(&time);
        is_in_range
            .then_some(Self::Every(time))
            .ok_or(NotAnInterval)
    }
}

impl fmt::Display for SyncInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Every(time) => write!(f, "{}ms", time.as_millis()),
        }
    }
}

/// The largest payload, of natter's own connections too. People's requests have a smaller one (`limits::PAYLOAD`).
pub(super) const MAX_PAYLOAD: &str = "1MB";

/// Bytes that may wait for one connection before the server cuts it off. The default, 64 MB, is
/// for services; here most connections are browsers, of which a slow one should cost little: it
/// connects anew and fetches what it missed. Still several times the largest payload.
pub(super) const MAX_PENDING: &str = "8MB";

/// Where the embedded broker keeps its things, under natter's data folder.
#[derive(Debug, Clone)]
pub(super) struct BrokerPaths {
    /// `nats/`: the folder of all the rest, and of JetStream's store (`nats/jetstream/`).
    pub folder: PathBuf,
    /// The configuration.
    pub config: PathBuf,
    /// Where the server writes its process id.
    pub pid_file: PathBuf,
    /// Where the server writes a file with the ports it listens on.
    pub ports_folder: PathBuf,
    /// JetStream's store.
    pub store: PathBuf,
}

impl BrokerPaths {
    pub fn under(data_dir: &Path) -> Self {
        let folder = data_dir.join("nats");
        Self {
            config: folder.join("nats.conf"),
            pid_file: folder.join("nats.pid"),
            ports_folder: folder.join("ports"),
            store: folder.join("jetstream"),
            folder,
        }
    }
}

/// A port to listen on; `None` is any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    /// For NATS over TCP.
    pub nats: Option<u16>,
    /// For NATS over WebSocket.
    pub websocket: Option<u16>,
}

/// What `nats.conf` says, but for the ports, which change when free ones were found.
#[derive(Debug)]
pub(super) struct ServerConfig {
    pub paths: BrokerPaths,
    sync_interval: SyncInterval,
    max_store: u64,
    trust: Trust,
}

impl ServerConfig {
    /// `allowed_origins` must name one at least: with none, nats-server does not look at the
    /// Origin at all.
    pub fn new(paths: BrokerPaths, allowed_origins: Vec<String>, keys: &BrokerKeys) -> Self {
        Self {
            paths,
            sync_interval: SyncInterval::Every(Duration::from_millis(100)),
            max_store: NO_LIMIT,
            trust: Trust::new(allowed_origins, keys),
        }
    }

    /// The same with what was said about how messages are kept.
    pub fn keeping(self, sync_interval: SyncInterval, max_store: Option<u64>) -> Self {
        Self {
            sync_interval,
            max_store: max_store.unwrap_or(NO_LIMIT),
            ..self
        }
    }

    /// The text of `nats.conf`.
    pub fn render(&self, ports: Ports) -> String {
        let websocket = format!("127.0.0.1:{}", port(ports.websocket));
        format!(
            "\
# Written by natter at every start of its embedded broker. Changes here are lost.

server_name: natter
listen: \"127.0.0.1:{nats_port}\"
pid_file: {pid_file}
ports_file_dir: {ports_folder}
max_payload: {MAX_PAYLOAD}
max_pending: {MAX_PENDING}
max_subscriptions: {max_subscriptions}
# natter reads the log from stderr and has times of its own.
logtime: false

jetstream {{
  # The store is the folder jetstream/ in it.
  store_dir: {folder}
  sync_interval: \"{sync_interval}\"
  max_file_store: {max_store}
}}

{trust}",
            max_subscriptions = limits::SUBSCRIPTIONS,
            nats_port = port(ports.nats),
            pid_file = quote_path(&self.paths.pid_file),
            ports_folder = quote_path(&self.paths.ports_folder),
            folder = quote_path(&self.paths.folder),
            sync_interval = self.sync_interval,
            max_store = self.max_store,
            trust = self.trust.blocks(&websocket),
        )
    }
}

/// To nats-server -1 is "a free one".
fn port(port: Option<u16>) -> i32 {
    port.map_or(-1, i32::from)
}

pub(super) fn quote_path(path: &Path) -> String {
    // A path that is not UTF-8 is refused before it comes here.
    quote(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    fn rendered(ports: Ports) -> String {
        let keys = BrokerKeys::create(&KeyPair::new_operator()).unwrap();
        let paths = BrokerPaths::under(Path::new("/var/lib/na\"tter"));
        let origins = ["https://chat.example.org".to_owned()];
        ServerConfig::new(paths, origins.to_vec(), &keys).render(ports)
    }

    #[test]
    fn ports_are_those_given_or_any_free_one() {
        let any = rendered(Ports {
            nats: None,
            websocket: Some(4280),
        });
        assert!(any.contains(r#"listen: "127.0.0.1:-1""#), "{any}");
        assert!(any.contains(r#"listen: "127.0.0.1:4280""#), "{any}");
    }

    #[test]
    fn a_sync_interval_is_a_time_or_always() {
        for (text, is) in [
            ("always", SyncInterval::Always),
            ("100ms", SyncInterval::Every(Duration::from_millis(100))),
            ("2m", SyncInterval::Every(Duration::from_secs(120))),
        ] {
            assert_eq!(text.parse(), Ok(is));
            assert_eq!(is.to_string().parse(), Ok(is));
        }
        for bad in ["", "never", "0s", "1", "1h"] {
            assert_eq!(bad.parse::<SyncInterval>(), Err(NotAnInterval), "{bad}");
        }
    }

    #[test]
    fn the_origin_check_is_on() {
        let config = rendered(Ports {
            nats: None,
            websocket: None,
        });
        assert!(config.contains(r#"allowed_origins: ["https://chat.example.org"]"#));
    }

    #[test]
    fn a_quote_in_a_path_does_not_end_the_string() {
        let config = rendered(Ports {
            nats: None,
            websocket: None,
        });
        assert!(config.contains(r#"store_dir: "/var/lib/na\"tter/nats""#));
        assert_eq!(quote("a\\b\n$HOME"), r#""a\\b\n$HOME""#);
    }
}
