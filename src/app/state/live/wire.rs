//! The page's connection to the broker, which can be changed for another one under way: rights
//! of a live connection cannot change, so when they grow, or are about to end, a second connection
//! is made before the first is dropped (design section 2), and nobody notices.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Live, connection, feed, sleep};
use crate::domain::{limits, subject};
use crate::nats;
use crate::wire::{place_of, v1};

/// Before trying again, where a second connection could not be made.
const PAUSE: Duration = Duration::from_secs(5);

/// One connection, and what is heard on it.
struct Wire {
    client: nats::Client,
    /// Tells it from those before.
    number: u64,
    /// What is heard on it.
    feeds: HashSet<String>,
    /// What it was tried to hear on it: asking for it again needs other rights, and so another
    /// connection.
    tried: HashSet<String>,
}

/// The connection in use.
#[derive(Clone)]
pub(super) struct Wires {
    wire: Arc<Mutex<Wire>>,
    options: nats::ConnectOptions,
    is_changing: Arc<Mutex<bool>>,
}

impl Wires {
    pub(super) fn start(options: nats::ConnectOptions) -> Self {
        let wire = Wire {
            client: nats::Client::connect(options.clone()),
            number: 0,
            feeds: HashSet::new(),
            tried: HashSet::new(),
        };
        Self {
            wire: Arc::new(Mutex::new(wire)),
            options,
            is_changing: Arc::default(),
        }
    }

    pub(super) fn client(&self) -> nats::Client {
        self.lock().client.clone()
    }

    pub(super) fn number(&self) -> u64 {
        self.lock().number
    }

    /// Notes a feed as one that is heard on this wire. False: it is already, or the wire is
    /// another one now.
    fn add_feed(&self, number: u64, feed: &str) -> bool {
        let mut wire = self.lock();
        if wire.number != number {
            return false;
        }
        wire.tried.insert(feed.to_owned());
        wire.feeds.insert(feed.to_owned())
    }

    /// A feed has ended.
    pub(super) fn lose_feed(&self, number: u64, feed: &str) {
        let mut wire = self.lock();
        if wire.number == number {
            wire.feeds.remove(feed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to change the wire. False: somebody does already.
    fn begin_changing(&self) -> bool {
        let mut is_changing = self
            .is_changing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut *is_changing, true)
    }

    fn end_changing(&self) {
        *self
            .is_changing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = false;
    }
}

/// The feeds that somebody who is in these rooms hears. Each is a right of its own, or part of one.
fn feeds(live: &Live) -> BTreeSet<String> {
    let is_guest = live.chat.me.with_value(|me| me.role() == v1::Role::Guest);
    let mut feeds = BTreeSet::from([subject::event_user(&live.me)]);
    feeds.extend(subject::event_direct(&live.me));
    if !is_guest {
        feeds.insert(subject::EVENT_OPEN_ROOMS.into());
    }
    live.chat.rooms.with_untracked(|rooms| {
        let rooms = rooms.iter().filter_map(|head| head.room.as_ref());
        let own = rooms.filter(|room| match room.kind() {
            v1::RoomKind::Closed => true,
            v1::RoomKind::Open => is_guest,
            v1::RoomKind::Direct | v1::RoomKind::Unspecified => false,
        });
        feeds.extend(own.filter_map(|room| Some(place_of(room).ok()?.event())));
    });
    feeds
}

/// Hears every feed on the connection that there is now.
pub(super) fn listen(live: &Live) {
    let number = live.wires.number();
    let client = live.wires.client();
    for feed in feeds(live) {
        if live.wires.add_feed(number, &feed) {
            spawn_local(feed::follow(live.clone(), client.clone(), number, feed));
        }
    }
}

/// Hears what the person may hear by now: with another connection, where this one was made before
/// they came into a room.
pub(super) async fn keep_up(live: Live) {
    while is_missing(&live) && change(&live).await {}
}

/// Is there a feed to hear that was not tried on this connection? One that was refused, and is
/// still wanted, is not asked for again and again.
fn is_missing(live: &Live) -> bool {
    let wanted = feeds(live);
    let mut wire = live.wires.lock();
    // Who was sent away and is brought in again needs another connection then.
    wire.tried.retain(|feed| wanted.contains(feed));
    wanted.iter().any(|feed| !wire.tried.contains(feed))
}

/// Changes the connection before its rights end, again and again.
pub(super) async fn renew(live: Live) {
    let life = live.chat.rights_life.get_value();
    loop {
        sleep(life.mul_f64(limits::RIGHTS_RENEWED)).await;
        change(&live).await;
    }
}

/// Makes another connection, hears everything on it, and drops the one before. False: somebody
/// does it already, and looks again afterwards, or it could not be made now.
async fn change(live: &Live) -> bool {
    if !live.wires.begin_changing() {
        return false;
    }
    let changed = make_before_break(live).await;
    live.wires.end_changing();
    if !changed {
        let again = live.clone();
        spawn_local(async move {
            sleep(PAUSE).await;
            keep_up(again).await;
        });
    }
    changed
}

async fn make_before_break(live: &Live) -> bool {
    // A connection that is being made anew anyway gets the rights of now.
    let before = live.wires.client();
    if before.connected().await.is_err() {
        return false;
    }
    let client = nats::Client::connect(live.wires.options.clone());
    if client.connected().await.is_err() {
        client.close();
        return false;
    }
    let number = {
        let mut wire = live.wires.lock();
        wire.client = client.clone();
        wire.number += 1;
        wire.feeds.clear();
        wire.tried.clear();
        wire.number
    };
    listen(live);
    spawn_local(connection::follow(live.clone(), client, number));
    // Once what was said meanwhile is here, nothing is missed by not hearing it there.
    feed::resume(live).await;
    before.close();
    true
}
