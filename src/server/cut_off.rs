//! Ends the connections of those who flood natter. They may come back when the limits let them
//! ([`Limits`](super::limits::Limits)); until then the callout lets them in nowhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::broker::{SystemError, connections_of, kick_all, present};
use super::connection_limit::ConnectionLimit;
use super::cutter::SECOND_LOOK;
use super::limits::CUT_OFF;
use super::store::{Sessions, StoreError};
use crate::domain::Username;

/// So many names are asked for one by one; who has more sessions is looked for in the list of all.
const FEW: usize = 16;

/// Ends connections.
#[derive(Clone)]
pub struct CuttingOff {
    /// Over its connection in SYS.
    pub system: async_nats::Client,
    /// Where people's connections are, by its public key.
    pub account: String,
    /// What connections of pages are called.
    pub sessions: Sessions,
    /// Which of them natter knows.
    pub connections: ConnectionLimit,
    /// Those who were cut off lately.
    pub lately: Lately,
}

/// Who was cut off lately, since when, and whether that is under way.
pub type Lately = Arc<Mutex<HashMap<Username, Cut>>>;

/// Somebody's.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    since: Instant,
    is_under_way: bool,
}

/// Why somebody's connections have not all ended.
#[derive(Debug, thiserror::Error)]
enum CutError {
    #[error(transparent)]
    System(#[from] SystemError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CuttingOff {
    /// Ends somebody's connections, unless that is under way. Returns at once.
    pub fn cut(&self, uid: Username) {
        let is_first = match self.begin(&uid) {
            Some(is_first) => is_first,
            None => return,
        };
        let this = self.clone();
        tokio::spawn(async move {
            this.cut_now(&uid, is_first).await;
            this.end(&uid);
            if is_first {
                // An answer of the callout from before can still land.
                tokio::time::sleep(SECOND_LOOK).await;
                this.cut_now(&uid, is_first).await;
            }
        });
    }

    async fn cut_now(&self, uid: &Username, is_first: bool) {
        if let Err(error) = self.try_to_cut(uid, is_first).await {
            tracing::warn!(%error, "somebody was not cut off");
        }
    }

    /// The first time those that natter knows, at once, and then by the names of sessions, which the
    /// broker finds soon among many. Who is there all the same is looked for in the list of all.
    async fn try_to_cut(&self, uid: &Username, is_first: bool) -> Result<(), CutError> {
        let known = self.connections.known_of(uid.as_str());
        // Some may have been at servers that are gone. What is there all the same is found below.
        let _ = kick_all(&self.system, known).await;
        let names = self.sessions.names_of(uid).await?;
        if is_first && names.len() <= FEW {
            for name in names {
                let theirs = connections_of(&self.system, name.as_str()).await?;
                kick_all(&self.system, theirs).await?;
            }
            return Ok(());
        }
        let all = present(&self.system, &self.account).await?.into_iter();
        let is_theirs = |name: &str| name.split('.').next() == Some(uid.as_str());
        let theirs = all.filter(|one| is_theirs(&one.user));
        let theirs = theirs.map(|one| (one.server, one.cid)).collect();
        Ok(kick_all(&self.system, theirs).await?)
    }

    /// Is it the first time lately? `None`: it is under way.
    fn begin(&self, uid: &Username) -> Option<bool> {
        let (mut lately, now) = (self.lately(), Instant::now());
        lately.retain(|_, cut| cut.is_under_way || cut.since + CUT_OFF > now);
        let before = lately.get(uid).copied();
        if before.is_some_and(|cut| cut.is_under_way) {
            return None;
        }
        let cut = Cut {
            since: before.map_or(now, |cut| cut.since),
            is_under_way: true,
        };
        lately.insert(uid.clone(), cut);
        Some(before.is_none())
    }

    fn end(&self, uid: &Username) {
        if let Some(cut) = self.lately().get_mut(uid) {
            cut.is_under_way = false;
        }
    }

    fn lately(&self) -> MutexGuard<'_, HashMap<Username, Cut>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
