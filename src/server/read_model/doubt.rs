//! What makes the model look at its file and at LOG again, and perhaps begin anew.

use rusqlite::{ErrorCode, ffi};
use tokio::sync::mpsc;

use super::ReadError;

/// One doubt is enough; more say the same.
const WAITING: usize = 4;

/// Something that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// LOG does not end where it must, had the model been built from it.
    AnotherLog,
    /// SQLite cannot read the file, of this number.
    Broken(u64),
    /// What is in the file of this number is not what natter writes. That may be LOG’s fault, and
    /// then a new file is no better.
    Odd(u64),
}

/// Where doubts go.
#[derive(Clone)]
pub(super) struct Doubts(mpsc::Sender<Doubt>);

impl Doubts {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Doubt>) {
        let (raise, raised) = mpsc::channel(WAITING);
        (Self(raise), raised)
    }

    pub(super) fn raise(&self, doubt: Doubt) {
        // Full: the projector is about to look anyway.
        let _ = self.0.try_send(doubt);
    }

    /// Raises the doubt that a failed question leaves, if it does.
    pub(super) fn raise_for(&self, error: &ReadError, file: u64) {
        if is_broken(error) {
            self.raise(Doubt::Broken(file));
        } else if is_odd(error) {
            self.raise(Doubt::Odd(file));
        }
    }
}

/// Does it say that the file is damaged?
pub(super) fn is_broken(error: &ReadError) -> bool {
    let ReadError::Sqlite(error) = error else {
        return false;
    };
    match error
        .sqlite_error()
        .map(|error| (error.code, error.extended_code))
    {
        Some((ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _)) => true,
        Some((ErrorCode::SystemIoFailure, code)) => UNREADABLE.contains(&code),
        _ => false,
    }
}

/// Of what can go wrong with a disk, what says that it no longer has the file.
const UNREADABLE: [i32; 3] = [
    ffi::SQLITE_IOERR_READ,
    ffi::SQLITE_IOERR_SHORT_READ,
    ffi::SQLITE_IOERR_CORRUPTFS,
];

/// Is it no fault of the file, as when the disk is full?
pub(super) fn may_pass(error: &rusqlite::Error) -> bool {
    match error
        .sqlite_error()
        .map(|error| (error.code, error.extended_code))
    {
        Some((ErrorCode::SystemIoFailure, code)) => !UNREADABLE.contains(&code),
        Some((code, _)) => matches!(
            code,
            ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::OperationInterrupted
        ),
        None => false,
    }
}

/// Is it something that natter would not have written?
fn is_odd(error: &ReadError) -> bool {
    match error {
        ReadError::Corrupt => true,
        ReadError::Sqlite(error) => !may_pass(error),
        _ => false,
    }
}
