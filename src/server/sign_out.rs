//! Ending a session everywhere: in the store, in every tunnel, at the broker.

use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::broker::{connections_of, kick_all};
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
        self.end_those(vec![session.clone()]).await
    }

    /// Ends all sessions of somebody, or all but one.
    ///
    /// # Errors
    /// The store did not acknowledge it: some may still hold.
    pub async fn end_all(&self, uid: &Username, but: Option<&SessionId>) -> Result<(), StoreError> {
        let all = self.sessions.of(uid).await?.into_iter();
        let ids = all.map(|session| session.id);
        self.end_those(ids.filter(|id| Some(id) != but).collect())
            .await
    }

    async fn end_those(&self, sessions: Vec<SessionId>) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        for session in &sessions {
            self.sessions.end(session).await?;
            self.tunnels.close(session);
        }
        self.cut(&sessions).await;
        let later = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SECOND_LOOK).await;
            later.cut(&sessions).await;
        });
        Ok(())
    }

    /// Cuts connections that do not come through a tunnel of this natter too. One look at the broker
    /// is enough for all the sessions: it lists everybody's connections.
    async fn cut(&self, sessions: &[SessionId]) {
        let names: Vec<_> = sessions.iter().map(SessionId::as_str).collect();
        let cut = async {
            let found = connections_of(&self.system, &names).await?;
            kick_all(&self.system, found).await
        };
        if let Err(error) = cut.await {
            tracing::warn!(%error, "connections of ended sessions were not cut");
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
