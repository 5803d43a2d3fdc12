//! A natter of its own process, with its broker as a child, that is killed, paused and begun again.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use natter::server::broker::{BrokerKeys, ServiceUser};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::nats_server;

/// Long enough for a natter to begin, on a machine that has other things to do.
const BEGUN_WITHIN: Duration = Duration::from_secs(60);

/// One natter, from process to process, on the same ports and the same folder.
pub struct World {
    folder: TempDir,
    addr: SocketAddr,
    nats: SocketAddr,
    nats_ws: SocketAddr,
    child: Option<Child>,
}

impl World {
    pub async fn begin() -> Self {
        let [addr, nats, nats_ws] = free_addresses();
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            addr,
            nats,
            nats_ws,
            child: None,
        };
        world.start();
        world.healthy().await;
        world
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Starts natter’s process.
    pub fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_natter"));
        command
            .arg("serve")
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .arg("--addr")
            .arg(self.addr.to_string())
            .arg("--nats-port")
            .arg(self.nats.port().to_string())
            .arg("--nats-ws-port")
            .arg(self.nats_ws.port().to_string())
            .arg("--signup")
            .arg("open")
            .env("NATTER_LOG", "info")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(nats_server) = nats_server() {
            command.arg("--nats-server").arg(nats_server);
        }
        self.child = Some(command.spawn().unwrap());
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("natter.log")
    }

    /// Waits until people can be served.
    pub async fn healthy(&self) {
        let url = self.url("/health");
        let end = Instant::now() + BEGUN_WITHIN;
        while !reqwest::get(&url)
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            if Instant::now() > end {
                let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
                let lines: Vec<_> = log.lines().rev().take(20).collect();
                panic!("natter is not healthy. Its log, the last line first: {lines:#?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills natter; its broker goes with it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Keeps a copy of all that the broker has, while it is not running.
    pub fn back_up(&self) {
        copy_folder(&self.store(), &self.folder.path().join("backup"));
    }

    /// Puts the copy back in place of what there is now.
    pub fn put_back(&self) {
        std::fs::remove_dir_all(self.store()).unwrap();
        copy_folder(&self.folder.path().join("backup"), &self.store());
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data/nats/jetstream")
    }

    /// Sends a signal to natter’s process.
    pub fn signal_natter(&self, signal: Signal) {
        if let Some(child) = &self.child {
            send(child.id(), signal);
        }
    }

    /// Sends a signal to its broker’s process, where there is one now.
    pub fn signal_broker(&self, signal: Signal) {
        if let Some(pid) = self.child.as_ref().and_then(|child| child_of(child.id())) {
            send(pid, signal);
        }
    }

    /// Natter’s own way into CHAT, past every proxy.
    pub async fn broker(&self) -> async_nats::Client {
        let keys = BrokerKeys::load(&self.folder.path().join("data/keys")).unwrap();
        let user = keys.user(ServiceUser::Chat).unwrap();
        let options = user.connect_options().unwrap();
        options
            .connect(format!("nats://{}", self.nats))
            .await
            .unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A process that was paused takes no other signal.
        self.signal_broker(Signal::CONT);
        self.signal_natter(Signal::CONT);
        self.kill();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &copy);
        } else {
            std::fs::copy(entry.path(), copy).unwrap();
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// The nats-server whose parent this is.
fn child_of(parent: u32) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid: &u32| {
        let Ok(line) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        // `pid (name) state parent …`
        let Some((before, after)) = line.rsplit_once(')') else {
            return false;
        };
        let is_child = after.split_whitespace().nth(1) == Some(&parent.to_string());
        is_child && before.ends_with("(nats-server")
    })
}

/// All are held until the last is known, so that no two are the same. They lie below those that the
/// system gives out: else somebody dialling has one of them when natter begins again.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let mut rng = fastrand::Rng::new();
    let held = [(); N].map(|()| {
        loop {
            let port = rng.u16(20_000..32_000);
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                return listener;
            }
        }
    });
    held.map(|listener| listener.local_addr().unwrap())
}
