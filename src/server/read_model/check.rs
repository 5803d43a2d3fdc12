//! Reads the whole file once, a while after the start: damage in a page that nobody asks for would
//! otherwise wait for the day on which somebody does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::doubt::{Doubt, Doubts, is_broken};
use super::readers::Readers;
use super::{ReadError, schema};

/// People who wait for a page come first.
const LATER: Duration = Duration::from_secs(5);

pub(super) fn start(
    path: PathBuf,
    readers: &Arc<Readers>,
    doubts: Doubts,
    stop: CancellationToken,
) {
    let readers = Arc::clone(readers);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LATER) => {}
        }
        let file = readers.file();
        let Ok(connection) = schema::open_reader(&path) else {
            return;
        };
        // A thread that is inside SQLite would keep natter from ending.
        let interrupt = connection.get_interrupt_handle();
        let mut checking = tokio::task::spawn_blocking(move || check(&connection));
        let checked = tokio::select! {
            () = stop.cancelled() => {
                interrupt.interrupt();
                return;
            }
            checked = &mut checking => checked,
        };
        match checked {
            Ok(Ok(None)) => tracing::debug!("the read model’s file is sound"),
            Ok(Ok(Some(damage))) => {
                tracing::warn!(damage, "the read model’s file is damaged");
                doubts.raise(Doubt::Broken(file));
            }
            Ok(Err(error)) if is_broken(&error) => doubts.raise(Doubt::Broken(file)),
            Ok(Err(error)) => tracing::warn!(%error, "the read model’s file was not checked"),
            Err(_) => {}
        }
    });
}

/// What is wrong with the file, if anything is.
fn check(connection: &Connection) -> Result<Option<String>, ReadError> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}
