//! Keeps one nats-server running: a thread of its own starts it, waits for it, starts it again.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::child::{self, Launcher};
use super::child_log;
use super::config::{Ports, ServerConfig};
use super::lock::{DataFolderLock, StoreLock};
use super::readiness::{self, Listening};
use crate::server::space::Space;

/// How long a start may take: a store of many gigabytes is read through first.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// The wait before the first restart; it doubles from one to the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// A child that ran for this long was well: its end is the first failure again.
const STEADY: Duration = Duration::from_secs(60);

/// How often the room on the disk is looked at. What others write in between fits into the reserve.
const LOOK_AT_DISK: Duration = Duration::from_millis(500);

/// How the embedded broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// On its way, for the first time.
    Starting,
    /// Ready for connections.
    Running {
        /// The process id of nats-server.
        pid: u32,
    },
    /// It ended by itself; it is started again, after a wait.
    Restarting {
        /// How many starts have failed in a row, this one included.
        attempt: u32,
        /// Why it ended.
        reason: String,
    },
    /// Stopped for good.
    Stopped,
}

/// What keeps the broker running.
pub(super) struct Supervisor {
    pub program: PathBuf,
    pub config: ServerConfig,
    pub ports: Ports,
    pub state: watch::Sender<BrokerState>,
    pub stop: CancellationToken,
    /// Told whether there is room to write.
    pub space: Space,
    /// Given back only when no child can be left.
    pub lock: DataFolderLock,
    /// The child holds it too.
    pub store_lock: StoreLock,
}

/// Where the broker listens after its first start, or why there was none.
pub(super) type FirstStart = Result<Listening, String>;

impl Supervisor {
    /// Runs on a thread of its own, which lives as long as the broker may run: the system ends
    /// the child with the thread that started it. A runtime's worker threads come and go.
    pub fn spawn(self) -> io::Result<oneshot::Receiver<FirstStart>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (first, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("nats-supervisor".to_owned())
            .spawn(move || runtime.block_on(self.run(first)))?;
        Ok(started)
    }

    async fn run(mut self, first: oneshot::Sender<FirstStart>) {
        let launcher = Launcher::new(self.program.clone(), self.config.paths.config.clone()).await;
        let mut first = Some(first);
        let mut first_failure = None;
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            let Err(reason) = self.run_child(&launcher, &mut first).await else {
                break;
            };
            // What fails at once is told to whoever asked, not tried for ever.
            if first.is_some() {
                first_failure = Some(reason);
                break;
            }
            failures = if began.elapsed() >= STEADY {
                1
            } else {
                failures + 1
            };
            let wait = backoff(failures);
            tracing::error!(%reason, ?wait, "nats-server ended; starting it again");
            self.state.send_replace(BrokerState::Restarting {
                attempt: failures,
                reason,
            });
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        // First the folder, then the word: who hears of the end may start the next one.
        drop((self.store_lock, self.lock));
        self.state.send_replace(BrokerState::Stopped);
        if let (Some(first), Some(reason)) = (first, first_failure) {
            let _ = first.send(Err(reason));
        }
    }

    /// One life of the child: `Ok` when it was asked to stop, else why it ended.
    async fn run_child(
        &mut self,
        launcher: &Launcher,
        first: &mut Option<oneshot::Sender<FirstStart>>,
    ) -> Result<(), String> {
        self.write_files().map_err(|error| {
            let config = self.config.paths.config.display();
            format!("cannot write {config}: {error}")
        })?;
        let mut child = launcher.start(&self.store_lock).map_err(|error| {
            let program = self.program.display();
            format!("cannot run {program}: {error}")
        })?;
        let Some(pid) = child.id() else {
            return Err("it ended at once".to_owned());
        };
        let is_stuck = Arc::new(AtomicBool::new(false));
        let forward = |stderr| child_log::forward(stderr, Arc::clone(&is_stuck));
        let log = child.stderr.take().map(forward).map(tokio::spawn);
        let (space, folder) = (self.space.clone(), self.config.paths.folder.clone());
        let stop = self.stop.clone();
        let ended = tokio::select! {
            () = stop.cancelled() => None,
            status = child.wait() => Some(status),
            () = until_stuck_with_room(&space, &folder, &is_stuck) => {
                child::stop(&mut child).await;
                return Err("it could not write, and there is room again".to_owned());
            }
            () = self.serve(pid, first) => {
                child::stop(&mut child).await;
                return Err(format!("it was not ready after {READY_DEADLINE:?}"));
            }
        };
        let Some(status) = ended else {
            child::stop(&mut child).await;
            return Ok(());
        };
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let last_words = match log {
            Some(log) => log.await.ok().flatten(),
            None => None,
        };
        Err(last_words.map_or(status.clone(), |words| format!("{words} ({status})")))
    }

    /// Tells when the child is ready, then stays for as long as it runs. Ends only when the
    /// child is not ready in time.
    async fn serve(&mut self, pid: u32, first: &mut Option<oneshot::Sender<FirstStart>>) {
        let ready = readiness::wait(&self.config.paths.ports_folder, pid);
        let Ok(listening) = tokio::time::timeout(READY_DEADLINE, ready).await else {
            return;
        };
        // Clients reconnect to where it was: a port that was free once is fixed from then on.
        self.ports = listening.into();
        self.state.send_replace(BrokerState::Running { pid });
        if let Some(first) = first.take() {
            let _ = first.send(Ok(listening));
        }
        std::future::pending().await
    }

    /// The configuration, and an empty folder for the ports file. Blocks, on this thread of its
    /// own.
    fn write_files(&self) -> io::Result<()> {
        let paths = &self.config.paths;
        create_private_folder(&paths.folder)?;
        if let Err(error) = fs::remove_dir_all(&paths.ports_folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        create_private_folder(&paths.ports_folder)?;
        write_private(&paths.config, &self.config.render(self.ports))
    }
}

/// Looks whether there is room to write. Ends when there is, and the child nevertheless can write
/// nothing, since there was none before.
async fn until_stuck_with_room(space: &Space, folder: &Path, is_stuck: &AtomicBool) {
    loop {
        let is_stuck = is_stuck.load(Ordering::Acquire);
        if space.look(folder, is_stuck) && is_stuck {
            return;
        }
        tokio::time::sleep(LOOK_AT_DISK).await;
    }
}

fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF)
}

/// One that is there already, as after a backup was put back, is made private too.
fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_come_quickly_at_first_and_never_rarely() {
        assert_eq!(backoff(1), FIRST_BACKOFF);
        assert_eq!(backoff(2), FIRST_BACKOFF * 2);
        assert_eq!(backoff(u32::MAX), LONGEST_BACKOFF);
    }
}
