//! Making, listing and revoking `.creds` files: what an administrator does at a running server,
//! with the keys of its data folder.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::broker::{
    BrokerKeys, KeysError, ServiceUser, SignError, SystemError, connections_of, kick_all,
};
use super::callout::creds_connection_name;
use super::clock;
use super::space::Space;
use super::store::{CredsFile, Holder, Store, StoreError};
use super::whereabouts::{Whereabouts, WhereaboutsError};
use crate::domain::{Username, subject};

/// For connecting: the broker is on this machine, or near.
const CONNECT: Duration = Duration::from_secs(5);

/// An answer of the callout from before the revocation can still land until the broker's
/// authorization timeout (5 s) has passed.
pub const SECOND_LOOK: Duration = Duration::from_secs(6);

/// Why nothing was made, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum CredsError {
    /// The server was not found.
    #[error(transparent)]
    Whereabouts(#[from] WhereaboutsError),
    /// Its keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// They cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Its broker does not answer.
    #[error("the broker at {url} does not answer ({reason}). Is natter running?")]
    Broker {
        /// Where.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such person.
    #[error("nobody here is called {0}. Accounts are made in the page")]
    NoSuchPerson(Username),
    /// The name or nkey stands for no file.
    #[error("there are no credentials {0:?}. `natter creds --list` shows all")]
    NoSuchFile(String),
    /// A connection could not be cut: it goes on for an hour at most.
    #[error(
        "the credentials are revoked, but a connection may still be open, for an hour at most: {0}"
    )]
    NotCut(#[from] SystemError),
}

/// A running server, as its administrator's commands see it.
pub struct Administered {
    keys: BrokerKeys,
    store: Store,
    system: async_nats::Client,
}

impl Administered {
    /// Connects to the server of a data folder.
    ///
    /// # Errors
    /// It does not run, or the folder's keys are not its broker's.
    pub async fn connect(data: &Path) -> Result<Self, CredsError> {
        let here = Whereabouts::read(data)?;
        let keys = BrokerKeys::load(&here.keys)?;
        let chat = connect(&here.nats, &keys, ServiceUser::Chat).await?;
        let system = connect(&here.nats, &keys, ServiceUser::System).await?;
        // All of it is there already, kept by as many servers as it is.
        let store = Store::open(&async_nats::jetstream::new(chat), Space::default(), 1).await?;
        Ok(Self {
            keys,
            store,
            system,
        })
    }

    /// Makes a file, and gives its text.
    ///
    /// # Errors
    /// There is no such person, or the store did not take it.
    pub async fn make(&self, holder: Holder) -> Result<String, CredsError> {
        if let Holder::Person(uid) = &holder
            && self.store.directory().person(uid).await?.is_none()
        {
            return Err(CredsError::NoSuchPerson(uid.clone()));
        }
        let user = self.keys.sign_terminal_user(holder.name().as_str())?;
        let head = head(&holder);
        let file = CredsFile {
            nkey: user.nkey()?,
            holder,
            made_at: clock::now(),
        };
        self.store.creds_files.add(&file).await?;
        Ok(format!("{head}\n{}", user.to_creds_file()))
    }

    /// All that are good, the oldest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn list(&self) -> Result<Vec<CredsFile>, CredsError> {
        Ok(self.store.creds_files.all().await?)
    }

    /// Revokes the file with this nkey, or all files of this name, and gives them back. Cut their
    /// connections next.
    ///
    /// # Errors
    /// There is none, or the store did not answer.
    pub async fn revoke(&self, name_or_nkey: &str) -> Result<Vec<CredsFile>, CredsError> {
        let is_meant =
            |file: &CredsFile| [&file.nkey, file.holder.name().as_str()].contains(&name_or_nkey);
        let mut files = self.list().await?;
        files.retain(is_meant);
        if files.is_empty() {
            return Err(CredsError::NoSuchFile(name_or_nkey.to_owned()));
        }
        for file in &files {
            self.store.creds_files.revoke(&file.nkey).await?;
        }
        Ok(files)
    }

    /// Cuts the connections of files, and says how many there were. Once is not enough: see
    /// [`SECOND_LOOK`].
    ///
    /// # Errors
    /// The broker did not tell all of them, or did not cut one.
    pub async fn cut(&self, files: &[CredsFile]) -> Result<usize, CredsError> {
        let names: Vec<_> = files.iter().map(creds_connection_name).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let found = connections_of(&self.system, &names).await?;
        let cut = found.len();
        kick_all(&self.system, found).await?;
        Ok(cut)
    }
}

/// What the file says to whoever opens it.
fn head(holder: &Holder) -> String {
    let (whom, prefix) = match holder {
        Holder::Person(uid) => (format!("of {uid}"), subject::inbox_prefix(uid)),
        Holder::Service(name) => (
            format!("of the service {name}"),
            subject::service_inbox_prefix(name),
        ),
    };
    format!("# Natter credentials {whom}. Keep them secret.\n# inbox prefix: {prefix}\n")
}

pub(super) async fn connect(
    url: &str,
    keys: &BrokerKeys,
    who: ServiceUser,
) -> Result<async_nats::Client, CredsError> {
    let refused = |reason: String| CredsError::Broker {
        url: url.to_owned(),
        reason,
    };
    let servers: Vec<&str> = url.split(',').map(str::trim).collect();
    let options = keys.user(who)?.connect_options()?.name("natter creds");
    match timeout(CONNECT, options.connect(servers)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(refused("no connection in time".to_owned())),
    }
}
