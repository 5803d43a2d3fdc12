//! Natter and its broker as processes that are killed, paused and begun again, on the same ports and
//! the same folders: one natter with a broker of its own, or several at a cluster.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::TryStreamExt as _;
use natter::server::broker::{BrokerKeys, ServiceUser};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::nats_server;

/// Long enough for a natter to begin, on a machine that has other things to do.
const BEGUN_WITHIN: Duration = Duration::from_secs(60);

/// So many servers are a cluster.
const NODES: usize = 3;

/// This many natter servers are behind it.
const NATTERS: usize = 2;

/// All the processes.
pub struct World {
    folder: TempDir,
    natters: Vec<Process>,
    /// The servers of the cluster; none: natter has a broker of its own.
    nodes: Vec<Process>,
    /// Where NATS clients connect.
    nats: Vec<SocketAddr>,
}

/// One program, from process to process.
struct Process {
    addr: SocketAddr,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl World {
    /// One natter with its own broker.
    pub async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [addr, nats, ws] = free_addresses();
        let data = folder.path().join("data").display().to_string();
        let (nats_port, ws_port) = (nats.port().to_string(), ws.port().to_string());
        let mut arguments = vec!["--data", &data, "--nats-port", &nats_port];
        arguments.extend(["--nats-ws-port", &ws_port]);
        let server = nats_server().map(|path| path.display().to_string());
        if let Some(server) = &server {
            arguments.extend(["--nats-server", server]);
        }
        let natter = Process::natter(folder.path(), addr, &arguments);
        let mut world = Self {
            natters: vec![natter],
            nodes: Vec::new(),
            nats: vec![nats],
            folder,
        };
        world.start_natter(0);
        world.healthy().await;
        world
    }

