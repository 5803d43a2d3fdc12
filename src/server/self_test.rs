//! Walks the way of a browser through the broker's WebSocket listener and the auth callout, with a
//! session that has no rights, before anybody else is sent there.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::broker::SESSION_COOKIE_UPSTREAM;
use super::links::Links;
use super::ready::Ready;
use super::store::{Origin, Sessions, StoreError};
use crate::nats;

/// The session that the test uses, should it not come to end it.
const SESSION: Duration = Duration::from_secs(30);

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// For the answer of a callout that is there; a broker without one takes two seconds to refuse.
const AT_ONCE: Duration = Duration::from_secs(1);

/// For one walk.
const WALK: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the broker’s WebSocket address is none")]
    Address,
    #[error(transparent)]
    Refused(#[from] nats::ConnectError),
    #[error("no answer")]
    Late,
}

/// Keeps `ready` true while the broker is there and lets sessions in.
pub(super) async fn watch(
    ready: Ready,
    links: Links,
    sessions: Sessions,
    brokers: Vec<SocketAddr>,
    stop: CancellationToken,
) {
    let watching = async {
        let mut told = false;
        loop {
            if !links.are_up() {
                if ready.is_ready() {
                    tracing::warn!("the broker is away: people wait until it is back");
                }
                ready.set(false);
            } else if !ready.is_ready() {
                match walk(&sessions, &brokers).await {
                    Ok(()) => {
                        ready.set(true);
                        told = false;
                    }
                    Err(error) if !told => {
                        tracing::warn!(%error, "sessions are not let in yet");
                        told = true;
                    }
                    Err(_) => {}
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    stop.run_until_cancelled(watching).await;
}

async fn walk(sessions: &Sessions, brokers: &[SocketAddr]) -> Result<(), NotYet> {
    let token = match sessions.begin(None, SESSION, Origin::default()).await {
        Ok(token) => token,
        // Reading goes on when nothing can be written.
        Err(StoreError::Unwritable(_)) => return walk_in_vain(brokers).await,
        Err(error) => return Err(error.into()),
    };
    let client = connect(brokers, token.as_str())?;
    let connected = tokio::time::timeout(WALK, client.connected()).await;
    client.close();
    sessions.end(&token.id()).await?;
    connected.map_err(|_| NotYet::Late)??;
    Ok(())
}

/// Without a session: the callout refuses at once, where it answers; else the broker does, later.
async fn walk_in_vain(brokers: &[SocketAddr]) -> Result<(), NotYet> {
    let client = connect(brokers, "")?;
    let refused = tokio::time::timeout(AT_ONCE, client.connected()).await;
    client.close();
    match refused {
        Ok(Err(nats::ConnectError::Refused)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(_)) | Err(_) => Err(NotYet::Late),
    }
}

fn connect(brokers: &[SocketAddr], session: &str) -> Result<nats::Client, NotYet> {
    let addresses = brokers
        .iter()
        .map(|broker| format!("ws://{broker}/").parse());
    let servers = addresses.collect::<Result<_, _>>();
    Ok(nats::Client::connect(nats::ConnectOptions {
        servers: servers.map_err(|_| NotYet::Address)?,
        name: "natter self-test".into(),
        ws_headers: vec![(
            "Cookie".into(),
            format!("{SESSION_COOKIE_UPSTREAM}={session}"),
        )],
        ..nats::ConnectOptions::default()
    }))
}
