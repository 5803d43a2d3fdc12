//! The command line: parse, dispatch.

use clap::Parser as _;
use natter::cli::Cli;

fn main() -> std::process::ExitCode {
    Cli::parse().run()
}
