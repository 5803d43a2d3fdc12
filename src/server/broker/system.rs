//! What natter does over its SYS connection: find a user's connections, and end them.

use std::time::Duration;

use async_nats::Client;
use futures::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

/// How long all servers together have to answer. One that is slower than this is not heard.
const DEADLINE: Duration = Duration::from_secs(2);

/// More connections than one user can have on one server; the default would be 1,024.
pub(super) const MOST_CONNECTIONS: u32 = 65_536;

/// Why the system account's question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The question could not be sent, or no server answered it in time.
    #[error("the broker does not answer on its system account: {0}")]
    Broker(String),
    /// A server answered with an error.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// Some servers answered, and some did not: what they hold is not known.
    #[error("{answered} of {all} servers answered in time")]
    Incomplete {
        /// How many answered.
        answered: usize,
        /// How many there are.
        all: usize,
    },
}

/// The open connections that were let in by this session or `.creds` file, on all servers, as server
/// id and connection id: what [`kick`] takes. `client` is connected as [`ServiceUser::System`].
///
/// The name of such a connection begins with `let_in_by`, and goes on with what CONNZ cannot filter
/// by ([`ConnectionName`]).
///
/// # Errors
/// Fails when a server does not answer within 2 s: a list that may lack a connection must not
/// pass for all of them.
///
/// [`ServiceUser::System`]: super::ServiceUser::System
/// [`ConnectionName`]: crate::server::connection_name::ConnectionName
pub async fn connections_of(
    client: &Client,
    let_in_by: &str,
) -> Result<Vec<(String, u64)>, SystemError> {
    // Names of users are shown only with `auth`.
    let options = json!({ "auth": true, "limit": MOST_CONNECTIONS });
    let mut open = connections(client, &options).await?;
    open.retain(|(_, open)| {
        let rest = open.authorized_user.strip_prefix(let_in_by);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    Ok(open.into_iter().map(|(at, open)| (at, open.cid)).collect())
}

/// A connection as the broker shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its server's id and its own: what [`kick`] takes.
    pub server: String,
    /// See `server`.
    pub cid: u64,
    /// The name of its user.
    pub user: String,
    /// When it was made, as RFC 3339.
    pub since: String,
}

/// The open connections of all users of an account, by its public key, on all servers.
///
/// # Errors
/// Fails when a server does not answer within 2 s.
pub async fn present(client: &Client, account: &str) -> Result<Vec<Present>, SystemError> {
    let options = json!({ "auth": true, "acc": account, "limit": MOST_CONNECTIONS });
    let open = connections(client, &options).await?.into_iter();
    let theirs = open.filter(|(_, open)| open.account == account);
    Ok(theirs.map(|(server, open)| open.at(server)).collect())
}

/// The open connections that `options` select, on all servers, each with its server's id.
pub(super) async fn connections(
    client: &Client,
    options: &serde_json::Value,
) -> Result<Vec<(String, Open)>, SystemError> {
    let deadline = Instant::now() + DEADLINE;
    let all = server_count(client, deadline).await?;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.map_err(broker)?;
    client
        .publish_with_reply(
            "$SYS.REQ.SERVER.PING.CONNZ",
            inbox,
            options.to_string().into(),
        )
        .await
        .map_err(broker)?;

    let mut found = Vec::new();
    let mut answered = 0;
    while answered < all {
        let Ok(Some(reply)) = timeout_at(deadline, replies.next()).await else {
            return Err(SystemError::Incomplete { answered, all });
        };
        let reply: Reply<Connz> = parse(&reply.payload)?;
        answered += 1;
        let server = reply.server.id;
        let open = reply.data.map(|data| data.connections).unwrap_or_default();
        found.extend(open.into_iter().map(|open| (server.clone(), open)));
    }
    Ok(found)
}

/// Ends a connection. One that has ended already is fine. The client sees its connection
/// closed, and may connect anew: take the right to do so away first.
///
/// # Errors
/// Fails when its server does not answer within 2 s.
pub async fn kick(client: &Client, server_id: &str, cid: u64) -> Result<(), SystemError> {
    let subject = format!("$SYS.REQ.SERVER.{server_id}.KICK");
    let order = json!({ "cid": cid });
    let reply = request(
        client,
        subject,
        order.to_string(),
        Instant::now() + DEADLINE,
    )
    .await?;
    match parse::<Reply<serde::de::IgnoredAny>>(&reply) {
        Err(SystemError::Refused(reason)) if reason.contains("no such client") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// How many servers there are, by the first that answers.
async fn server_count(client: &Client, deadline: Instant) -> Result<usize, SystemError> {
    #[derive(Deserialize)]
    struct Statsz {
        statsz: Stats,
    }
    #[derive(Deserialize)]
    struct Stats {
        active_servers: usize,
    }
    let subject = "$SYS.REQ.SERVER.PING.STATSZ".to_owned();
    let reply = request(client, subject, String::new(), deadline).await?;
    let reply: Statsz = serde_json::from_slice(&reply).map_err(broker)?;
    Ok(reply.statsz.active_servers.max(1))
}

async fn request(
    client: &Client,
    subject: String,
    payload: String,
    deadline: Instant,
) -> Result<bytes::Bytes, SystemError> {
    let reply = timeout_at(deadline, client.request(subject, payload.into()))
        .await
        .map_err(broker)?
        .map_err(broker)?;
    Ok(reply.payload)
}

/// How servers answer on the system account: who they are, and `data` or `error`.
#[derive(Deserialize)]
struct Reply<T> {
    server: Server,
    data: Option<T>,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Deserialize)]
struct Connz {
    #[serde(default)]
    connections: Vec<Open>,
}

/// A connection as its server shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Open {
    pub cid: u64,
    #[serde(default)]
    pub account: String,
    #[serde(default)]
    pub authorized_user: String,
    #[serde(default)]
    start: String,
}

impl Open {
    /// The same with its server's id.
    pub fn at(self, server: String) -> Present {
        Present {
            server,
            cid: self.cid,
            user: self.authorized_user,
            since: self.start,
        }
    }
}

fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<Reply<T>, SystemError> {
    #[derive(Deserialize)]
    struct Failed {
        error: Option<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        #[serde(default)]
        description: String,
    }
    let failed: Failed = serde_json::from_slice(payload).map_err(broker)?;
    match failed.error {
        Some(reason) => Err(SystemError::Refused(reason.description)),
        None => serde_json::from_slice(payload).map_err(broker),
    }
}

fn broker(error: impl ToString) -> SystemError {
    SystemError::Broker(error.to_string())
}
