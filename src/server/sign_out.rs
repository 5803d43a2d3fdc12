//! Ending a session everywhere: in the store, in every tunnel, at the broker.

use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::broker::{connections_of, kick};
use super::cutter::SECOND_LOOK;
use super::http::Tunnels;
use super::store::{SessionId, Sessions, StoreError};
use crate::domain::Username;

/// Before watching again after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// Ends sessions.
#[derive(Clone)]
pub struct SignOut {
    sessions: Sessions,
    system: async_nats::Client,
    tunnels: Tunnels,
}

impl SignOut {
    /// Ends sessions in the store, in this natter's tunnels, and over its connection in SYS.
    #[must_use]
    pub fn new(sessions: Sessions, system: async_nats::Client, tunnels: Tunnels) -> Self {
        Self {
            sessions,
            system,
            tunnels,
        }
    }

    /// Ends a session: first in the store, so that nothing can connect with it, then its live
    /// connections, and those once more later: an answer of the callout from before can still land.
    /// A name that is no session's leaves no trace: whoever likes can make one up.
    ///
    /// # Errors
    /// The store did not acknowledge it: the session still holds.
    pub async fn end(&self, session: &SessionId) -> Result<(), StoreError> {
        if self.sessions.find_by_id(session).await?.is_none() {
            return Ok(());
        }
        self.sessions.end(session).await?;
        self.tunnels.close(session);
        self.cut(session).await;
        let (later, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            tokio::time::sleep(SECOND_LOOK).await;
            later.cut(&session).await;
        });
        Ok(())
    }

    /// Ends all sessions of somebody, or all but one.
    ///
    /// # Errors
    /// The store did not acknowledge it: some may still hold.
    pub async fn end_all(&self, uid: &Username, but: Option<&SessionId>) -> Result<(), StoreError> {
        for session in self.sessions.of(uid).await? {
            if Some(&session.id) != but {
                self.end(&session.id).await?;
            }
        }
        Ok(())
    }

    /// Cuts connections that do not come through a tunnel of this natter too.
    async fn cut(&self, session: &SessionId) {
        let found = match connections_of(&self.system, session.as_str()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the broker did not tell the connections of a session");
                return;
            }
        };
        for (server, cid) in found {
            if let Err(error) = kick(&self.system, &server, cid).await {
                tracing::warn!(%error, "a connection could not be cut");
            }
        }
    }
}

/// Closes this natter's tunnels as their sessions end, whichever natter ends them. What ended
/// while nobody was told (the broker was away) is found at each beginning.
pub async fn close_tunnels(
    sessions: Sessions,
    tunnels: Tunnels,
    mut reconnects: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let watching = async {
        loop {
            reconnects.mark_unchanged();
            let ended = tokio::select! {
                _ = reconnects.changed() => Ok(()),
                ended = close_as_they_end(&sessions, &tunnels) => ended,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "the ends of sessions are not seen");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(watching).await;
}

async fn close_as_they_end(sessions: &Sessions, tunnels: &Tunnels) -> Result<(), StoreError> {
    let ends = sessions.ends().await?;
    for session in tunnels.sessions() {
        if sessions.find_by_id(&session).await?.is_none() {
            tunnels.close(&session);
        }
    }
    pin_mut!(ends);
    while let Some(session) = ends.next().await {
        tunnels.close(&session);
    }
    Ok(())
}
