//! The limit on connections of one person, over all ways in: through the tunnel of any natter server, or
//! directly to the broker over TCP or WebSocket, with a session's token or a `.creds` file.
//!
//! The auth callout sees each connection begin, and none end. So natter counts the connections that it
//! accepts, which are never fewer than those that exist, and lists the broker's connections when there are
//! many. The list also shows connections that other natter servers accepted. Connections past the limit
//! are ended, the youngest first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::broker::{Present, SystemError, kick_all, present};
use super::tasks::Tasks;
use crate::domain::limits;

/// Connections of one person that are accepted before the broker's connections are listed. Each further
/// natter server accepts at most that many that the others do not know of.
const LOOK_FROM: usize = 8;

/// From the request for a look to the look. By then the broker shows connections accepted before.
const PAUSE: Duration = Duration::from_secs(1);

/// A look lists all connections. The pause before the next one is this many times as long as it took.
const PAUSE_PER_LOOK: u32 = 10;

/// Counts connections, and refuses those past the limit.
#[derive(Clone)]
pub struct ConnectionLimit {
    people: Arc<Mutex<HashMap<String, Person>>>,
    look: mpsc::Sender<()>,
}

/// A connection for [`kick_all`]: its server's id, and its number there.
pub type Place = (String, u64);

/// What is known of one person's connections.
#[derive(Debug, Default)]
struct Person {
    /// Seen at the last look.
    seen: Vec<Place>,
    /// Accepted since then.
    let_in: Vec<Place>,
}

impl Person {
    fn is_full(&self) -> bool {
        self.seen.len() + self.let_in.len() >= limits::CONNECTIONS_IN_ALL
    }
}

impl ConnectionLimit {
    /// Counts connections in `account` until natter stops. Also looks after natter's own connection was lost:
    /// people lose theirs with it, and connect again at once.
    #[must_use]
    pub fn start(
        system: async_nats::Client,
        account: String,
        mut reconnects: watch::Receiver<u64>,
        tasks: &Tasks,
    ) -> Self {
        let (limit, mut wanted) = Self::new();
        let people = Arc::clone(&limit.people);
        reconnects.mark_unchanged();
        tasks.spawn("counting connections", async move {
            let mut pause = PAUSE;
            loop {
                tokio::select! {
                    Some(()) = wanted.recv() => {}
                    Ok(()) = reconnects.changed() => {}
                    else => return,
                }
                let before = counted(&people);
                tokio::time::sleep(pause).await;
                let began = Instant::now();
                if let Err(error) = look(&system, &account, &people, &before).await {
                    tracing::warn!(%error, "connections were not counted");
                }
                pause = PAUSE.max(began.elapsed() * PAUSE_PER_LOOK);
            }
        });
        limit
    }

    fn new() -> (Self, mpsc::Receiver<()>) {
        // One slot is enough: a look covers everybody.
        let (look, wanted) = mpsc::channel(1);
        let people = Arc::default();
        (Self { people, look }, wanted)
    }

    /// Counts a connection that `holder` wants to make. False: the limit is reached.
    #[must_use]
    pub fn admit(&self, holder: &str, place: Place) -> bool {
        let mut people = lock(&self.people);
        let person = people.entry(holder.to_owned()).or_default();
        let is_full = person.is_full();
        if !is_full {
            person.let_in.push(place);
        }
        if is_full || person.let_in.len() >= LOOK_FROM {
            self.want_look();
        }
        !is_full
    }

    /// Has this person reached the limit?
    #[must_use]
    pub fn is_full(&self, holder: &str) -> bool {
        let is_full = lock(&self.people).get(holder).is_some_and(Person::is_full);
        if is_full {
            self.want_look();
        }
        is_full
    }

    /// The connections of a person that this natter server has accepted or seen. Some may have ended,
    /// and other natter servers may have accepted further ones.
    #[must_use]
    pub fn known_of(&self, holder: &str) -> Vec<Place> {
        let people = lock(&self.people);
        let person = people.get(holder);
        let known = person.map(|person| person.seen.iter().chain(&person.let_in));
        known.into_iter().flatten().cloned().collect()
    }

    fn want_look(&self) {
        // Full means that a look is requested already.
        let _ = self.look.try_send(());
    }
}

fn lock(people: &Mutex<HashMap<String, Person>>) -> MutexGuard<'_, HashMap<String, Person>> {
    people.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of each person's connections accepted since the last look.
fn counted(people: &Mutex<HashMap<String, Person>>) -> HashMap<String, usize> {
    let people = lock(people);
    let counts = people
        .iter()
        .map(|(who, person)| (who.clone(), person.let_in.len()));
    counts.collect()
}

/// Ends connections past the limit, and notes the others. Those accepted `before` are in the list.
async fn look(
    system: &async_nats::Client,
    account: &str,
    people: &Mutex<HashMap<String, Person>>,
    before: &HashMap<String, usize>,
) -> Result<(), SystemError> {
    let all = by_holder(present(system, account).await?);
    note(&mut lock(people), &all, before);
    let mut excess = Vec::new();
    for (who, theirs) in all {
        for one in theirs.into_iter().skip(limits::CONNECTIONS_IN_ALL) {
            tracing::debug!(who, "has too many connections; the youngest is ended");
            excess.push((one.server, one.cid));
        }
    }
    kick_all(system, excess).await
}

