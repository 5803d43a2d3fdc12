//! What natter keeps in NATS, and the only code that writes it: the LOG stream (what happened),
//! the directory (the part of LOG that is about people and rooms), credentials, web sessions,
//! `.creds` files, invitations, sign-ins under way and read markers (KV buckets), pictures (an object
//! store). Services and HTTP handlers call it; it calls nobody but the broker.

mod bucket;
mod credentials;
mod creds_files;
mod directory;
mod epoch;
mod invitations;
mod invited;
mod leader;
mod log;
mod missing;
mod pending;
mod pictures;
mod reads;
mod sessions;

pub use credentials::Credentials;
pub use creds_files::{CredsFile, CredsFiles, Holder};
pub use directory::{
    Account, Admission, Changed, Directory, DirectoryError, Guard, NewPerson, Permit, PersonChange,
    RoomEdit,
};
pub use epoch::{End, Epoch, Fingerprint};
pub use invitations::{Invitation, Invitations};
pub use log::{Appended, Entry, Expect, LOG_STREAM, Log};
pub use missing::Missing;
pub use pending::{Pending, PendingToken, Pendings, fingerprint};
pub use pictures::{PictureName, Pictures};
pub use reads::{Markers, Reads, Revision};
pub use sessions::{Origin, Session, SessionId, SessionToken, Sessions};

use super::space::{Space, Unwritable};

/// The broker could not be asked, or answered that it could not do it. Nothing is known of
/// whether a write took place: it is tried again with the same key.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No usable answer.
    #[error("the broker did not {doing}: {source}")]
    Broker {
        /// What was asked of it.
        doing: &'static str,
        /// What went wrong.
        source: async_nats::Error,
    },
    /// What is stored is not what natter stores there.
    #[error("{0} in the store cannot be read")]
    Corrupt(&'static str),
    /// The disk is read-only, full, or as full as NATS is allowed to make it. Nothing was written.
    #[error(transparent)]
    Unwritable(Unwritable),
    /// An expected last sequence did not hold: somebody else was first.
    #[error("somebody else was first")]
    Conflict,
}

impl StoreError {
    /// Wraps an error of the broker's client.
    pub(crate) fn broker<E: Into<async_nats::Error>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| {
            let source = source.into();
            if says_full(source.as_ref()) {
                return Self::Unwritable(Unwritable::Full);
            }
            Self::Broker { doing, source }
        }
    }
}

/// JetStream's errors for a limit of the server (or the account) on what it keeps.
const NO_ROOM: [u64; 3] = [10_002, 10_023, 10_047];

/// Does the broker refuse to write since its store is as large as it may be?
fn says_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .filter_map(|error| error.downcast_ref::<async_nats::jetstream::Error>())
        .any(|error| NO_ROOM.contains(&error.error_code().0))
}

/// All of it, opened.
#[derive(Clone)]
pub struct Store {
    /// What happened.
    pub log: Log,
    /// Password hashes.
    pub credentials: Credentials,
    /// Web sessions.
    pub sessions: Sessions,
    /// `.creds` files.
    pub creds_files: CredsFiles,
    /// Links that people were given.
    pub invitations: Invitations,
    /// Sign-ins under way at an identity provider.
    pub pending: Pendings,
    /// What people look like.
    pub pictures: Pictures,
    /// How far people have read.
    pub reads: Reads,
}

impl Store {
    /// Opens the stream and the buckets, and makes those that do not exist, each kept by so many
    /// servers of a cluster. While `space` is not writable, nothing more is written into LOG.
    ///
    /// # Errors
    /// The broker refuses, or is not there.
    pub async fn open(
        js: &async_nats::jetstream::Context,
        space: Space,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        // Boxed: together they are too large for the stack of a small thread.
        let (log, credentials, sessions, creds_files, invitations, pending, pictures, reads) = tokio::try_join!(
            Box::pin(Log::open(js, space, replicas)),
            Box::pin(Credentials::open(js, replicas)),
            Box::pin(Sessions::open(js, replicas)),
            Box::pin(CredsFiles::open(js, replicas)),
            Box::pin(Invitations::open(js, replicas)),
            Box::pin(Pendings::open(js, replicas)),
            Box::pin(Pictures::open(js, replicas)),
            Box::pin(Reads::open(js, replicas)),
        )?;
        Ok(Self {
            log,
            credentials,
            sessions,
            creds_files,
            invitations,
            pending,
            pictures,
            reads,
        })
    }

    /// The part of LOG that is about people and rooms.
    #[must_use]
    pub fn directory(&self) -> Directory<'_> {
        Directory::new(&self.log)
    }
}
