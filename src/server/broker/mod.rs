//! The broker: the keys natter is known to it by, the nats-server that natter brings along, and
//! what the two say to each other about who may connect.
//!
//! | file | what |
//! |---|---|
//! | `jwt`, `claims` | NATS JWTs (ADR-14): how they are signed and read, and what natter's say |
//! | `keys`, `account`, `key_files` | operator, accounts and callout keys; their folder on disk |
//! | `credentials` | what a connection shows, and what it may then do |
//! | `callout` | the auth callout's question and answer (ADR-26) |
//! | `system`, `passage` | finding and ending connections, over the account SYS; those on their way in |
//! | `locate` | which nats-server to run |
//! | `embedded` | the embedded broker, as the rest of natter holds it |
//! | `config`, `lock`, `orphan`, `store_owner` | what it needs before it runs: nats.conf, the folder for itself, the keys of its store |
//! | `node`, `trust` | nats.conf of a server of a cluster; what both kinds are told of whom to let in |
//! | `supervisor`, `child`, `child_log`, `readiness` | keeping it running |

mod account;
mod callout;
mod child;
mod child_log;
mod claims;
mod config;
mod connz;
mod credentials;
mod embedded;
mod error;
mod jwt;
mod key_files;
mod keys;
mod locate;
mod lock;
mod node;
mod orphan;
mod passage;
mod readiness;
mod store_owner;
mod supervisor;
mod system;
mod trust;

pub use callout::{
    AuthRequest, CALLOUT_SUBJECT, CalloutError, ClientInfo, Credential, SERVER_XKEY_HEADER,
};
pub use child_log::BROKER_LOG;
pub use config::{NotAnInterval, SyncInterval};
pub use credentials::{Permissions, ServiceUser, SignError, UserCredentials, UserLimits};
pub use embedded::{EmbeddedBroker, EmbeddedOptions};
pub use error::BrokerError;
pub use jwt::{EncodeError, JwtError};
pub use key_files::KeysError;
pub use keys::BrokerKeys;
pub use locate::{LocateError, MINIMUM_VERSION, Version, locate};
pub use node::Node;
pub use passage::{Passage, Sighting};
pub use supervisor::BrokerState;
pub use system::{
    Busiest, Busy, Present, SystemError, busiest, connections_of, kick, kick_all, present,
};
pub use trust::SESSION_COOKIE_UPSTREAM;
