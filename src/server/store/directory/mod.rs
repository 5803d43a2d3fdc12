//! People and rooms. A change is an atomic batch of entries, each of which names the state it
//! builds on, so that a name is taken once whoever races, and nothing is half done.
//!
//! `joining` makes accounts, `people` changes them and their roles, `identities` has where else somebody signs
//! in, `rooms` what rooms there are and what they are called, `members` who is in them.
//!
//! What a change rests on beside its own subjects (the account of whoever makes it, their membership)
//! goes into the same batch as a [`Guard`]: a right that is revoked a moment before the batch is written
//! stops it.

mod guard;
mod identities;
mod joining;
mod members;
mod people;
mod rooms;

pub use guard::Guard;
pub use joining::{Admission, NewPerson};
pub use people::{Account, Changed, Permit, PersonChange};
pub use rooms::RoomEdit;

use super::{Entry, Expect, Log, StoreError};
use crate::domain::{Key, NameError, Sequence, Timestamp, Ulid, Username};
use crate::server::clock;
use crate::wire::v1::{self, event::Body};

/// Nothing must stand there yet.
const FREE: Expect = Expect::Last(Sequence(0));

/// How often a change is worked out anew when somebody else was first.
const TRIES: usize = 5;

/// Why a change of the directory did not take place.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Somebody has this name.
    #[error("the name is taken")]
    Taken,
    /// Somebody else has this identity of another provider.
    #[error("the identity is somebody’s already")]
    IdentityTaken,
    /// They have another identity of this provider.
    #[error("another identity of this provider is connected")]
    Connected,
    /// The account could not be signed in to any more.
    #[error("it is the only way into the account")]
    LastWayIn,
    /// There is no such person or room.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The first account has been made.
    #[error("the first account has been made already")]
    Founded,
    /// The person who does this is not an administrator.
    #[error("only an administrator may do this")]
    NotAdministrator,
    /// The entries that the right to do this was checked by have changed since.
    #[error("the right to do this has changed meanwhile")]
    Outdated,
    /// The entries that a change was checked by have changed since; it has to be checked again.
    #[error("somebody else changed the same meanwhile")]
    Moved,
    /// Somebody must look after the workspace.
    #[error("there would be no administrator left")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The directory's writer.
pub struct Directory<'a> {
    log: &'a Log,
}

impl<'a> Directory<'a> {
    pub(super) fn new(log: &'a Log) -> Self {
        Self { log }
    }
}

/// An event of the directory, stamped now, with a key of its own.
pub(super) fn event(by: &Username, body: Body) -> Result<v1::Event, StoreError> {
    let key = Key {
        author: by.clone(),
        ulid: fresh_ulid()?,
    };
    Ok(v1::Event {
        key: Some((&key).into()),
        at_ms: clock::now().0,
        body: Some(body),
    })
}

/// An entry of it.
fn entry(by: &Username, subject: String, body: Body, expect: Expect) -> Result<Entry, StoreError> {
    Ok(Entry {
        subject,
        event: event(by, body)?,
        expect,
    })
}

/// A ULID of natter's own making.
fn fresh_ulid() -> Result<Ulid, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(StoreError::broker("make an id"))?;
    let Timestamp(now) = clock::now();
    Ok(Ulid::new(u64::try_from(now).unwrap_or_default(), random))
}

/// A name that natter itself wrote, and that is none.
fn corrupt(_: NameError) -> StoreError {
    StoreError::Corrupt("a name in the directory")
}
