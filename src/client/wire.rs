//! The connection to the broker, which can be changed for another one under way: rights of a live
//! connection cannot change, so when they grow, or are about to end, a second connection is made
//! before the first is dropped (design section 2), and nobody notices.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::chat::lock;
use super::{ChatClient, Model, connection, feed, fetch};
use crate::domain::{Username, limits, subject};
use crate::nats::{self, runtime};
use crate::wire::{place_of, v1};

/// Before trying again, where a second connection could not be made.
const PAUSE: Duration = Duration::from_secs(5);

/// The part of the life of rights that passes at most before another try to renew them: several fit into
/// what is left.
const SOON: f64 = 0.01;

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
    pub fn start(options: nats::ConnectOptions) -> Self {
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

    pub fn client(&self) -> nats::Client {
        self.lock().client.clone()
    }

    pub fn number(&self) -> u64 {
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
    pub fn lose_feed(&self, number: u64, feed: &str) {
        let mut wire = self.lock();
        if wire.number == number {
            wire.feeds.remove(feed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wire> {
        lock(&self.wire)
    }

    /// Begins to change the wire. False: somebody does already.
    fn begin_changing(&self) -> bool {
        !std::mem::replace(&mut *lock(&self.is_changing), true)
    }

    fn end_changing(&self) {
        *lock(&self.is_changing) = false;
    }
}

/// The feeds that somebody who is in these rooms hears. Each is a right of its own, or part of one.
fn feeds(me: &Username, model: &Model) -> BTreeSet<String> {
    let is_guest = model.me().role() == v1::Role::Guest;
    let mut feeds = BTreeSet::from([subject::event_user(me), subject::signal_user(me)]);
    feeds.extend(subject::event_direct(me));
    if !is_guest {
        feeds.insert(subject::EVENT_OPEN_ROOMS.into());
    }
    let rooms = model.rooms().iter().filter_map(|head| head.room.as_ref());
    let own = rooms.filter(|room| match room.kind() {
        v1::RoomKind::Closed => true,
        v1::RoomKind::Open => is_guest,
        v1::RoomKind::Direct | v1::RoomKind::Unspecified => false,
    });
    feeds.extend(own.filter_map(|room| Some(place_of(room).ok()?.event())));
    feeds
}

fn wanted(chat: &ChatClient) -> BTreeSet<String> {
    chat.read(|model| feeds(&chat.inner.me, model))
}

/// Hears every feed on the connection that there is now.
pub(super) fn listen(chat: &ChatClient) {
    let wires = &chat.inner.wires;
    let number = wires.number();
    let client = wires.client();
    for feed in wanted(chat) {
        if wires.add_feed(number, &feed) {
            chat.spawn(feed::follow(chat.clone(), client.clone(), number, feed));
        }
    }
}

/// Hears what the person may hear by now: with another connection, where this one was made before
/// they came into a room.
// Boxed, since it comes back to itself.
pub(super) fn keep_up(chat: ChatClient) -> runtime::BoxFuture<()> {
    Box::pin(async move { while is_missing(&chat) && change(&chat).await {} })
}

/// Is there a feed to hear that was not tried on this connection? One that was refused, and is
/// still wanted, is not asked for again and again.
fn is_missing(chat: &ChatClient) -> bool {
    let wanted = wanted(chat);
    let mut wire = chat.inner.wires.lock();
    // Who was sent away and is brought in again needs another connection then.
    wire.tried.retain(|feed| wanted.contains(feed));
    wanted.iter().any(|feed| !wire.tried.contains(feed))
}

/// Changes the connection before its rights end, again and again.
pub(super) async fn renew(chat: ChatClient) {
    let life = chat.read(Model::rights_life);
    renew_in_time(life, || {
        let chat = chat.clone();
        async move { change(&chat).await }
    })
    .await;
}

/// Renews rights that stand so long, and tries again soon where that fails: they have not ended yet.
async fn renew_in_time<F: Future<Output = bool>>(life: Duration, renew: impl Fn() -> F) {
    loop {
        runtime::sleep(life.mul_f64(limits::RIGHTS_RENEWED)).await;
        let mut pause = PAUSE.min(life.mul_f64(SOON));
        while !renew().await {
            runtime::sleep(pause).await;
            pause = (pause * 2).min(life.mul_f64(SOON));
        }
    }
}

/// Makes another connection, hears everything on it, and drops the one before. False: somebody
/// does it already, and looks again afterwards, or it could not be made now.
async fn change(chat: &ChatClient) -> bool {
    if !chat.inner.wires.begin_changing() {
        return false;
    }
    let changed = make_before_break(chat).await;
    chat.inner.wires.end_changing();
    if !changed {
        let again = chat.clone();
        chat.spawn(async move {
            runtime::sleep(PAUSE).await;
            keep_up(again).await;
        });
    }
    changed
}

async fn make_before_break(chat: &ChatClient) -> bool {
    let wires = &chat.inner.wires;
    // A connection that is being made anew anyway gets the rights of now.
    let before = wires.client();
    if before.connected().await.is_err() {
        return false;
    }
    let client = nats::Client::connect(wires.options.clone());
    if client.connected().await.is_err() {
        client.close();
        return false;
    }
    let number = {
        let mut wire = wires.lock();
        wire.client = client.clone();
        wire.number += 1;
        wire.feeds.clear();
        wire.tried.clear();
        wire.number
    };
    let followed = connection::follow(chat.clone(), client, number);
    listen(chat);
    chat.spawn(followed);
    // Once what was said meanwhile is here, nothing is missed by not hearing it there.
    fetch::resume(chat).await;
    // Answers that are under way still come.
    chat.spawn(async move { before.drain().await });
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_is_tried_again_before_the_rights_end() {
        let life = limits::RIGHTS_LIFE;
        let begun = Instant::now();
        let (tries, taken) = (Mutex::new(Vec::new()), Duration::from_secs(15));
        let renewing = renew_in_time(life, || async {
            tokio::time::sleep(taken).await;
            let mut tries = tries.lock().unwrap();
            tries.push(begun.elapsed());
            tries.len() > 10
        });
        assert!(timeout(life, renewing).await.is_err(), "it goes on");
        let tries = tries.into_inner().unwrap();
        assert_eq!(tries.len(), 11, "{tries:?}");
        let first_end = life.mul_f64(1.0 - limits::RIGHTS_JITTER);
        assert!(tries[10] < first_end, "{tries:?}");
    }
}
