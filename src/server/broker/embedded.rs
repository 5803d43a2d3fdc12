//! The broker that natter brings along: a real nats-server, as a supervised child.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::{BrokerPaths, Ports, ServerConfig, SyncInterval};
use super::error::BrokerError;
use super::key_files;
use super::keys::BrokerKeys;
use super::lock::{DataFolderLock, StoreLock};
use super::orphan;
use super::readiness::Listening;
use super::supervisor::{BrokerState, Supervisor};
use crate::server::space::Space;
use crate::server::whereabouts::Whereabouts;

/// For the ports to be free.
const FREE_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How to start the embedded broker.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Natter's data folder; made (0700) if it is not there. The broker's things are in `nats/`.
    pub data_dir: PathBuf,
    /// The nats-server to run: what [`locate`](super::locate()) found.
    pub nats_server: PathBuf,
    /// `--nats-port`: where NATS clients connect; `None` is a free one.
    pub nats_port: Option<u16>,
    /// `--nats-ws-port`: where the tunnel connects; `None` is a free one.
    pub ws_port: Option<u16>,
    /// `--sync-interval`: how long what was acknowledged may wait for the disk.
    pub sync_interval: SyncInterval,
    /// `--max-store`: the most bytes that JetStream keeps; `None` is as many as the disk holds.
    pub max_store: Option<u64>,
    /// The origins of natter's pages. At least one.
    pub allowed_origins: Vec<String>,
}

/// A running embedded broker. It listens on 127.0.0.1 alone, is started again when it ends by
/// itself, and ends with this value: at once on [`shutdown`](Self::shutdown), soon after a drop.
#[derive(Debug)]
pub struct EmbeddedBroker {
    listening: Listening,
    state: watch::Receiver<BrokerState>,
    space: Space,
    stop: DropGuardedToken,
}

impl EmbeddedBroker {
    /// Starts the broker and waits until it is ready. Takes the data folder for itself, and
    /// first stops a nats-server that an earlier natter left behind in it.
    ///
    /// # Errors
    /// See [`BrokerError`]. A first start that fails is not tried again.
    pub async fn start(options: EmbeddedOptions, keys: &BrokerKeys) -> Result<Self, BrokerError> {
        if options.allowed_origins.is_empty() {
            return Err(BrokerError::NoAllowedOrigins);
        }
        let ports = Ports {
            nats: options.nats_port,
            websocket: options.ws_port,
        };
        let data_dir = options.data_dir;
        let prepared = tokio::task::spawn_blocking(move || prepare(&data_dir, ports)).await;
        let Prepared {
            lock,
            store_lock,
            paths,
        } = prepared.map_err(|error| BrokerError::NotReady(error.to_string()))??;

        let (state, watched) = watch::channel(BrokerState::Starting);
        let space = Space::default();
        let stop = DropGuardedToken::new();
        let supervisor = Supervisor {
            program: options.nats_server,
            config: ServerConfig::new(paths, options.allowed_origins, keys)
                .keeping(options.sync_interval, options.max_store),
            ports,
            state,
            space: space.clone(),
            stop: stop.token.clone(),
            lock,
            store_lock,
        };
        let started = supervisor
            .spawn()
            .map_err(|error| BrokerError::NotReady(error.to_string()))?;
        let listening = started
            .await
            .map_err(|_| BrokerError::NotReady("its supervisor ended".to_owned()))?
            .map_err(BrokerError::NotReady)?;
        Ok(Self {
            listening,
            state: watched,
            space,
            stop,
        })
    }

