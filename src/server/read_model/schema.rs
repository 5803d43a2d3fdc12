//! The file's tables.

use std::ffi::OsString;
use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::ReadError;
use super::doubt::may_pass;
use crate::domain::Sequence;
use crate::server::store::{Epoch, Fingerprint};

/// Goes up with every change of the tables or of what is written to them: a file with another
/// number is built anew.
const VERSION: i64 = 11;

/// So many files are kept when LOG has lost entries.
const KEPT: u32 = 3;

/// Messages of closed rooms are in it.
const MODE: u32 = 0o600;

const TABLES: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_created TEXT NOT NULL,     -- which LOG this was built from
    applied INTEGER NOT NULL,      -- up to which of its entries
    mark_place INTEGER,            -- the last entry that was applied, and its fingerprint
    mark BLOB,
    epoch INTEGER NOT NULL,
    epoch_place INTEGER NOT NULL,  -- the entry that began it, 0 for the first
    complete INTEGER NOT NULL      -- 0 until it was built once
);
CREATE TABLE person (
    uid TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    role INTEGER NOT NULL,
    suspended INTEGER NOT NULL,
    about TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    picture TEXT NOT NULL,         -- empty for none
    since INTEGER NOT NULL,        -- the entry since which they are in the room of everybody
    place INTEGER NOT NULL,        -- the entry that says all of this
    generation INTEGER NOT NULL    -- sessions of an earlier one are over
) WITHOUT ROWID;
CREATE TABLE room (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT,                   -- the form in which it is looked up; NULL for a room without a name
    kind INTEGER NOT NULL,
    topic TEXT NOT NULL,
    archived INTEGER NOT NULL,
    pair TEXT UNIQUE,              -- the two of a direct room, as in its subject
    made_by TEXT NOT NULL,
    maker_removed INTEGER NOT NULL, -- 1 for good once somebody else has removed its maker from it
    members INTEGER NOT NULL DEFAULT 0 -- how many rows `member` has for it
) WITHOUT ROWID;
CREATE INDEX room_of_maker ON room (made_by);
CREATE INDEX room_folded ON room (folded);
CREATE TABLE room_key (            -- rooms that share a key have names that could be taken for each other
    key TEXT NOT NULL,
    room TEXT NOT NULL,
    PRIMARY KEY (key, room)
) WITHOUT ROWID;
CREATE INDEX key_of_room ON room_key (room);
CREATE TABLE person_key (          -- the same for display names
    key TEXT NOT NULL,
    uid TEXT NOT NULL,
    PRIMARY KEY (key, uid)
) WITHOUT ROWID;
CREATE INDEX key_of_person ON person_key (uid);
CREATE TABLE member (
    uid TEXT NOT NULL,
    room TEXT NOT NULL,
    muted INTEGER NOT NULL,
    since INTEGER,                 -- the entry that brought them in; NULL: they have only muted it
    place INTEGER NOT NULL,        -- the directory's last entry about it
    PRIMARY KEY (uid, room)
) WITHOUT ROWID;
CREATE INDEX member_of_room ON member (room);
CREATE TRIGGER member_came AFTER INSERT ON member BEGIN
    UPDATE room SET members = members + 1 WHERE id = new.room;
END;
CREATE TRIGGER member_went AFTER DELETE ON member BEGIN
    UPDATE room SET members = members - 1 WHERE id = old.room;
END;
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    event BLOB NOT NULL
);
CREATE TABLE cut (                 -- who may do less than before, and since when
    sequence INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    came INTEGER NOT NULL,         -- the entry that gave them what they lost, 0 for all they had
    at_ms INTEGER NOT NULL
);
CREATE TABLE consent (             -- whether somebody can be brought into a room that they are not in
    uid TEXT NOT NULL,
    room TEXT NOT NULL,
    partings INTEGER NOT NULL,     -- how often they left it or were removed
    place INTEGER NOT NULL,        -- the directory's last entry about it, while they are not in it
    invited_by TEXT,               -- who asks them to come in; NULL: nobody
    invited_ms INTEGER NOT NULL,
    declined_ms INTEGER NOT NULL,  -- when they last declined, 0 for never
    PRIMARY KEY (uid, room)
) WITHOUT ROWID;
CREATE INDEX invited_into_room ON consent (room) WHERE invited_by IS NOT NULL;
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    previous INTEGER NOT NULL,     -- the room's entry before it, 0 for the first
    uid TEXT NOT NULL,
    ulid TEXT NOT NULL,
    counts INTEGER NOT NULL,       -- 0 for a second entry of a key
    is_message INTEGER NOT NULL,   -- 0 for a note
    event BLOB NOT NULL
);
CREATE UNIQUE INDEX entry_of_key ON entry (uid, ulid) WHERE counts = 1;
CREATE INDEX entry_of_room ON entry (room, sequence);
CREATE INDEX message_of_room ON entry (room, sequence, uid) WHERE counts = 1 AND is_message = 1;
";

