//! Opens the file, if it was built from the log that is there now; else it begins a new one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::schema::{self, Built};
use super::{ReadError, StoreError};
use crate::domain::Sequence;
use crate::server::store::{End, Log};

/// A leader that has just been elected may not have applied everything yet: a log that is shorter
/// than the model is looked at this often, with this long in between, before that is believed.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// A file that belongs to the log, with all that is to be applied before questions are answered.
pub(super) struct Opened {
    pub connection: Connection,
    /// How far the file is.
    pub applied: Sequence,
    /// LOG's end before it was opened.
    pub end: End,
    /// It was begun just now.
    pub is_new: bool,
}

/// Does the file belong to the log?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was built from it.
    Same,
    /// It was built from what is no longer there.
    Another,
    /// Nobody can say: the entry that would tell was erased.
    Unknown,
}

/// Opens the file. One that is damaged, of another version, half built, or of another log is thrown
/// away, as is every one with `discard`; of another log, everybody is told by a new epoch. Where LOG has
/// lost entries the file is set aside instead: it may be the only one that has them.
pub(super) async fn open(path: &Path, log: &Log, discard: bool) -> Result<Opened, ReadError> {
    let end = log.end().await?;
    let mut has_lost = end.missing > 0;
    let found = blocking(path, |path| schema::open(&path)).await?;
    if let Some((connection, built)) = found {
        let verdict = judge(log, &built, &end).await?;
        if verdict == Verdict::Same && !discard {
            return Ok(Opened {
                connection,
                applied: built.applied,
                end,
                is_new: false,
            });
        }
        match verdict {
            Verdict::Another => {
                has_lost |= end.sequence < built.applied;
                tracing::warn!(
                    had_read = built.applied.0,
                    "LOG is another one, or was put back from a backup: building the read model anew"
                );
                begin_epoch(log, &built).await?;
            }
            Verdict::Unknown => {
                tracing::warn!("the read model’s last entry was erased: building it anew");
            }
            Verdict::Same => tracing::warn!("the read model is damaged: building it anew"),
        }
    }
    if has_lost {
        blocking(path, |path| schema::set_aside(&path)).await?;
    }
    let connection = blocking(path, move |path| schema::create(&path, end.created_ns)).await?;
    Ok(Opened {
        connection,
        applied: Sequence(0),
        end,
        is_new: true,
    })
}

async fn judge(log: &Log, built: &Built, end: &End) -> Result<Verdict, ReadError> {
    if built.created_ns != end.created_ns {
        return Ok(Verdict::Another);
    }
    if end.sequence < built.applied {
        for _ in 1..LOOKS {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            if log.end().await?.sequence >= built.applied {
                return Err(ReadError::Behind { percent: None });
            }
        }
        return Ok(Verdict::Another);
    }
    match built.mark {
        None if built.applied == Sequence(0) => Ok(Verdict::Same),
        None => Ok(Verdict::Unknown),
        Some((place, mark)) => Ok(match log.fingerprint_at(place).await? {
            Some(there) if there == mark => Verdict::Same,
            Some(_) => Verdict::Another,
            None => Verdict::Unknown,
        }),
    }
}

/// Several natter servers notice; the first one reports it.
async fn begin_epoch(log: &Log, built: &Built) -> Result<(), StoreError> {
    let (place, epoch) = log.epoch().await?;
    if epoch > built.epoch {
        return Ok(());
    }
    log.begin_epoch(place, built.applied).await
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(PathBuf) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || work(path))
        .await
        .map_err(|_| ReadError::Stopping)?
}
