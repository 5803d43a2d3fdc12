//! Ends the connections of people who lost rights. Rights of a live connection cannot change, so it has to
//! end, and the next one has the current rights.
//!
//! It follows the read model. So every natter server ends connections after a removal through any of
//! them, and a server that was away does so when it is back.
//!
//! Only connections whose rights include what was lost are ended: a connection's name has the position in
//! LOG that its rights were computed from ([`ConnectionName`]), and a loss has the two entries between
//! which the right was held.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::asked::Asked;
use super::broker::{Passage, Present, Sighting, SystemError, kick, kick_all};
use super::clock;
use super::connection_name::{ConnectionName, Judged};
use super::limits::Limits;
use super::read_model::queries::Loss;
use super::read_model::{ReadError, ReadModel, queries};
use super::store::Epoch;
use super::tasks::Tasks;
use crate::domain::{Sequence, Timestamp, Username, limits};

/// An answer of the callout from before a change can still arrive until the broker's authorization
/// timeout (5 s) has passed; then connections are looked for once more.
pub const SECOND_LOOK: Duration = Duration::from_secs(6);

/// How long the first look waits for such answers. A connection whose answer takes longer
/// is ended, unless it is known to be another person's.
const LANDING: Duration = Duration::from_secs(2);

/// Before trying again after an error.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a command that takes rights away waits for the connections to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells how far the cutting has come.
#[derive(Clone)]
pub struct Cutter {
    done: watch::Receiver<Sequence>,
}

impl Cutter {
    /// Cuts until `stop`.
    #[must_use]
    pub fn start(
        read_model: ReadModel,
        system: async_nats::Client,
        passage: Passage,
        asked: Asked,
        limits: Limits,
        tasks: &Tasks,
    ) -> Self {
        let (tell, done) = watch::channel(Sequence(0));
        let work = Work {
            read_model,
            system,
            passage,
            asked,
            limits,
        };
        tasks.spawn("ending connections that lost rights", work.run(tell));
        Self { done }
    }

    /// Waits until the connections of everybody who lost rights up to this position in LOG have ended.
    /// Returns after 5 s at the latest; ending them goes on.
    pub async fn wait(&self, through: Sequence) {
        let mut done = self.done.clone();
        let cut = done.wait_for(|done| *done >= through);
        if tokio::time::timeout(PATIENCE, cut).await.is_err() {
            tracing::warn!("cutting connections takes long");
        }
    }
}

#[derive(Clone)]
struct Work {
    read_model: ReadModel,
    system: async_nats::Client,
    passage: Passage,
    asked: Asked,
    limits: Limits,
}

