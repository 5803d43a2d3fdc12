//! The command line: parse, dispatch.

use natter::cli::Cli;

fn main() -> std::process::ExitCode {
    Cli::told().run()
}
