//! `natter serve`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::Mode;

use super::log::{self, Log};
use super::stop::told_to_stop;
use crate::server::config::ServeOptions;
use crate::server::{Server, StartError};

/// Makes files that natter and its child processes write readable by their owner alone, whatever the
/// rights of the folder that they are in.
const UMASK: rustix::fs::RawMode = 0o077;

/// Why natter ends with an error.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It cannot go on.
    #[error(
        "the data folder {} was deleted or moved, so natter has stopped. Put it back, or name the place \
         where it is now with --data",
        .0.display()
    )]
    DataFolderGone(PathBuf),
}

pub(super) fn run(options: ServeOptions) -> ExitCode {
    // While this is the only thread: the umask is the process's.
    rustix::process::umask(Mode::from_raw_mode(UMASK));
    let log = Log::begin();
    let served = serve_on_a_runtime(options, &log);
    if let Err(reason) = &served {
        log.line(&format!("natter: {reason}"));
    }
    log.end();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve_on_a_runtime(options: ServeOptions, log: &Log) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.spawn(log.tell());
    let served = runtime.block_on(serve(options));
    served.map_err(|error| error.to_string())
}

async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    let told = told_to_stop().map_err(|_| StartError::Interrupted)?;
    tokio::pin!(told);
    let server = tokio::select! {
        server = Server::start(options) => server?,
        () = &mut told => return Ok(()),
    };
    if !server.is_ready_within(Duration::from_secs(15)).await {
        tracing::warn!("the page is up, but the broker does not let sessions in yet");
    }
    let mut text = vec![format!("Natter is ready: {}", server.url())];
    if server.is_first_run() {
        text.push("Make the first account there: it is the administrator’s.".into());
    }
    if let Some(token) = server.setup_token() {
        text.push(format!(
            "The first account asks for this set-up token: {token}"
        ));
    }
    log::announce(text);
    let stopped = tokio::select! {
        () = told => Ok(()),
        folder = server.data_folder_gone() => Err(ServeError::DataFolderGone(folder)),
    };
    tracing::info!("stopping");
    server.stop().await;
    stopped
}