/// The tables in memory, with nothing in them.
#[cfg(test)]
pub(super) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(TABLES).unwrap();
    connection
}

/// From what a file was built.
#[derive(Debug)]
pub(super) struct Built {
    /// Which LOG that was.
    pub created_ns: i128,
    /// Everything up to here is in it.
    pub applied: Sequence,
    /// The last entry that was applied.
    pub mark: Option<(Sequence, Fingerprint)>,
    /// The epoch at `applied`.
    pub epoch: Epoch,
}

/// Opens the file for the one who writes it. `None` when there is none that can be gone on with:
/// it is of another version, was not built to the end, or is no database.
pub(super) fn open(path: &Path) -> Result<Option<(Connection, Built)>, ReadError> {
    if !path.exists() {
        return Ok(None);
    }
    match make_private(path) {
        // It belongs to somebody else. Whoever may remove it from the folder can build a new one.
        Err(ReadError::File(error)) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(%error, "the read model cannot be opened");
            return Ok(None);
        }
        made => made?,
    }
    let opened = Connection::open(path).and_then(|connection| {
        set_up(&connection, "NORMAL")?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            return Ok(None);
        }
        let built = built(&connection)?;
        Ok(built.map(|built| (connection, built)))
    });
    match opened {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) => {
            tracing::info!("the read model is of another version, or half built");
            Ok(None)
        }
        Err(error) if may_pass(&error) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the read model cannot be read");
            Ok(None)
        }
    }
}

fn built(connection: &Connection) -> rusqlite::Result<Option<Built>> {
    let unsigned = |number: i64| Sequence(number.unsigned_abs());
    connection.query_row(
        "SELECT log_created, applied, mark_place, mark, epoch, complete FROM meta",
        [],
        |row| {
            let created: String = row.get(0)?;
            let place: Option<i64> = row.get(2)?;
            let mark: Option<Vec<u8>> = row.get(3)?;
            let mark = mark.as_deref().and_then(Fingerprint::from_bytes);
            let (epoch, complete): (i64, bool) = (row.get(4)?, row.get(5)?);
            Ok(created
                .parse()
                .ok()
                .filter(|_| complete)
                .map(|created_ns| Built {
                    created_ns,
                    applied: unsigned(row.get(1).unwrap_or_default()),
                    mark: place.map(unsigned).zip(mark),
                    epoch: Epoch(epoch.unsigned_abs()),
                }))
        },
    )
}

/// Throws the file away and begins a new one, which is built without waiting for the disk: should
/// the power fail before [`complete`], it is thrown away in turn.
pub(super) fn create(path: &Path, log_created_ns: i128) -> Result<Connection, ReadError> {
    discard(path)?;
    make_private(path)?;
    let connection = Connection::open(path)?;
    set_up(&connection, "OFF")?;
    connection.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
    ))?;
    connection.execute(
        "INSERT INTO meta (one, log_created, applied, epoch, epoch_place, complete)
         VALUES (1, ?1, 0, 0, 0, 0)",
        params![log_created_ns.to_string()],
    )?;
    Ok(connection)
}

/// The file is built: from here on it outlasts a power cut.
pub(super) fn complete(connection: &Connection, path: &Path) -> Result<(), ReadError> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    std::fs::File::open(path)?.sync_all()?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute("UPDATE meta SET complete = 1", [])?;
    Ok(())
}

fn set_up(connection: &Connection, synchronous: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is lost with the power is read from LOG again.
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "secure_delete", "ON")
}

/// Opens the file for questions.
pub(super) fn open_reader(path: &Path) -> Result<Connection, ReadError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Makes the file, when there is none, and lets its owner alone read and write it and those beside it. Those
/// that SQLite makes later have the mode of the file itself.
fn make_private(path: &Path) -> Result<(), ReadError> {
    for file in files(path) {
        match std::fs::set_permissions(&file, Permissions::from_mode(MODE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(MODE);
    options.open(path)?;
    Ok(())
}

/// All that SQLite keeps of it.
fn files(path: &Path) -> impl Iterator<Item = OsString> {
    ["", "-wal", "-shm"].into_iter().map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name
    })
}

/// Renames the file, so that what it has can be looked up in it. A few are kept, the oldest: later ones know
/// less.
pub(super) fn set_aside(path: &Path) -> Result<(), ReadError> {
    let kept = |number| path.with_extension(format!("kept-{number}.sqlite"));
    let Some(kept) = (1..=KEPT).map(kept).find(|kept| !kept.exists()) else {
        return Ok(());
    };
    for (from, to) in files(path).zip(files(&kept)) {
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    if kept.exists() {
        tracing::warn!(
            ?kept,
            "LOG has lost entries: the read model is kept, which may have them"
        );
    }
    Ok(())
}

fn discard(path: &Path) -> Result<(), ReadError> {
    for name in files(path) {
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}