fn note(
    people: &mut HashMap<String, Person>,
    all: &BTreeMap<String, Vec<Present>>,
    before: &HashMap<String, usize>,
) {
    for (who, theirs) in all {
        // People with fewer are counted again when they connect.
        if theirs.len() >= LOOK_FROM {
            people.entry(who.clone()).or_default();
        }
    }
    for (who, person) in people.iter_mut() {
        let theirs = all.get(who).map(Vec::as_slice).unwrap_or_default();
        let kept = theirs.iter().take(limits::CONNECTIONS_IN_ALL);
        person.seen = kept.map(|one| (one.server.clone(), one.cid)).collect();
        let landed = before.get(who).copied().unwrap_or(0);
        person.let_in.drain(..landed.min(person.let_in.len()));
    }
    people.retain(|_, person| !person.seen.is_empty() || !person.let_in.is_empty());
}

/// The connections of people and services, the oldest first. Their names are `<name>.<nkey>` or
/// `<name>.<hash>`; natter's own have other names.
fn by_holder(all: Vec<Present>) -> BTreeMap<String, Vec<Present>> {
    let mut holders = BTreeMap::<String, Vec<Present>>::new();
    for one in all {
        if let Some((name, _)) = one.user.split_once('.') {
            holders.entry(name.to_owned()).or_default().push(one);
        }
    }
    for theirs in holders.values_mut() {
        theirs.sort_by(|a, b| (&a.since, a.cid).cmp(&(&b.since, b.cid)));
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(user: &str, since: &str, cid: u64) -> Present {
        Present {
            server: "S".into(),
            cid,
            user: user.into(),
            since: since.into(),
        }
    }

    fn let_in(limit: &ConnectionLimit, who: &str, tries: u64) -> usize {
        let place = |n| ("S".to_owned(), n);
        (0..tries).filter(|n| limit.admit(who, place(*n))).count()
    }

    /// A look that finds these connections, after all accepted ones have been established.
    fn look_finds(limit: &ConnectionLimit, all: Vec<Present>) {
        let before = counted(&limit.people);
        note(&mut lock(&limit.people), &by_holder(all), &before);
    }

    #[test]
    fn no_more_are_let_in_than_one_may_have_and_a_look_makes_room() {
        let (limit, mut wanted) = ConnectionLimit::new();
        assert_eq!(let_in(&limit, "ada", 7), LOOK_FROM - 1);
        assert!(wanted.try_recv().is_err(), "few are not looked at");
        let rest = limits::CONNECTIONS_IN_ALL - LOOK_FROM + 1;
        assert_eq!(let_in(&limit, "ada", 100), rest);
        assert!(wanted.try_recv().is_ok() && limit.is_full("ada"));
        assert_eq!(let_in(&limit, "ben", 1), 1);

        let there = (0..30).map(|n| present("ada.x", "2026-01-01T00:00:00Z", n));
        look_finds(&limit, there.collect());
        assert!(!limit.is_full("ada"));
        assert_eq!(let_in(&limit, "ada", 100), limits::CONNECTIONS_IN_ALL - 30);
        look_finds(&limit, Vec::new());
        assert!(lock(&limit.people).is_empty(), "who has none is forgotten");
    }

    #[test]
    fn what_comes_between_the_count_and_the_list_is_not_forgotten() {
        let (limit, _wanted) = ConnectionLimit::new();
        let_in(&limit, "ada", 40);
        let before = counted(&limit.people);
        let_in(&limit, "ada", 5);
        note(&mut lock(&limit.people), &BTreeMap::new(), &before);
        let left: Vec<_> = limit.known_of("ada").iter().map(|at| at.1).collect();
        assert_eq!(left, [0, 1, 2, 3, 4], "the last five");
    }

    #[test]
    fn what_other_natters_have_let_in_counts_once_it_was_seen() {
        let (limit, _wanted) = ConnectionLimit::new();
        let there = (0..60).map(|n| present("ada.x", "2026-01-01T00:00:00Z", n));
        look_finds(&limit, there.collect());
        assert_eq!(let_in(&limit, "ada", 1), 0);
        assert_eq!(limit.known_of("ada").len(), limits::CONNECTIONS_IN_ALL);
    }

    #[test]
    fn connections_stand_in_their_order_and_natters_own_are_nobodys() {
        let counted = by_holder(vec![
            present("ada.file", "2026-01-02T00:00:00Z", 1),
            present("ada.session", "2026-01-01T00:00:00Z", 2),
            present("natter", "2026-01-01T00:00:00Z", 4),
        ]);
        let cids: Vec<_> = counted["ada"].iter().map(|one| one.cid).collect();
        assert_eq!((counted.len(), cids), (1, vec![2, 1]));
    }
}
