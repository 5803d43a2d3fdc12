//! Cuts off people who cost the broker too much in ways that natter does not count: messages on subjects that are
//! forbidden or that nobody reads, and many subscriptions to one subject, each of which gets a copy of every
//! message. The broker's own numbers tell: natter asks for the busiest connections every few seconds.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::broker::{Busiest, busiest};
use super::limits::Limits;
use super::router::CutOff;
use crate::domain::{Username, limits};

/// Between two looks: two requests to each server of the broker.
const PAUSE: Duration = Duration::from_secs(3);

/// Looks every few seconds, for ever.
pub async fn watch(system: async_nats::Client, account: String, limits: Limits, cut_off: CutOff) {
    let mut seen = Seen::default();
    loop {
        tokio::time::sleep(PAUSE).await;
        match busiest(&system, &account).await {
            Ok(busiest) => {
                for (uid, excess) in seen.look(&busiest, Instant::now()) {
                    if limits.cut_off_now(&uid) {
                        tracing::warn!(who = %uid, "cut off for too many {excess} at the broker");
                        cut_off(uid);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "the busiest connections are not known"),
        }
    }
}

/// What somebody has too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    Messages,
    Subscriptions,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Messages => "messages",
            Self::Subscriptions => "subscriptions",
        })
    }
}

/// What the last look found.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    /// The messages of each connection until then.
    messages: HashMap<(String, u64), u64>,
    /// By server, the most messages of any other connection until then.
    unlisted: HashMap<String, u64>,
}

impl Seen {
    /// The people who are past a limit now.
    fn look(&mut self, busiest: &Busiest, now: Instant) -> Vec<(Username, Excess)> {
        let passed = self.at.map(|at| now.saturating_duration_since(at));
        let mut of_person = HashMap::<&str, (u64, u64)>::new();
        let mut messages = HashMap::new();
        for one in &busiest.connections {
            let connection = &one.connection;
            let place = (connection.server.clone(), connection.cid);
            let before = self.messages.get(&place);
            let before = before.or_else(|| self.unlisted.get(&connection.server));
            let new = one.messages.saturating_sub(before.copied().unwrap_or(0));
            messages.insert(place, one.messages);
            // Natter's own connections have other names.
            if let Some((name, _)) = connection.user.split_once('.') {
                let (sent, subscriptions) = of_person.entry(name).or_default();
                *sent += new;
                *subscriptions += one.subscriptions;
            }
        }
        (self.at, self.messages) = (Some(now), messages);
        self.unlisted.clone_from(&busiest.unlisted);
        let allowed = passed.map_or(u64::MAX, |passed| {
            let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            (limits::MESSAGES_PER_SECOND.saturating_mul(millis) / 1_000)
                .max(limits::MESSAGES_PER_SECOND)
        });
        let past = of_person.into_iter().filter_map(|(name, (sent, subs))| {
            let excess = if sent > allowed {
                Excess::Messages
            } else if subs > limits::SUBSCRIPTIONS_IN_ALL as u64 {
                Excess::Subscriptions
            } else {
                return None;
            };
            Some((Username::parse(name).ok()?, excess))
        });
        past.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::broker::{Busy, Present};

    fn busy(user: &str, cid: u64, messages: u64, subscriptions: u64) -> Busy {
        let connection = Present {
            server: "S".into(),
            cid,
            user: user.into(),
            since: String::new(),
        };
        Busy {
            connection,
            messages,
            subscriptions,
        }
    }

    /// Who is cut off at the second of two looks, three seconds apart.
    fn second_look(unlisted: u64, first: &[Busy], second: &[Busy]) -> Vec<(String, Excess)> {
        let mut seen = Seen::default();
        let now = Instant::now();
        let look = |all: &[Busy]| Busiest {
            connections: all.to_vec(),
            unlisted: HashMap::from([("S".to_owned(), unlisted)]),
        };
        let at_first = seen.look(&look(first), now);
        let too_many = |(_, excess): &(Username, Excess)| *excess == Excess::Messages;
        assert!(
            !at_first.iter().any(too_many),
            "nothing is known at the first look"
        );
        let mut past = seen.look(&look(second), now + Duration::from_secs(3));
        past.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        past.into_iter()
            .map(|(who, excess)| (who.to_string(), excess))
            .collect()
    }

    #[test]
    fn messages_are_counted_by_person_and_from_one_look_to_the_next() {
        let most = 3 * limits::MESSAGES_PER_SECOND;
        let first = [
            busy("ada.x", 1, 5_000_000, 1),
            busy("ben.x", 2, 0, 1),
            busy("ben.y", 3, 0, 1),
            busy("natter", 4, 0, 1),
        ];
        let second = [
            busy("ada.x", 1, 5_000_000 + most, 1),
            busy("ben.x", 2, most / 2 + 1, 1),
            busy("ben.y", 3, most / 2 + 1, 1),
            busy("natter", 4, 100 * most, 1),
            // Neither was among the busiest before: one may have sent all that earlier.
            busy("cat.x", 5, 100 + most, 1),
            busy("eve.x", 6, 101 + most, 1),
        ];
        let past = ["ben", "eve"].map(|who| (who.to_owned(), Excess::Messages));
        assert_eq!(second_look(100, &first, &second), past);
    }

    #[test]
    fn subscriptions_are_counted_by_person() {
        let most = limits::SUBSCRIPTIONS_IN_ALL as u64;
        let now = [
            busy("ada.x", 1, 0, most),
            busy("ben.x", 2, 0, most),
            busy("ben.y", 3, 0, 1),
            busy("natter", 4, 0, 100 * most),
        ];
        assert_eq!(
            second_look(0, &[], &now),
            [("ben".into(), Excess::Subscriptions)]
        );
    }
}
