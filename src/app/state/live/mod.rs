//! The live connection: the browser as a NATS client of its own (design section 5).
//!
//! `wire` is the connection, `connection` follows its state, `feed` takes live events and fetches
//! what is missing, `outbox` sends what the person wrote.

mod connection;
mod feed;
mod outbox;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use leptos::prelude::*;
use leptos::task::spawn_local;
use prost::Message as _;

use super::chat::Chat;
use crate::app::{browser, words};
use crate::client::{self, AskError};
use crate::domain::{Key, RoomId, Sequence, Timestamp, Ulid, Username, subject};
use crate::nats::{self, RequestError};
use crate::wire::echo::{EchoRequest, EchoResponse};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The page's own connection to the broker, and what works on it.
#[derive(Clone)]
pub(super) struct Live {
    chat: Chat,
    me: Username,
    wires: wire::Wires,
    /// Wakes the sender. Its one place is enough: it looks at everything when it wakes.
    wake_outbox: mpsc::Sender<()>,
    /// The last entry heard of in each room, here or not.
    heard: Arc<Mutex<HashMap<RoomId, Sequence>>>,
    /// The rooms that are being fetched from; the fetch goes on until nothing heard of is missing.
    catching_up: Arc<Mutex<HashSet<RoomId>>>,
}

/// In words for the person.
fn words_of(error: &AskError) -> String {
    match error {
        AskError::Refused(failure) => failure.reason.clone(),
        error if error.is_too_large() => words::TOO_LARGE.into(),
        _ => words::NO_ANSWER.into(),
    }
}

impl Live {
    /// Asks natter, as the person who is signed in.
    async fn ask<Q: prost::Message, A: prost::Message + Default>(
        &self,
        verb: &str,
        question: &Q,
    ) -> Result<A, AskError> {
        client::ask(&self.wires.client(), &self.me, verb, question, PATIENCE).await
    }

    /// Connects, and keeps the page true from here on.
    pub(super) fn start(chat: Chat) -> Option<Self> {
        let me = Username::parse(&chat.me.with_value(|me| me.uid.clone())).ok()?;
        let wires = wire::Wires::start(nats::ConnectOptions {
            servers: vec![address()?.parse().ok()?],
            name: "natter page".into(),
            inbox_prefix: subject::inbox_prefix(&me),
            ..nats::ConnectOptions::default()
        });
        let (wake_outbox, woken) = mpsc::channel(1);
        let live = Self {
            chat,
            me,
            wires,
            wake_outbox,
            heard: Arc::default(),
            catching_up: Arc::default(),
        };
        spawn_local(connection::follow(live.clone(), live.wires.client(), 0));
        wire::listen(&live);
        spawn_local(wire::renew(live.clone()));
        spawn_local(feed::watch_heads(live.clone()));
        spawn_local(outbox::run(live.clone(), woken));
        Some(live)
    }

    /// Takes a message that the person sent.
    pub(super) fn send(&self, room: &RoomId, text: String) {
        let Some(key) = self.fresh_key() else { return };
        self.chat
            .outbox
            .update(|outbox| outbox.push(key, room.clone(), text, now()));
        self.wake();
    }

    /// Sends a refused one again, under a new key.
    pub(super) fn retry(&self, key: &Key) {
        let Some(fresh) = self.fresh_key() else {
            return;
        };
        self.chat
            .outbox
            .update(|outbox| outbox.retry(key, fresh, now()));
        self.wake();
    }

    /// Fetches a room.
    pub(super) fn load(&self, room: &RoomId) {
        spawn_local(feed::load(self.clone(), room.clone()));
    }

    /// Fetches what is before the oldest entry here.
    pub(super) fn load_earlier(&self, room: &RoomId) {
        spawn_local(feed::load_earlier(self.clone(), room.clone()));
    }

    /// Asks the echo service, and measures the way in microseconds.
    pub(super) async fn echo(&self, message: String) -> Result<(String, u64), String> {
        let payload = EchoRequest { message }.encode_to_vec().into();
        let begun = browser::millis();
        let reply = self
            .wires
            .client()
            .request(&subject::echo(&self.me), payload, PATIENCE)
            .await
            .map_err(|error| match error {
                RequestError::Disconnected => words::NOT_CONNECTED.to_owned(),
                _ => words::NO_ANSWER.into(),
            })?;
        let micros = browser::micros_since(begun);
        let EchoResponse { message } =
            EchoResponse::decode(reply.payload).map_err(|_| words::OTHER_TEXT.to_owned())?;
        Ok((message, micros))
    }

    fn wake(&self) {
        // Full means that it is woken already.
        let _ = self.wake_outbox.clone().try_send(());
    }

    /// A key that no message had before. `None`: the browser has no randomness to give.
    fn fresh_key(&self) -> Option<Key> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).ok()?;
        let ulid = Ulid::new(u64::try_from(now().0).ok()?, random);
        Some(Key {
            author: self.me.clone(),
            ulid,
        })
    }

    fn hear(&self, room: &RoomId, sequence: Sequence) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.entry(room.clone()).or_default();
        *last = sequence.max(*last);
    }

    /// Of these rooms, those that are not being fetched from already; from here on they are.
    fn begin_catching_up(&self, mut rooms: Vec<RoomId>) -> Vec<RoomId> {
        let mut busy = self
            .catching_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|room| busy.insert(room.clone()));
        rooms
    }

    fn end_catching_up(&self, rooms: &[RoomId]) {
        let mut busy = self
            .catching_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.retain(|room| !rooms.contains(room));
    }

    fn heard(&self, room: &RoomId) -> Sequence {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(room).copied().unwrap_or_default()
    }
}

/// Where the tunnel is: at the page's own host.
fn address() -> Option<String> {
    let location = window().location();
    let scheme = match location.protocol().ok()?.as_str() {
        "https:" => "wss",
        _ => "ws",
    };
    Some(format!("{scheme}://{}/nats", location.host().ok()?))
}

/// The browser's clock.
fn now() -> Timestamp {
    #[expect(clippy::cast_possible_truncation)]
    Timestamp(js_sys::Date::now() as i64)
}

/// A number in 0..1, to spread many pages over a wait.
fn chance() -> f64 {
    js_sys::Math::random()
}

/// Waits.
async fn sleep(wait: Duration) {
    gloo_timers::future::sleep(wait).await;
}
