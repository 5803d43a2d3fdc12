//! Ends the connections of people who flood natter. They may connect again when the limits allow it
//! ([`Limits`](super::limits::Limits)); until then the callout refuses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::broker::{SystemError, kick_all, present};
use super::connection_limit::ConnectionLimit;
use super::cutter::SECOND_LOOK;
use super::limits::CUT_OFF;
use crate::domain::Username;

/// Ends connections.
#[derive(Clone)]
pub struct CuttingOff {
    /// natter's connection in SYS.
    pub system: async_nats::Client,
    /// The public key of the account that people's connections are in.
    pub account: String,
    /// The connections that this natter server knows.
    pub connections: ConnectionLimit,
    /// The people who were cut off lately.
    pub lately: Lately,
}

/// The people who were cut off lately.
pub type Lately = Arc<Mutex<HashMap<Username, Cut>>>;

/// When a person was cut off, and whether ending their connections is under way.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    since: Instant,
    is_under_way: bool,
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
            this.cut_now(&uid).await;
            this.end(&uid);
            if is_first {
                // An earlier answer of the callout can still arrive.
                tokio::time::sleep(SECOND_LOOK).await;
                this.cut_now(&uid).await;
            }
        });
    }

    async fn cut_now(&self, uid: &Username) {
        if let Err(error) = self.try_to_cut(uid).await {
            tracing::warn!(%error, "a person's connections were not ended");
        }
    }

    /// Ends the known connections at once, and then those in the broker's list.
    async fn try_to_cut(&self, uid: &Username) -> Result<(), SystemError> {
        let known = self.connections.known_of(uid.as_str());
        // Some may have been at servers that are gone. The others are found below.
        let _ = kick_all(&self.system, known).await;
        let all = present(&self.system, &self.account).await?.into_iter();
        let is_theirs = |name: &str| name.split('.').next() == Some(uid.as_str());
        let theirs = all.filter(|one| is_theirs(&one.user));
        let theirs = theirs.map(|one| (one.server, one.cid)).collect();
        kick_all(&self.system, theirs).await
    }

    /// Is it the first time lately? `None`: ending the connections is under way.
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
