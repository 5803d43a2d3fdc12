//! The connections that are open at the page's listener, and which of them is closed at the limit.
//!
//! A connection waits for a request, or a request on it is being answered; a WebSocket never waits. At the
//! limit a new connection replaces the one that has waited longest, so half-sent requests keep nobody
//! out.

mod bounds;
mod connection;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::server::source::Source;
pub use bounds::ConnectionBounds;
pub(super) use connection::Connection;

/// The limit is reached, and a request is being answered on each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Full;

/// All open connections.
#[derive(Clone)]
pub(in crate::server) struct Connections {
    bounds: ConnectionBounds,
    /// Is there a limit for each source? Not behind a proxy, where everybody has the proxy's address.
    by_source: bool,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    /// The next number, for connections and for waits.
    next: u64,
    held: HashMap<u64, Held>,
    /// The connections that wait, in the order in which they began to.
    waiting: BTreeMap<u64, u64>,
    of: HashMap<Source, Of>,
    is_told: bool,
}

struct Held {
    source: Option<Source>,
    /// The number of its wait, if it waits.
    waits: Option<u64>,
    closed: CancellationToken,
}

/// The connections of one source.
#[derive(Default)]
struct Of {
    count: usize,
    waiting: BTreeSet<u64>,
}

impl Connections {
    pub(in crate::server) fn new(bounds: ConnectionBounds, is_behind_proxy: bool) -> Self {
        Self {
            bounds,
            by_source: !is_behind_proxy,
            open: Arc::default(),
        }
    }

    /// Adds a new connection from this address; at the limit it closes another one for it.
    pub(super) fn enter(&self, from: IpAddr) -> Result<Arc<Connection>, Full> {
        let source = self.by_source.then(|| Source::from(from));
        let mut open = self.lock();
        let of_source = source.and_then(|source| open.of.get(&source));
        let evicted = match of_source {
            Some(of) if of.count >= self.bounds.of_one => Some(of.waiting.first().copied()),
            _ if open.held.len() >= self.bounds.in_all => {
                Some(open.waiting.first_key_value().map(|(wait, _)| *wait))
            }
            _ => None,
        };
        if let Some(wait) = evicted {
            self.tell_once(&mut open, from);
            let number = wait.and_then(|wait| open.waiting.get(&wait).copied());
            let held = number.and_then(|number| open.remove(number)).ok_or(Full)?;
            held.closed.cancel();
        }
        let closed = CancellationToken::new();
        let number = open.enter(source, closed.clone());
        let connection = Connection::new(number, self.clone(), closed);
        Ok(Arc::new(connection))
    }

    fn tell_once(&self, open: &mut Open, from: IpAddr) {
        if !open.is_told {
            open.is_told = true;
            tracing::warn!(
                %from,
                of_one = self.bounds.of_one,
                in_all = self.bounds.in_all,
                "the connection limit is reached: those that have waited longest for a request are \
                 closed. Behind a proxy, start natter with --behind-proxy"
            );
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn enter(&mut self, source: Option<Source>, closed: CancellationToken) -> u64 {
        let number = self.number();
        let held = Held {
            source,
            waits: None,
            closed,
        };
        self.held.insert(number, held);
        if let Some(source) = source {
            self.of.entry(source).or_default().count += 1;
        }
        self.waits(number);
        number
    }

    fn waits(&mut self, number: u64) {
        let wait = self.number();
        let Some(held) = self.held.get_mut(&number).filter(|h| h.waits.is_none()) else {
            return;
        };
        held.waits = Some(wait);
        self.waiting.insert(wait, number);
        let of = held.source.and_then(|source| self.of.get_mut(&source));
        if let Some(of) = of {
            of.waiting.insert(wait);
        }
    }

    fn works(&mut self, number: u64) {
        let Some(held) = self.held.get_mut(&number) else {
            return;
        };
        let Some(wait) = held.waits.take() else {
            return;
        };
        self.waiting.remove(&wait);
        let of = held.source.and_then(|source| self.of.get_mut(&source));
        if let Some(of) = of {
            of.waiting.remove(&wait);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Held> {
        self.works(number);
        let held = self.held.remove(&number)?;
        if let Some(source) = held.source
            && let Some(of) = self.of.get_mut(&source)
        {
            of.count -= 1;
            if of.count == 0 {
                self.of.remove(&source);
            }
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "192.0.2.1";
    const BEN: &str = "192.0.2.2";

    fn few(is_behind_proxy: bool) -> Connections {
        let bounds = ConnectionBounds {
            in_all: 4,
            of_one: 2,
            ..ConnectionBounds::for_files(1_024)
        };
        Connections::new(bounds, is_behind_proxy)
    }

    fn enter(connections: &Connections, from: &str) -> Result<Arc<Connection>, Full> {
        connections.enter(from.parse().unwrap())
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        let connections = few(false);
        let bens = enter(&connections, BEN).unwrap();
        let first = enter(&connections, ADA).unwrap();
        let second = enter(&connections, ADA).unwrap();
        // Its wait begins again.
        first.asked();
        first.answered();
        let third = enter(&connections, ADA).unwrap();
        assert!(second.closed().is_cancelled());
        assert!(!first.closed().is_cancelled() && !third.closed().is_cancelled());
        assert!(!bens.closed().is_cancelled());
        assert_eq!(connections.lock().held.len(), 3);
    }

    #[test]
    fn where_all_are_at_work_there_is_no_room_until_one_is_done() {
        let connections = few(false);
        let all = [(); 2].map(|()| enter(&connections, ADA).unwrap());
        for one in &all {
            one.asked();
        }
        assert!(enter(&connections, ADA).is_err());
        enter(&connections, BEN).unwrap();
        let [one, other] = all;
        one.answered();
        let next = enter(&connections, ADA).unwrap();
        assert!(one.closed().is_cancelled() && !other.closed().is_cancelled());
        next.asked();
        drop(one);
        assert!(enter(&connections, ADA).is_err());
        drop(other);
        enter(&connections, ADA).unwrap();
    }

    #[test]
    fn there_is_a_most_in_all_and_behind_a_proxy_no_other() {
        for is_behind_proxy in [false, true] {
            let connections = few(is_behind_proxy);
            let from = |n| match is_behind_proxy {
                true => ADA.to_owned(),
                false => format!("192.0.2.{n}"),
            };
            let all: Vec<_> = (0..4)
                .map(|n| enter(&connections, &from(n)).unwrap())
                .collect();
            assert!(all.iter().all(|one| !one.closed().is_cancelled()));
            let _next = enter(&connections, &from(9)).unwrap();
            assert!(all[0].closed().is_cancelled() && !all[1].closed().is_cancelled());
        }
    }

    #[test]
    fn nothing_is_kept_of_those_that_are_gone() {
        let connections = few(false);
        for _ in 0..9 {
            let one = enter(&connections, ADA).unwrap();
            one.asked();
            one.answered();
        }
        let open = connections.lock();
        assert!(open.held.is_empty() && open.waiting.is_empty() && open.of.is_empty());
    }
}
