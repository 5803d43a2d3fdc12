//! What natter does over its SYS connection: find a user's connections, and end them.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::connz::{FIRST_PAGE, Open, Order, Reply, Selection, connections, first_pages, parse};

/// How long all servers together have to answer. One that is slower than this is not heard.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// Connections that are ended at once, of those that are to be.
const KICKS_AT_ONCE: usize = 64;

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

/// The open connections that were let in by these sessions or `.creds` files, on all servers, as server
/// id and connection id: what [`kick`] takes. `client` is connected as [`ServiceUser::System`].
///
/// The name of such a connection begins with one of `let_in_by`, and goes on with what CONNZ cannot filter
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
    let_in_by: &[&str],
) -> Result<Vec<(String, u64)>, SystemError> {
    let mut open = connections(client, &Selection::default()).await?;
    open.retain(|(_, open)| {
        let name = open.authorized_user.as_str();
        let mut rests = let_in_by.iter().filter_map(|by| name.strip_prefix(by));
        rests.any(|rest| rest.is_empty() || rest.starts_with('.'))
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
    let selection = Selection {
        account: Some(account.to_owned()),
    };
    let open = connections(client, &selection).await?.into_iter();
    let theirs = open.filter(|(_, open)| open.account == account);
    Ok(theirs.map(|(server, open)| open.at(server)).collect())
}

/// A connection and what it costs the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Which, and whose.
    pub connection: Present,
    /// Messages that came from it since it was made, forbidden ones too.
    pub messages: u64,
    /// Its subscriptions.
    pub subscriptions: u64,
}

/// The busiest connections of all servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busiest {
    /// Each once, in no order.
    pub connections: Vec<Busy>,
    /// By server, the most messages that can have come from a connection that is not among them.
    pub unlisted: HashMap<String, u64>,
}

/// On each server the 256 connections of an account from which the most messages came, and the 256 with the
/// most subscriptions.
///
/// # Errors
/// Fails when a server does not answer within 2 s.
pub async fn busiest(client: &Client, account: &str) -> Result<Busiest, SystemError> {
    let selection = Selection {
        account: Some(account.to_owned()),
    };
    let (mut all, mut unlisted) = (HashMap::new(), HashMap::new());
    for order in [Order::Messages, Order::Subscriptions] {
        let servers = first_pages(client, &selection, order).await?.into_iter();
        let listed = servers.flat_map(|(server, page)| {
            if order == Order::Messages {
                let least = page.open.last().map(|open| open.in_msgs);
                let least = least.filter(|_| page.open.len() >= FIRST_PAGE);
                unlisted.insert(server.clone(), least.unwrap_or(0));
            }
            page.open
                .into_iter()
                .map(move |open| (server.clone(), open))
        });
        for (server, open) in listed {
            let (messages, subscriptions) = (open.in_msgs, open.subscriptions);
            let busy = Busy {
                messages,
                subscriptions,
                connection: open.at(server),
            };
            let place = (busy.connection.server.clone(), busy.connection.cid);
            all.insert(place, busy);
        }
    }
    Ok(Busiest {
        connections: all.into_values().collect(),
        unlisted,
    })
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

/// Ends several, whose server and number these are.
///
/// # Errors
/// As [`kick`], once all have been tried.
pub async fn kick_all(client: &Client, all: Vec<(String, u64)>) -> Result<(), SystemError> {
    let kicks = all
        .into_iter()
        .map(|(server, cid)| async move { kick(client, &server, cid).await });
    let kicked: Vec<_> = futures::stream::iter(kicks)
        .buffer_unordered(KICKS_AT_ONCE)
        .collect()
        .await;
    kicked.into_iter().collect()
}

/// How many servers there are, by the first that answers.
pub(super) async fn server_count(client: &Client, deadline: Instant) -> Result<usize, SystemError> {
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

pub(super) async fn request(
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

pub(super) fn broker(error: impl ToString) -> SystemError {
    SystemError::Broker(error.to_string())
}
