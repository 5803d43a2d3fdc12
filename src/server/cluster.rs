//! At a cluster: the leaders of what natter keeps are held together on one server, and pages
//! connect to the others.
//!
//! A server that is killed takes its connections with it, and its leaders: until others are chosen
//! (4 to 9 s), nobody can be let in, since a session is only looked up at a leader (Must hold, 6).
//! Spread over the servers, the loss of any one meets somebody with both at once. Held together, the
//! loss of one that leads nothing is over at the next try, and the loss of the one that leads cuts
//! nobody off: messages wait for the choice (`docs/decisions/0021-a-leader-is-lost.md`).
//!
//! The server that leads is the first of `--nats-ws` that can, so that every natter wants the same.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::{Context, stream};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::store::LOG_STREAM;
use crate::nats::ServerInfo;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// A server leads once it was seen to have everything so often in a row: one that comes and goes
/// does not take the leaders with it each time.
const LOOKS: u32 = 3;

/// For a WebSocket listener to say whose it is.
const SAID_WITHIN: Duration = Duration::from_secs(2);

/// The servers' WebSocket listeners, and which of them is to be spared.
#[derive(Clone)]
pub struct Cluster {
    /// As they are named on the command line.
    listeners: Arc<[SocketAddr]>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// What the server behind a listener is called.
    names: HashMap<SocketAddr, String>,
    /// The server that leads, or is to.
    leader: Option<String>,
}

impl Cluster {
    pub(super) fn new(listeners: &[SocketAddr]) -> Self {
        Self {
            listeners: listeners.into(),
            known: Arc::default(),
        }
    }

    /// Is there more than one server?
    pub(super) fn has_several(&self) -> bool {
        self.listeners.len() > 1
    }

    /// All listeners in the order in which connection `number` tries them: another one first each
    /// time, then the one that leads, and last the one that is to lead whenever it can.
    pub(super) fn in_turn(&self, number: u64) -> Vec<SocketAddr> {
        let known = self.lock();
        let leads = |listener: &SocketAddr| {
            let name = known.names.get(listener);
            name.is_some() && name == known.leader.as_ref()
        };
        let Some((home, others)) = self.listeners.split_first() else {
            return Vec::new();
        };
        let (last, mut turn): (Vec<_>, Vec<_>) = others.iter().copied().partition(leads);
        if !turn.is_empty() {
            let first = usize::try_from(number).unwrap_or_default() % turn.len();
            turn.rotate_left(first);
        }
        turn.extend(last);
        turn.push(*home);
        turn
    }