    /// Several natter servers at a cluster of three.
    pub async fn begin_cluster() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addresses: [SocketAddr; 3 * NODES + NATTERS] = free_addresses();
        let (nats, rest) = addresses.split_at(NODES);
        let (websockets, rest) = rest.split_at(NODES);
        let (routes, at) = rest.split_at(NODES);
        let list = |all: &[SocketAddr], scheme: &str| {
            let all = all.iter().map(|addr| format!("{scheme}{addr}"));
            all.collect::<Vec<_>>().join(",")
        };
        let keys = folder.path().join("keys").display().to_string();
        let mut nodes = Vec::new();
        for node in 0..NODES {
            let name = format!("n{node}");
            let store = folder.path().join(&name).display().to_string();
            let output = Command::new(env!("CARGO_BIN_EXE_natter"))
                .args(["nats-config", "--keys", &keys, "--name", &name])
                .args(["--listen", &nats[node].to_string()])
                .args(["--ws", &websockets[node].to_string()])
                .args(["--cluster", &routes[node].to_string()])
                .args(["--routes", &list(routes, ""), "--store", &store])
                .args(["--origin", &format!("http://{}", at[0])])
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            let config = folder.path().join(format!("{name}.conf"));
            std::fs::write(&config, output.stdout).unwrap();
            nodes.push(Process {
                addr: nats[node],
                program: nats_server().unwrap_or_else(|| "nats-server".into()),
                arguments: vec!["-c".into(), config.display().to_string()],
                log: folder.path().join(format!("{name}.log")),
                child: None,
            });
        }
        let mut natters = Vec::new();
        for (number, addr) in at.iter().enumerate() {
            let data = folder.path().join(format!("data-{number}"));
            let (data, servers) = (data.display().to_string(), list(nats, "nats://"));
            let websockets = list(websockets, "");
            let mut arguments = vec!["--data", &data, "--nats", &servers];
            arguments.extend(["--nats-ws", &websockets, "--keys", &keys]);
            natters.push(Process::natter(folder.path(), *addr, &arguments));
        }
        let mut world = Self {
            natters,
            nodes,
            nats: nats.to_vec(),
            folder,
        };
        for process in world.nodes.iter_mut().chain(&mut world.natters) {
            process.start();
        }
        world.healthy().await;
        world
    }

    /// Where each natter is.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.natters.iter().map(|natter| natter.addr).collect()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.natters[0].addr)
    }

    /// The servers of the cluster, or the one that there is.
    pub fn brokers(&self) -> usize {
        self.nats.len()
    }

    pub fn start_natter(&mut self, number: usize) {
        self.natters[number].start();
    }

    /// Its own broker goes with it.
    pub fn kill_natter(&mut self, number: usize) {
        self.natters[number].kill();
    }

    pub fn signal_natter(&self, number: usize, signal: Signal) {
        self.natters[number].signal(signal);
    }

    /// Kills a server; natter starts its own one again by itself.
    pub fn kill_broker(&mut self, number: usize) {
        match self.nodes.get_mut(number) {
            Some(node) => node.kill(),
            None => self.signal_broker(number, Signal::KILL),
        }
    }

    /// Stops a server of the cluster in order, as for a new version.
    pub async fn stop_broker(&mut self, number: usize) {
        let mut child = self.nodes[number].child.take().expect("it runs");
        send(child.id(), Signal::TERM);
        while child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn start_broker(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(number) {
            node.start();
        }
    }

    /// Sends a signal to a server’s process, where there is one now.
    pub fn signal_broker(&self, number: usize, signal: Signal) {
        if let Some(node) = self.nodes.get(number) {
            return node.signal(signal);
        }
        let natter = self.natters[0].child.as_ref();
        if let Some(pid) = natter.and_then(|child| child_of(child.id())) {
            send(pid, signal);
        }
    }

    /// Waits until people can be served, by each natter.
    pub async fn healthy(&self) {
        for natter in &self.natters {
            natter.healthy().await;
        }
    }

    /// Kills every broker: natter’s own goes with natter; those at a cluster stay without.
    pub fn kill_store(&mut self) {
        match self.nodes.as_mut_slice() {
            [] => self.kill_natter(0),
            nodes => nodes.iter_mut().for_each(Process::kill),
        }
    }

    pub fn start_store(&mut self) {
        match self.nodes.as_mut_slice() {
            [] => self.start_natter(0),
            nodes => nodes.iter_mut().for_each(Process::start),
        }
    }

    /// Keeps a copy of all that the brokers have, while none is running.
    pub fn back_up(&self) {
        for (store, backup) in self.stores() {
            if backup.exists() {
                std::fs::remove_dir_all(&backup).unwrap();
            }
            copy_folder(&store, &backup);
        }
    }

    /// Puts the copy back in place of what there is now.
    pub fn put_back(&self) {
        for (store, backup) in self.stores() {
            std::fs::remove_dir_all(&store).unwrap();
            copy_folder(&backup, &store);
        }
    }

    /// Where each broker keeps what it has, and where its copy is.
    fn stores(&self) -> Vec<(PathBuf, PathBuf)> {
        let folder = self.folder.path();
        if self.nodes.is_empty() {
            return vec![(folder.join("data/nats/jetstream"), folder.join("backup"))];
        }
        let names = (0..self.nodes.len()).map(|node| format!("n{node}"));
        names
            .map(|name| (folder.join(&name), folder.join(format!("backup-{name}"))))
            .collect()
    }

    /// Waits until every server of the cluster has all of every stream, and the first one leads all.
    pub async fn whole(&self) {
        let js = jetstream::new(self.broker().await);
        let is_whole = async || {
            let streams: Vec<_> = js.streams().try_collect().await.ok()?;
            let all = streams.iter().all(|stream| {
                let Some(cluster) = &stream.cluster else {
                    return false;
                };
                let replicas = &cluster.replicas;
                cluster.leader.as_deref() == Some("n0")
                    && replicas.len() == NODES - 1
                    && replicas.iter().all(|one| one.current && !one.offline)
            });
            (all && !streams.is_empty()).then_some(())
        };
        let end = Instant::now() + BEGUN_WITHIN;
        while is_whole().await.is_none() {
            assert!(Instant::now() < end, "the cluster is not whole again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Changes how the broker keeps LOG, as soon as it can.
    pub async fn change_log(&self, change: impl Fn(&mut jetstream::stream::Config)) {
        let js = jetstream::new(self.broker().await);
        let changed = async || {
            let mut log = js.get_stream("LOG").await.ok()?;
            let mut config = log.info().await.ok()?.config.clone();
            change(&mut config);
            js.update_stream(config).await.ok()
        };
        let end = Instant::now() + BEGUN_WITHIN;
        while changed().await.is_none() {
            assert!(Instant::now() < end, "LOG cannot be changed");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Natter’s own way into CHAT, past every proxy.
    pub async fn broker(&self) -> async_nats::Client {
        let embedded = self.folder.path().join("data/keys");
        let keys = match embedded.exists() {
            true => embedded,
            false => self.folder.path().join("keys"),
        };
        let keys = BrokerKeys::load(&keys).unwrap();
        let user = keys.user(ServiceUser::Chat).unwrap();
        let servers: Vec<_> = self.nats.iter().map(|at| format!("nats://{at}")).collect();
        let end = Instant::now() + BEGUN_WITHIN;
        loop {
            let options = user.connect_options().unwrap();
            match options.connect(servers.as_slice()).await {
                Ok(client) => return client,
                // One that has just been killed is back soon.
                Err(error) => assert!(Instant::now() < end, "no broker: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Which server leads the log, where that is known now.
    pub async fn leader(&self) -> Option<usize> {
        let asked = async {
            let js = jetstream::new(self.broker().await);
            let mut log = js.get_stream("LOG").await.ok()?;
            let name = log.info().await.ok()?.cluster.as_ref()?.leader.clone()?;
            name.strip_prefix('n')?.parse().ok()
        };
        tokio::time::timeout(Duration::from_secs(2), asked)
            .await
            .ok()?
    }

    /// Copies what everybody had to say to where it outlives the run, and says where.
    pub fn keep_logs(&self) -> PathBuf {
        let kept = std::env::temp_dir().join("natter-campaign");
        let _ = std::fs::create_dir_all(&kept);
        for process in self.natters.iter().chain(&self.nodes) {
            if let Some(name) = process.log.file_name() {
                let _ = std::fs::copy(&process.log, kept.join(name));
            }
        }
        kept
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.signal_broker(0, Signal::CONT);
        for process in self.natters.iter_mut().chain(&mut self.nodes) {
            process.kill();
        }
    }
}

impl Process {
    fn natter(folder: &Path, addr: SocketAddr, arguments: &[&str]) -> Self {
        let mut all = vec!["serve".to_owned(), "--addr".into(), addr.to_string()];
        all.extend(["--signup".into(), "open".into()]);
        all.extend(arguments.iter().map(ToString::to_string));
        Self {
            addr,
            program: env!("CARGO_BIN_EXE_natter").into(),
            arguments: all,
            log: folder.join(format!("natter-{}.log", addr.port())),
            child: None,
        }
    }

    fn start(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.unwrap();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env("NATTER_LOG", "info")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that was paused takes this too.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            send(child.id(), signal);
        }
    }

    async fn healthy(&self) {
        let url = format!("http://{}/health", self.addr);
        let end = Instant::now() + BEGUN_WITHIN;
        let is_healthy = async || {
            let answer = reqwest::get(&url).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        while !is_healthy().await {
            if Instant::now() > end {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let lines: Vec<_> = log.lines().rev().take(20).collect();
                panic!("natter is not healthy. Its log, the last line first: {lines:#?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
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
