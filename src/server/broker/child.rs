//! How the nats-server child is started and stopped.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::lock::StoreLock;

/// How long it may take to write its store out before it is killed.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// Starts nats-server on a configuration, such that it dies with natter.
///
/// PDEATHSIG, by which Linux ends a child with its parent, can only be asked for between fork
/// and exec, which Rust has no safe way into; `setpriv` of util-linux asks for it and becomes
/// nats-server. Where there is no such `setpriv` a killed natter leaves its broker running: the
/// next start finds it by its pid file and stops it first.
///
/// PDEATHSIG fires when the *thread* that started the child ends, not the process: start it
/// from a thread that lives as long as the child should.
#[derive(Debug)]
pub(super) struct Launcher {
    program: PathBuf,
    config: PathBuf,
    dies_with_parent: bool,
}

impl Launcher {
    pub async fn new(program: PathBuf, config: PathBuf) -> Self {
        let dies_with_parent = can_set_death_signal().await;
        if !dies_with_parent {
            tracing::warn!(
                "no `setpriv --pdeathsig` here: if natter is killed, its nats-server runs on \
                 until the next start"
            );
        }
        Self {
            program,
            config,
            dies_with_parent,
        }
    }

    /// In a process group of its own: Ctrl-C in a terminal goes to the whole group of natter,
    /// which has to write its last things before its broker goes.
    ///
    /// It holds `lock` for as long as it runs.
    pub fn start(&self, lock: &StoreLock) -> io::Result<Child> {
        let mut command = if self.dies_with_parent {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--pdeathsig", "TERM"]).arg(&self.program);
            setpriv
        } else {
            Command::new(&self.program)
        };
        command
            .arg("-c")
            .arg(&self.config)
            .stdin(lock.share()?)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// SIGTERM, on which nats-server writes its store out; SIGKILL when it takes too long. Returns
/// when the process is gone.
pub(super) async fn stop(child: &mut Child) {
    // No id: it has ended, and was waited for.
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _ = kill_process(pid, Signal::TERM);
        if tokio::time::timeout(SHUTDOWN_DEADLINE, child.wait())
            .await
            .is_err()
        {
            tracing::warn!("nats-server did not stop in {SHUTDOWN_DEADLINE:?}: killing it");
            let _ = child.kill().await;
        }
    }
}

/// The setpriv of busybox, for one, does not know the flag, so it is tried.
async fn can_set_death_signal() -> bool {
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .is_ok_and(|status| status.success())
}
