//! The command line: what each subcommand is told and does.

mod creds;
mod serve;

use clap::{Parser, Subcommand};

use crate::server::config::ServeOptions;

/// Self-hosted team chat for people who run NATS.
#[derive(Debug, Parser)]
#[command(
    name = "natter",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeOptions,
}

/// What natter can do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve Natter: the page, the commands, and (unless --nats names one) the broker. The default.
    Serve(ServeOptions),
    Creds(creds::CredsOptions),
}

impl Cli {
    /// Does it, and gives the exit code.
    #[must_use]
    pub fn run(self) -> std::process::ExitCode {
        match self.command {
            Some(Command::Serve(options)) => serve::run(options),
            Some(Command::Creds(options)) => blocking(creds::run(options)),
            None => serve::run(self.serve),
        }
    }
}

/// Runs a command that ends by itself.
fn blocking<E: std::fmt::Display>(
    command: impl Future<Output = Result<(), E>>,
) -> std::process::ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    match runtime.block_on(command) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(reason: &str) -> std::process::ExitCode {
    eprintln!("natter: {reason}");
    std::process::ExitCode::FAILURE
}