    /// Where NATS clients connect: `nats://127.0.0.1:4222`. It stays the same over restarts.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.listening.nats)
    }

    /// Where the tunnel connects (plain `ws`). It stays the same over restarts.
    #[must_use]
    pub fn websocket_addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.listening.websocket))
    }

    /// The process id of nats-server; `None` while it is not running.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match *self.state.borrow() {
            BrokerState::Running { pid } => Some(pid),
            _ => None,
        }
    }

    /// How it is, and each change of that.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BrokerState> {
        self.state.clone()
    }

    /// Whether there is room to write.
    #[must_use]
    pub fn space(&self) -> Space {
        self.space.clone()
    }

    /// Stops nats-server (SIGTERM; SIGKILL after 10 s) and gives the data folder back. Returns
    /// when both are done; a second call does nothing.
    pub async fn shutdown(&self) {
        self.stop.token.cancel();
        // An error is "the supervisor is gone", and its child with it.
        let _ = self
            .state
            .clone()
            .wait_for(|state| *state == BrokerState::Stopped)
            .await;
    }
}

/// Tells the supervisor to stop, when asked or when dropped (a start given up half way is too).
#[derive(Debug)]
struct DropGuardedToken {
    token: CancellationToken,
    _on_drop: DropGuard,
}

impl DropGuardedToken {
    fn new() -> Self {
        let token = CancellationToken::new();
        Self {
            _on_drop: token.clone().drop_guard(),
            token,
        }
    }
}

/// A folder that a nats-server may run on.
struct Prepared {
    lock: DataFolderLock,
    store_lock: StoreLock,
    paths: BrokerPaths,
}

/// Everything that has to hold before a nats-server may run on the folder.
fn prepare(data_dir: &Path, ports: Ports) -> Result<Prepared, BrokerError> {
    create_folder(data_dir)?;
    // One name for the folder, whatever way it was reached: an orphan is known by it.
    let data_dir = fs::canonicalize(data_dir).map_err(BrokerError::io("open", data_dir))?;
    if data_dir.to_str().is_none() {
        return Err(BrokerError::PathNotUtf8(data_dir));
    }
    let lock = DataFolderLock::take(&data_dir)?;
    let paths = BrokerPaths::under(&data_dir);
    key_files::remove_drafts(&data_dir.join("keys"));
    Whereabouts::remove_drafts(&data_dir);
    orphan::stop(&paths)?;
    create_folder(&paths.folder)?;
    let store_lock = StoreLock::take(&paths.folder)?;
    check_free(ports)?;
    Ok(Prepared {
        lock,
        store_lock,
        paths,
    })
}

fn create_folder(path: &Path) -> Result<(), BrokerError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .map_err(BrokerError::io("create", path))
}

/// nats-server would say which port is taken, but not which flag of natter's sets it. A port may be
/// free in a moment: a nats-server that was killed is no process with a command line any more
/// before the system closes what it had open.
fn check_free(ports: Ports) -> Result<(), BrokerError> {
    let deadline = Instant::now() + FREE_WITHIN;
    loop {
        match are_free(ports) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            checked => return checked,
        }
    }
}

/// The listeners are held together, so that the same port given twice is found too.
fn are_free(ports: Ports) -> Result<(), BrokerError> {
    let bind = |port: Option<u16>, flag| {
        let listener = port.map(|port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .map_err(|source| BrokerError::PortTaken { port, flag, source })
        });
        listener.transpose()
    };
    let _nats = bind(ports.nats, "--nats-port")?;
    let _websocket = bind(ports.websocket, "--nats-ws-port")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> (TcpListener, Ports) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ports = Ports {
            nats: Some(listener.local_addr().unwrap().port()),
            websocket: None,
        };
        (listener, ports)
    }

    #[test]
    fn a_port_that_is_free_in_a_moment_is_waited_for() {
        let (listener, ports) = taken();
        assert!(are_free(ports).is_err());
        std::thread::spawn(move || {
            std::thread::sleep(FREE_WITHIN / 4);
            drop(listener);
        });
        check_free(ports).unwrap();
    }

    #[test]
    fn one_that_stays_taken_is_told() {
        let (_listener, ports) = taken();
        let error = check_free(ports).unwrap_err().to_string();
        assert!(error.contains("--nats-port"), "{error}");
    }
}