impl Work {
    async fn run(self, tell: watch::Sender<Sequence>) {
        let mut applied = self.read_model.follow();
        // A connection ends when its rights expire, so older losses need no work.
        let mut reached = Sequence(0);
        let mut life = Epoch::default();
        loop {
            // Losses that are applied after this are handled in the next round.
            applied.mark_unchanged();
            match self.cut_since(reached).await {
                // The model is being rebuilt, from another log or from the beginning.
                Ok((through, epoch)) if through < reached || epoch != life => {
                    reached = Sequence(0);
                    life = epoch;
                    continue;
                }
                Ok((through, _)) => {
                    reached = through;
                    tell.send_replace(through);
                }
                Err(error) => {
                    tracing::warn!(%error, "connections whose rights shrank are not cut yet");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            if applied.changed().await.is_err() {
                return;
            }
        }
    }

    async fn cut_since(&self, after: Sequence) -> Result<(Sequence, Epoch), CutError> {
        let life = i64::try_from(limits::RIGHTS_LIFE.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp(clock::now().0.saturating_sub(life));
        let found = self
            .read_model
            .ask_now(move |tables| queries::losses(tables, after, since))
            .await?;
        if !found.value.is_empty() {
            let lost = Arc::new(Lost::new(found.epoch, found.value));
            self.cut(&lost).await?;
            let later = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(SECOND_LOOK).await;
                if let Err(error) = later.cut(&lost).await {
                    tracing::warn!(%error, "the second look at connections failed");
                }
            });
        }
        Ok((found.through, found.epoch))
    }

    /// Ends the connections whose rights include what was lost. Connections that the callout was being
    /// asked about at the first look are checked again when they have an answer, since it may be from
    /// before the loss.
    ///
    /// When this returns, no connection has a right that was lost.
    async fn cut(&self, lost: &Lost) -> Result<(), SystemError> {
        let until = Instant::now() + LANDING;
        // An answer to a question asked after this takes the loss into account.
        let mut landing = self.look_and_end(lost).await?.unnamed;
        while !landing.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.end_late(lost, landing).await;
            }
            self.passage.settled(&self.system, &landing, left).await?;
            let seen = self.look_and_end(lost).await?;
            landing.retain(|open| seen.unnamed.contains(open));
        }
        Ok(())
    }

    /// Ends connections whose answers take long, except those known to be other people's. For a question to
    /// another natter server it is not known whose connection it is about.
    async fn end_late(&self, lost: &Lost, late: HashSet<(String, u64)>) -> Result<(), SystemError> {
        for connection in late {
            let holder = self.asked.holder_of(&connection);
            if holder.is_none_or(|holder| lost.by_holder.contains_key(&holder)) {
                tracing::debug!("ending a connection, since the callout takes long to answer");
                kick(&self.system, &connection.0, connection.1).await?;
            }
        }
        Ok(())
    }

    async fn look_and_end(&self, lost: &Lost) -> Result<Sighting, SystemError> {
        let seen = self.passage.look(&self.system).await?;
        let meant: Vec<_> = seen.named.iter().filter(|open| lost.is_in(open)).collect();
        // Before they end: a client connects again at once, and that must not count.
        let holders = meant.iter().map(|open| holder_of(&open.user));
        for holder in holders.flat_map(Username::parse) {
            self.limits.forgive_connect(&holder);
        }
        let meant = meant
            .into_iter()
            .map(|open| (open.server.clone(), open.cid));
        kick_all(&self.system, meant.collect()).await?;
        Ok(seen)
    }
}

/// Who lost which rights.
struct Lost {
    /// The epoch of the log that the losses are from.
    epoch: Epoch,
    by_holder: HashMap<String, Vec<Loss>>,
}

impl Lost {
    fn new(epoch: Epoch, losses: Vec<Loss>) -> Self {
        let mut by_holder = HashMap::<_, Vec<_>>::new();
        for loss in losses {
            let holder = loss.uid.to_string();
            by_holder.entry(holder).or_default().push(loss);
        }
        Self { epoch, by_holder }
    }

    /// Do the rights of a connection include some of it? A name without a position in LOG is from a
    /// version before such names.
    fn is_in(&self, open: &Present) -> bool {
        let Some(losses) = self.by_holder.get(holder_of(&open.user)) else {
            return false;
        };
        let Some(name) = ConnectionName::parse(&open.user) else {
            return true;
        };
        let Judged { epoch, through } = name.judged;
        match epoch.cmp(&self.epoch) {
            // The log was another one, so its sequences cannot be compared.
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => losses
                .iter()
                .any(|loss| loss.came <= through && through < loss.gone),
        }
    }
}

fn holder_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

#[derive(Debug, thiserror::Error)]
enum CutError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    System(#[from] SystemError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(user: &str) -> Present {
        Present {
            server: "S".into(),
            cid: 1,
            user: user.into(),
            since: String::new(),
        }
    }

    #[test]
    fn only_connections_whose_rights_hold_what_was_lost_end() {
        let loss = Loss {
            uid: Username::parse("ada").unwrap(),
            came: Sequence(10),
            gone: Sequence(20),
        };
        let lost = Lost::new(Epoch(5), vec![loss]);
        for (name, ends) in [
            ("ada.hash.5-9", false),
            ("ada.hash.5-10", true),
            ("ada.hash.5-19", true),
            ("ada.hash.5-20", false),
            ("ada.UKEY.5-12", true),
            // Of a log that was put back since, and of one that was put back after.
            ("ada.hash.4-900", true),
            ("ada.hash.6-12", false),
            ("ada.hash", true),
            ("ben.hash.5-12", false),
            ("natter", false),
        ] {
            assert_eq!(lost.is_in(&present(name)), ends, "{name}");
        }
    }
}
