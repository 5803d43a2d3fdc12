//! A nats-server that outlived its natter.
//!
//! It dies with its parent where the system can be told so (see `child`). Where not, it goes on
//! holding the store, and a second server beside it would lose messages.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::config::BrokerPaths;
use super::error::BrokerError;

/// How long it may take to write its store out before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the system may take to end a process that was killed.
const AFTER_KILL: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Stops the nats-server that the pid file names, if it still runs and is really ours: a process
/// id is soon another's, and nobody else's process is to be stopped. Blocks until it is gone.
pub(super) fn stop(paths: &BrokerPaths) -> Result<(), BrokerError> {
    let Some(pid) = pid_in(&paths.pid_file) else {
        return Ok(());
    };
    for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, AFTER_KILL)] {
        if !is_ours(pid, &paths.config) {
            return Ok(());
        }
        tracing::warn!(
            pid = pid.as_raw_nonzero().get(),
            ?signal,
            "stopping a nats-server left behind"
        );
        // An error is "it has just gone", which the wait sees.
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && is_ours(pid, &paths.config) {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    if is_ours(pid, &paths.config) {
        return Err(BrokerError::OrphanStays {
            pid: pid.as_raw_nonzero().get().unsigned_abs(),
        });
    }
    Ok(())
}

fn pid_in(file: &Path) -> Option<Pid> {
    let text = fs::read_to_string(file).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

/// Whether the process was started by natter, on this configuration.
fn is_ours(pid: Pid, config: &Path) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    if Path::new("/proc/self/cmdline").exists() {
        let file = Path::new("/proc").join(pid).join("cmdline");
        // Empty for a process that has ended and that nobody waited for: it does nothing more.
        fs::read(file).is_ok_and(|command_line| runs_config(&command_line, config))
    } else {
        // macOS has no /proc; nor has it setpriv, so that a killed natter leaves an orphan there.
        shown_by_ps(&pid).is_some_and(|command_line| shows_config(&command_line, config))
    }
}

/// Whether `/proc/<pid>/cmdline` (arguments that each end with NUL) is `… -c <config>`, to the
/// letter. The program's own name does not count: `--nats-server` may name any.
fn runs_config(command_line: &[u8], config: &Path) -> bool {
    let arguments: Vec<_> = command_line.split(|byte| *byte == 0).collect();
    matches!(arguments[..], [_, b"-c", path, b""] if path == config.as_os_str().as_bytes())
}

/// The command line as `ps` has it: the arguments with spaces between them.
fn shown_by_ps(pid: &str) -> Option<Vec<u8>> {
    let shown = Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", pid])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    Some(shown.stdout)
}

fn shows_config(command_line: &[u8], config: &Path) -> bool {
    let command_line = command_line.trim_ascii_end();
    command_line
        .strip_suffix(config.as_os_str().as_bytes())
        .is_some_and(|rest| rest.ends_with(b" -c "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "/data/nats/nats.conf";

    #[test]
    fn only_what_runs_on_our_config_is_ours() {
        let config = Path::new(CONFIG);
        let ours = format!("/usr/bin/nats-server\0-c\0{CONFIG}\0");
        assert!(runs_config(ours.as_bytes(), config));
        for other in [
            "/usr/bin/nats-server\0-c\0/other/nats.conf\0".to_owned(),
            format!("/usr/bin/vi\0{CONFIG}\0"),
            String::new(),
        ] {
            assert!(!runs_config(other.as_bytes(), config), "{other:?}");
        }
    }

    #[test]
    fn ps_tells_it_too() {
        let config = Path::new(CONFIG);
        let ours = format!("/usr/bin/nats-server -c {CONFIG}\n");
        assert!(shows_config(ours.as_bytes(), config));
        for other in ["/usr/bin/nats-server -c /other/nats.conf", CONFIG, ""] {
            assert!(!shows_config(other.as_bytes(), config), "{other:?}");
        }
        let mut like_ours = Command::new("sh")
            .args(["-c", "read -r _; exit", "-c", CONFIG])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = shown_by_ps(&like_ours.id().to_string());
        like_ours.kill().unwrap();
        like_ours.wait().unwrap();
        // A slim container has no ps, and needs none.
        if let Some(shown) = shown {
            assert!(shows_config(&shown, config));
        }
    }

    #[test]
    fn a_process_that_took_over_the_id_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let paths = BrokerPaths::under(folder.path());
        fs::create_dir_all(&paths.folder).unwrap();
        // This test's own process: it would not live to see the assertion.
        fs::write(&paths.pid_file, std::process::id().to_string()).unwrap();
        stop(&paths).unwrap();
    }
}
