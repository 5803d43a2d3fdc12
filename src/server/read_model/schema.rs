//! The file's tables.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::ReadError;

/// Goes up with every change of the tables or of what is written to them: a file with another
/// number is built anew.
const VERSION: i64 = 4;

const TABLES: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_created TEXT NOT NULL,     -- which LOG this was built from
    applied INTEGER NOT NULL       -- up to which of its entries
);
CREATE TABLE person (
    uid TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    role INTEGER NOT NULL,
    suspended INTEGER NOT NULL,
    about TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    picture TEXT NOT NULL          -- empty for none
) WITHOUT ROWID;
CREATE TABLE room (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT UNIQUE,            -- NULL for a room without a name
    kind INTEGER NOT NULL,
    topic TEXT NOT NULL,
    archived INTEGER NOT NULL,
    pair TEXT UNIQUE,              -- the two of a direct room, as in its subject
    made_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE member (
    uid TEXT NOT NULL,
    room TEXT NOT NULL,
    muted INTEGER NOT NULL,
    PRIMARY KEY (uid, room)
) WITHOUT ROWID;
CREATE INDEX member_of_room ON member (room);
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    event BLOB NOT NULL
);
CREATE TABLE cut (                 -- who may do less than before, and since when
    sequence INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    at_ms INTEGER NOT NULL
);
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    previous INTEGER NOT NULL,     -- the room's entry before it, 0 for the first
    uid TEXT NOT NULL,
    ulid TEXT NOT NULL,
    counts INTEGER NOT NULL,       -- 0 for a second entry of a key
    event BLOB NOT NULL
);
CREATE UNIQUE INDEX entry_of_key ON entry (uid, ulid) WHERE counts = 1;
CREATE INDEX entry_of_room ON entry (room, sequence);
";

/// Opens the file for the one who writes it. `None` when it is of another version, or no database.
pub(super) fn open_writer(path: &Path) -> Result<Option<Connection>, ReadError> {
    let connection = Connection::open(path)?;
    let opened = (|| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What is lost with the power is read from LOG again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
    })();
    match opened {
        Ok(VERSION) => Ok(Some(connection)),
        Ok(0) => {
            connection.execute_batch(&format!(
                "BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
            Ok(Some(connection))
        }
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "the read model cannot be opened");
            Ok(None)
        }
    }
}

/// Opens the file for questions.
pub(super) fn open_reader(path: &Path) -> Result<Connection, ReadError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Throws the file away.
pub(super) fn discard(path: &Path) -> Result<(), ReadError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}
