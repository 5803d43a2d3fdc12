//! The command line: what each subcommand is told and does.

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
}

impl Cli {
    /// Does it, and gives the exit code.
    #[must_use]
    pub fn run(self) -> std::process::ExitCode {
        match self.command {
            Some(Command::Serve(options)) => serve::run(options),
            None => serve::run(self.serve),
        }
    }
}