    /// Looks now and then, until `stop`.
    pub(super) async fn hold_together(self, js: Context, stop: CancellationToken) {
        let looking = async {
            let mut fit = Fit::default();
            loop {
                self.learn_names().await;
                match self.look(&js, &mut fit).await {
                    Ok(()) => {}
                    // While the cluster itself has no leader nobody answers.
                    Err(error) => tracing::debug!(%error, "the leaders are not known"),
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    async fn look(&self, js: &Context, fit: &mut Fit) -> Result<(), async_nats::Error> {
        let streams: Vec<stream::Info> = js.streams().try_collect().await?;
        let Some(log) = streams.iter().find(|s| s.config.name == LOG_STREAM) else {
            return Ok(());
        };
        let leads = leader(log).map(str::to_owned);
        // A natter that does not know all of them would want another one than those that do.
        let names = self.names_in_order();
        let wanted = match names.len() == self.listeners.len() {
            true => fit.choose(&names, log).or(leads),
            false => leads,
        };
        self.lock().leader.clone_from(&wanted);
        let Some(wanted) = wanted else { return Ok(()) };
        let own = streams.iter().filter(|s| is_natters(&s.config.name));
        let elsewhere = own.filter(|stream| {
            leader(stream).is_some_and(|leads| leads != wanted) && has_all(stream, &wanted)
        });
        for stream in elsewhere {
            let name = &stream.config.name;
            let asked = json!({ "placement": { "preferred": wanted } });
            let subject = format!("STREAM.LEADER.STEPDOWN.{name}");
            let answer: Answer = js.request(subject, &asked).await?;
            // Else another natter has asked for the same.
            if answer.success {
                tracing::info!(stream = %name, to = %wanted, "a leader is moved");
            }
        }
        Ok(())
    }

    fn names_in_order(&self) -> Vec<String> {
        let known = self.lock();
        let names = self.listeners.iter().filter_map(|at| known.names.get(at));
        names.cloned().collect()
    }

    async fn learn_names(&self) {
        let unknown: Vec<_> = {
            let known = self.lock();
            let all = self.listeners.iter().copied();
            all.filter(|at| !known.names.contains_key(at)).collect()
        };
        for listener in unknown {
            let asked = tokio::time::timeout(SAID_WITHIN, name_of(listener));
            if let Ok(Some(name)) = asked.await {
                self.lock().names.insert(listener, name);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A name and an address are as good after a panic as before.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often in a row each server was seen to have all of LOG.
#[derive(Default)]
struct Fit(HashMap<String, u32>);

impl Fit {
    /// The first of `names` that can lead. One that leads already has been chosen by another natter
    /// server, or by the cluster: it is not counted, or two that have looked at different moments would
    /// move the leader to and fro.
    fn choose(&mut self, names: &[String], log: &stream::Info) -> Option<String> {
        for name in names {
            let is_fit = leader(log) == Some(name) || has_all(log, name);
            let times = self.0.entry(name.clone()).or_default();
            *times = if is_fit { times.saturating_add(1) } else { 0 };
        }
        let leads = leader(log);
        let is_fit = |name: &&String| {
            leads == Some(name.as_str()) || self.0.get(*name).is_some_and(|times| *times >= LOOKS)
        };
        names.iter().find(is_fit).cloned()
    }
}

/// Others may keep something in the account too, and have their own reasons for where.
fn is_natters(stream: &str) -> bool {
    let buckets = ["KV_natter-", "OBJ_natter-"];
    stream == LOG_STREAM || buckets.iter().any(|bucket| stream.starts_with(bucket))
}

/// The server that leads a stream, where there is a cluster.
fn leader(stream: &stream::Info) -> Option<&str> {
    stream.cluster.as_ref()?.leader.as_deref()
}

/// Has a server that does not lead it all of a stream?
fn has_all(stream: &stream::Info, name: &str) -> bool {
    let replicas = stream.cluster.iter().flat_map(|cluster| &cluster.replicas);
    let mut those = replicas.filter(|replica| replica.name == name);
    those.any(|replica| replica.current && !replica.offline)
}

/// What the broker says to being asked.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    success: bool,
}

/// What the server behind a WebSocket listener is called: it says so to whoever comes.
async fn name_of(listener: SocketAddr) -> Option<String> {
    let url = format!("ws://{listener}/");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.ok()?;
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n") {
        said.extend_from_slice(&socket.next().await?.ok()?.into_data());
    }
    let info = said.strip_prefix(b"INFO ")?;
    let info: ServerInfo = serde_json::from_slice(info).ok()?;
    (!info.server_name.is_empty()).then_some(info.server_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> [SocketAddr; 3] {
        [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn connections_take_turns_and_spare_the_one_that_leads() {
        let [a, b, c] = listeners();
        let cluster = Cluster::new(&[a, b, c]);
        assert_eq!(cluster.in_turn(0), [b, c, a]);
        assert_eq!(cluster.in_turn(1), [c, b, a]);
        {
            let mut known = cluster.lock();
            known.names = [(a, "a".into()), (b, "b".into())].into();
            known.leader = Some("a".into());
        }
        assert_eq!(cluster.in_turn(2), [b, c, a]);
        // While the first is away another one leads.
        cluster.lock().leader = Some("b".into());
        assert_eq!(cluster.in_turn(0), [c, b, a]);
        assert_eq!(cluster.in_turn(1), [c, b, a]);
    }

    #[test]
    fn one_alone_is_always_taken() {
        let [a, ..] = listeners();
        let cluster = Cluster::new(&[a]);
        cluster.lock().names.insert(a, "a".into());
        cluster.lock().leader = Some("a".into());
        assert_eq!(cluster.in_turn(7), [a]);
        assert_eq!(Cluster::new(&[]).in_turn(7), []);
    }

    /// LOG as its broker tells of it, led by `leader`, with these others that have all of it or not.
    fn log(leader: &str, others: [(&str, bool); 2]) -> stream::Info {
        let replicas = others.map(|(name, current)| {
            json!({ "name": name, "current": current, "active": 0, "offline": !current })
        });
        serde_json::from_value(json!({
            "config": { "name": "LOG", "num_replicas": 3, "retention": "limits", "storage": "file",
                "discard": "new", "max_consumers": -1, "max_msgs": -1, "max_bytes": -1,
                "max_age": 0 },
            "created": "2026-01-01T00:00:00Z",
            "state": { "messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0,
                "first_ts": "2026-01-01T00:00:00Z", "last_ts": "2026-01-01T00:00:00Z",
                "consumer_count": 0 },
            "cluster": { "name": "c", "leader": leader, "replicas": replicas },
        }))
        .unwrap()
    }

    #[test]
    fn the_first_that_has_had_everything_for_a_while_leads() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut fit = Fit::default();
        let away = log("c", [("a", false), ("b", true)]);
        let back = log("c", [("a", true), ("b", true)]);
        let mut choices = Vec::new();
        for log in [&away, &away, &away, &back, &back, &back, &away] {
            choices.push(fit.choose(&names, log));
        }
        let choices: Vec<_> = choices.iter().map(Option::as_deref).collect();
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        assert_eq!(choices, [c, c, b, b, b, a, b]);
    }

    /// Two natter servers look at different moments: what one has moved, the other does not move back.
    #[test]
    fn a_leader_that_another_natter_server_has_moved_stays() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut fit = Fit::default();
        let away = log("b", [("a", false), ("c", true)]);
        for _ in 0..LOOKS {
            assert_eq!(fit.choose(&names, &away).as_deref(), Some("b"));
        }
        let moved = log("a", [("b", true), ("c", true)]);
        assert_eq!(fit.choose(&names, &moved).as_deref(), Some("a"));
    }
}
