//! `natter serve`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::Mode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::stop::told_to_stop;
use crate::server::broker::BROKER_LOG;
use crate::server::config::ServeOptions;
use crate::server::log_limit::LogLimit;
use crate::server::{Server, StartError};

/// What is logged unless NATTER_LOG says otherwise.
const LOG: &str = "info,async_nats=warn,hyper=warn";

/// Makes files that natter and its child processes write readable by their owner alone, whatever the
/// rights of the folder that they are in.
const UMASK: rustix::fs::RawMode = 0o077;

pub(super) fn run(options: ServeOptions) -> ExitCode {
    // While this is the only thread: the umask is the process's.
    rustix::process::umask(Mode::from_raw_mode(UMASK));
    let filter = EnvFilter::try_from_env("NATTER_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    let limit = LogLimit::all_but(BROKER_LOG);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(limit.clone())
        .with(lines)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    runtime.spawn(limit.tell());
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("natter: {reason}");
    ExitCode::FAILURE
}

async fn serve(options: ServeOptions) -> Result<(), StartError> {
    let told = told_to_stop().map_err(|_| StartError::Interrupted)?;
    tokio::pin!(told);
    let server = tokio::select! {
        server = Server::start(options) => server?,
        () = &mut told => return Ok(()),
    };
    if !server.is_ready_within(Duration::from_secs(15)).await {
        tracing::warn!("the page is up, but the broker does not let sessions in yet");
    }
    println!("Natter is ready: {}", server.url());
    if server.is_first_run() {
        println!("Make the first account there: it is the administrator’s.");
    }
    if let Some(token) = server.setup_token() {
        println!("The first account asks for this set-up token: {token}");
    }
    told.await;
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}
