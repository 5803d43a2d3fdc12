//! `natter creds`.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::terminal::note;
use crate::domain::{Username, time_text};
use crate::server::creds::{Administered, CredsError, SECOND_LOOK};
use crate::server::store::{CredsFile, Holder};

/// Make, list and revoke credentials for terminals, bots and services.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Make, list and revoke credentials for terminals, bots and services.\n\n\
        A .creds file lets whoever holds it connect to NATS as a person, and do what that person \
        may do: every NATS client reads it. It holds until it is revoked. The command speaks to \
        the natter that runs with the data folder, and signs with its keys.",
    after_long_help = "Examples:\n  \
        natter creds ada --out ada.creds     a file with mode 0600\n  \
        natter creds ada > ada.creds         the same to standard output\n  \
        natter creds --service monitor       for `nats micro`: it asks how the services are\n  \
        natter creds --list\n  \
        natter creds --revoke ada            all of ada's; or one, by its nkey\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["username", "service", "list", "revoke"]))]
pub(super) struct CredsOptions {
    /// Whom the file speaks for: somebody with an account.
    username: Option<String>,

    /// For a program that asks natter how its services are (ADR-32), by a name of its own.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Show all that are good: nkey, holder, when it was made.
    #[arg(long)]
    list: bool,

    /// Make a file good for nothing, by its nkey, or all files of a name; cut what they opened.
    #[arg(long, value_name = "NKEY|NAME")]
    revoke: Option<String>,

    /// Write the file here, with mode 0600, instead of standard output (-). It must not exist.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "revoke"])]
    out: Option<PathBuf>,

    /// The data folder of the natter that runs.
    #[arg(
        long,
        env = "NATTER_DATA",
        default_value = "./data",
        value_name = "DIR"
    )]
    data: PathBuf,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredsCommandError {
    /// The server, its broker or its store.
    #[error(transparent)]
    Creds(#[from] CredsError),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] crate::domain::NameError),
    /// The file.
    #[error("{file:?} cannot be written ({source}). Nothing was made")]
    Out {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The terminal.
    #[error("the output cannot be written: {0}")]
    Print(#[from] std::io::Error),
}

/// Does what the options say.
pub(super) async fn run(options: CredsOptions) -> Result<(), CredsCommandError> {
    let mut terminal = std::io::stdout();
    let CredsOptions {
        username,
        service,
        revoke,
        out,
        data,
        ..
    } = options;
    let holder = match (username, service) {
        (Some(name), _) => Some(Holder::Person(Username::parse(&name)?)),
        (None, Some(name)) => Some(Holder::Service(Username::parse(&name)?)),
        (None, None) => None,
    };
    if let Some(holder) = holder {
        let out = out.filter(|file| file.as_os_str() != "-");
        return make(&data, holder, out).await;
    }
    let server = Administered::connect(&data).await?;
    let Some(name_or_nkey) = revoke else {
        for file in server.list().await? {
            writeln!(terminal, "{}", line(&file))?;
        }
        return Ok(());
    };
    let files = server.revoke(&name_or_nkey).await?;
    for file in &files {
        writeln!(terminal, "Revoked {}", line(file))?;
    }
    let cut = server.cut(&files).await?;
    writeln!(terminal, "Connections cut: {cut}. Looking once more…")?;
    tokio::time::sleep(SECOND_LOOK).await;
    let cut = server.cut(&files).await?;
    writeln!(terminal, "Connections cut: {cut}")?;
    Ok(())
}

async fn make(data: &Path, holder: Holder, out: Option<PathBuf>) -> Result<(), CredsCommandError> {
    // First the place for it: a file that nobody can read must not be good for anything.
    let refused = |file: &Path, source| CredsCommandError::Out {
        file: file.to_owned(),
        source,
    };
    let place = match &out {
        Some(file) => Some(create(file).map_err(|source| refused(file, source))?),
        None => None,
    };
    let made = async { Administered::connect(data).await?.make(holder).await };
    match (made.await, place, out) {
        (Ok(text), Some(mut place), Some(file)) => {
            place
                .write_all(text.as_bytes())
                .map_err(|source| refused(&file, source))?;
            note(format_args!(
                "Written to {}. Keep it secret.",
                file.display()
            ));
            Ok(())
        }
        (Ok(text), _, _) => Ok(std::io::stdout().write_all(text.as_bytes())?),
        (Err(error), _, file) => {
            if let Some(file) = file {
                let _ = std::fs::remove_file(file);
            }
            Err(error.into())
        }
    }
}

fn create(file: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(file)
}

fn line(file: &CredsFile) -> String {
    let kind = match file.holder {
        Holder::Person(_) => "person",
        Holder::Service(_) => "service",
    };
    let made = time_text::to_the_minute(file.made_at);
    format!("{}  {kind}  {}  {made}", file.nkey, file.holder.name())
}
