//! How many terminals and bots of one person are connected. Connections with `.creds` files pass no
//! tunnel that could count them, so natter looks at the broker after each that it lets in, and ends
//! those that are too many, the youngest first. Who has as many as one may is not let in with
//! another; a new look says when there is room again.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::broker::{Present, SystemError, kick, present};
use crate::domain::limits;

/// From the first connection to the look: those that come at once are looked at together, and the
/// broker is asked once a second at most.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts, and says who has too many.
#[derive(Clone)]
pub struct Headcount {
    full: Arc<Mutex<HashSet<String>>>,
    look: mpsc::Sender<()>,
}

impl Headcount {
    /// Counts those in `account` until `stop`.
    #[must_use]
    pub fn start(system: async_nats::Client, account: String, stop: CancellationToken) -> Self {
        // One place is enough: a look sees everybody.
        let (look, mut asked) = mpsc::channel(1);
        let count = Self {
            full: Arc::default(),
            look,
        };
        let full = Arc::clone(&count.full);
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            while asked.recv().await.is_some() {
                tokio::time::sleep(PAUSE).await;
                match cut_excess(&system, &account).await {
                    Ok(now) => *lock(&full) = now,
                    Err(error) => tracing::warn!(%error, "terminals were not counted"),
                }
            }
        }));
        count
    }

    /// May the holder of a file connect once more? Whatever the answer, there is a look soon.
    #[must_use]
    pub fn has_room(&self, holder: &str) -> bool {
        // Full means that one is on its way.
        let _ = self.look.try_send(());
        !lock(&self.full).contains(holder)
    }
}

fn lock(full: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    full.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends what is too much, and tells who has as many as one may.
async fn cut_excess(
    system: &async_nats::Client,
    account: &str,
) -> Result<HashSet<String>, SystemError> {
    let mut full = HashSet::new();
    for (holder, terminals) in by_holder(present(system, account).await?) {
        if terminals.len() >= limits::TERMINALS_PER_PERSON {
            full.insert(holder);
        }
        for one in terminals.into_iter().skip(limits::TERMINALS_PER_PERSON) {
            tracing::debug!(
                who = one.user,
                "has too many terminals; the youngest is cut off"
            );
            kick(system, &one.server, one.cid).await?;
        }
    }
    Ok(full)
}

/// The connections with `.creds` files, the oldest first.
fn by_holder(all: Vec<Present>) -> BTreeMap<String, Vec<Present>> {
    let mut holders = BTreeMap::<String, Vec<Present>>::new();
    for one in all {
        // A file's is called `<name>.<nkey>` and on, a page's `<name>.<hash>`.
        let mut parts = one.user.split('.');
        if let Some((name, nkey)) = parts.next().zip(parts.next())
            && nkeys::KeyPair::from_public_key(nkey).is_ok()
        {
            holders.entry(name.to_owned()).or_default().push(one);
        }
    }
    for terminals in holders.values_mut() {
        terminals.sort_by(|a, b| (&a.since, a.cid).cmp(&(&b.since, b.cid)));
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_told_from_pages_and_stand_in_their_order() {
        let nkey = nkeys::KeyPair::new_user().public_key();
        let present = |user: String, since: &str, cid| Present {
            server: "S".into(),
            cid,
            user,
            since: since.into(),
        };
        let counted = by_holder(vec![
            present(format!("ada.{nkey}.0-7"), "2026-01-02T00:00:00Z", 1),
            present(format!("ada.{nkey}"), "2026-01-01T00:00:00Z", 2),
            present(
                format!("ada.{}.0-7", "A".repeat(43)),
                "2026-01-01T00:00:00Z",
                3,
            ),
            present("natter".into(), "2026-01-01T00:00:00Z", 4),
        ]);
        let cids: Vec<_> = counted["ada"].iter().map(|one| one.cid).collect();
        assert_eq!((counted.len(), cids), (1, vec![2, 1]));
    }
}
