//! Whoever reads natter's stdout and stderr has stopped, or is gone: people notice nothing.

use std::fs::File;
use std::io::{PipeWriter, Write as _};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;
use tokio::process::Child;
use tokio::time::timeout;

use crate::killed::{free_ports, nats_pid, send, serve_with};
use crate::support::SOON;

#[tokio::test]
async fn natter_goes_on_when_nobody_reads_its_output_any_more() {
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    goes_on_with(gone(), gone()).await;
}

#[tokio::test]
async fn natter_goes_on_when_the_pipes_of_its_output_are_full() {
    let (_stdout, to_stdout) = std::io::pipe().unwrap();
    let (_stderr, to_stderr) = std::io::pipe().unwrap();
    for pipe in [&to_stdout, &to_stderr] {
        fill(pipe);
    }
    goes_on_with(to_stdout, to_stderr).await;
}

/// Starts natter, kills its broker, about which much is logged, and ends it.
async fn goes_on_with(stdout: PipeWriter, stderr: PipeWriter) {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut natter = serve_with(folder.path(), ports, |command| {
        command.env("NATTER_LOG", "debug");
        command.stdout(stdout).stderr(stderr);
    })
    .await;
    let first = nats_pid(folder.path());
    send(first, Signal::KILL);
    let began = Instant::now();
    while nats_pid(folder.path()) == first || !is_well(ports[0]).await {
        assert!(began.elapsed() < 3 * SOON, "the broker comes back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ends_by(&mut natter, Signal::TERM).await.success());
}

async fn is_well(port: u16) -> bool {
    let health = reqwest::get(format!("http://127.0.0.1:{port}/health")).await;
    health.is_ok_and(|health| health.status() == StatusCode::OK)
}

/// Sends a signal to natter, and waits for its end.
async fn ends_by(natter: &mut Child, signal: Signal) -> std::process::ExitStatus {
    send(natter.id().unwrap(), signal);
    timeout(3 * SOON, natter.wait())
        .await
        .expect("it ends")
        .unwrap()
}

/// Writes until nothing more has room.
fn fill(pipe: &PipeWriter) {
    fcntl_setfl(pipe, OFlags::NONBLOCK).unwrap();
    let mut file = File::from(std::os::fd::OwnedFd::from(pipe.try_clone().unwrap()));
    for size in [4_096, 1] {
        while file.write_all(&vec![b'.'; size]).is_ok() {}
    }
    // The pipe has one such flag for all who write to it.
    fcntl_setfl(pipe, OFlags::empty()).unwrap();
}

#[tokio::test]
async fn when_the_terminal_is_closed_natter_stops_in_order_unless_it_was_told_to_ignore_that() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut natter = serve_with(folder.path(), ports, |_| {}).await;
    assert!(ends_by(&mut natter, Signal::HUP).await.success());
    assert!(!folder.path().join("running.json").exists());

    // As `nohup` does it.
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut natter = serve_with(folder.path(), ports, |command| {
        let program = command.as_std().get_program().to_owned();
        let arguments: Vec<_> = command.as_std().get_args().map(ToOwned::to_owned).collect();
        let site = folder.path().join("site");
        *command = tokio::process::Command::new("sh");
        command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
        command.arg(program).args(arguments);
        command.env("LEPTOS_SITE_ROOT", site).kill_on_drop(true);
    })
    .await;
    send(natter.id().unwrap(), Signal::HUP);
    assert!(
        timeout(Duration::from_secs(1), natter.wait())
            .await
            .is_err()
    );
    assert!(is_well(ports[0]).await);
    assert!(ends_by(&mut natter, Signal::TERM).await.success());
}
