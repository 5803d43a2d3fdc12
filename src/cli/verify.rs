//! `natter verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::terminal::{complain, line};
use crate::server::creds::CredsError;
use crate::server::verify::{Verified, verify};

/// Read all of LOG, and say what is missing.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Read all of LOG from nats-server, and say which entries are missing or cannot be read.\n\n\
        The command speaks to the natter that runs with the data folder. It changes nothing, and people can \
        go on meanwhile.",
    after_long_help = "Exit codes: 0 everything is there, 1 it is not, or could not be read, 2 wrong usage."
)]
pub(super) struct VerifyOptions {
    /// The data folder of a running natter.
    #[arg(
        long,
        env = "NATTER_DATA",
        default_value = "./data",
        value_name = "DIR"
    )]
    data: PathBuf,
}

/// Why it could not be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum VerifyError {
    /// The server or its broker.
    #[error(transparent)]
    Server(#[from] CredsError),
    /// Nobody reads the answer.
    #[error("the output cannot be written: {0}")]
    Print(#[from] std::io::Error),
    /// Something is missing.
    #[error(
        "LOG is not whole. Copy the data folder before anything else: what Natter has read before is still in \
         its read-model.sqlite. Then put the folder nats/ back from a backup"
    )]
    NotWhole,
}

/// Does it.
pub(super) async fn run(options: VerifyOptions) -> Result<(), VerifyError> {
    let verified = verify(&options.data).await?;
    let Verified {
        read,
        end,
        missing,
        unreadable,
    } = &verified;
    line(format_args!(
        "{read} entries of LOG were read, up to {}.",
        end.0
    ))?;
    if missing.count > 0 {
        line(format_args!("{missing}."))?;
    }
    if unreadable.count > 0 {
        line(format_args!("Not readable: {unreadable}."))?;
    }
    match verified.is_whole() {
        true => Ok(()),
        false => Err(VerifyError::NotWhole),
    }
}

/// Says why it failed.
pub(super) fn failed(error: &VerifyError) -> ExitCode {
    complain(format_args!("natter: {error}"));
    ExitCode::FAILURE
}
