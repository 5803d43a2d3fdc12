//! The chat as the page knows it.

use std::collections::{BTreeMap, HashMap};

use leptos::prelude::*;

use super::live::Live;
use super::{BrokerInfo, ConnectionState};
use crate::domain::{Key, LogEntry, Outbox, RoomId, RoomLog, Username};
use crate::wire::{log_entry_of, v1};

/// What is known of one room's log.
#[derive(Debug, Clone, PartialEq)]
pub enum RoomState {
    /// It is being fetched.
    Loading,
    /// It could not be fetched; the words say why.
    Failed(String),
    /// There is no such room.
    Missing,
    /// It is here.
    Loaded(RoomLog),
}

/// The page's state. Signals all the way, so it is copied freely.
#[derive(Clone, Copy)]
pub struct Chat {
    /// Who is signed in.
    pub me: StoredValue<v1::Person>,
    /// The rooms of the sidebar, by name.
    pub rooms: RwSignal<Vec<v1::RoomHead>>,
    /// Those whose names are known, by username.
    pub people: RwSignal<BTreeMap<String, v1::Person>>,
    /// The logs, by room id.
    pub logs: RwSignal<HashMap<RoomId, ArcRwSignal<RoomState>>>,
    /// What was sent and is not in the log yet.
    pub outbox: RwSignal<Outbox>,
    /// How the page stands with the broker.
    pub connection: RwSignal<ConnectionState>,
    /// The broker that it is connected to.
    pub broker: RwSignal<Option<BrokerInfo>>,
    live: StoredValue<Option<Live>>,
}

impl Chat {
    /// From the state that the page was rendered from.
    #[must_use]
    pub fn new(page: &v1::Page, me: v1::Person) -> Self {
        let mut people = BTreeMap::from([(me.uid.clone(), me.clone())]);
        let mut logs = HashMap::new();
        if let Some(view) = &page.view {
            people.extend(view.people.iter().map(|p| (p.uid.clone(), p.clone())));
            if let Some(room) = view.room.as_ref().and_then(|r| RoomId::parse(&r.id).ok()) {
                logs.insert(room, ArcRwSignal::new(loaded(view)));
            }
        }
        Self {
            me: StoredValue::new(me),
            rooms: RwSignal::new(page.rooms.clone()),
            people: RwSignal::new(people),
            logs: RwSignal::new(logs),
            outbox: RwSignal::new(Outbox::default()),
            connection: RwSignal::new(ConnectionState::default()),
            broker: RwSignal::new(None),
            live: StoredValue::new(None),
        }
    }

    /// What others see of somebody: the display name where it is known, else the username.
    #[must_use]
    pub fn name_of(&self, uid: &Username) -> String {
        self.people.with(|people| {
            people
                .get(uid.as_str())
                .map_or_else(|| uid.to_string(), |person| person.display_name.clone())
        })
    }

    /// The room with this id or name, among those in the sidebar.
    #[must_use]
    pub fn room(&self, id_or_name: &str) -> Option<v1::Room> {
        self.rooms.with(|rooms| {
            let mut known = rooms.iter().filter_map(|head| head.room.as_ref());
            known
                .clone()
                .find(|room| room.id == id_or_name)
                .or_else(|| {
                    known.find(|room| room.name.to_lowercase() == id_or_name.to_lowercase())
                })
                .cloned()
        })
    }

    /// Begins the live connection, in the browser.
    pub fn start(&self) {
        if self.live.with_value(Option::is_none) {
            self.live.set_value(Live::start(*self));
        }
    }

    /// Can messages be given to [`send`](Self::send)?
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.with_value(Option::is_some)
    }

    /// Sends `message` to the echo service over the browser's own connection, and gives back the
    /// text and the time it took in microseconds.
    ///
    /// # Errors
    /// What went wrong, in words for the person.
    pub async fn echo_live(&self, message: String) -> Result<(String, u64), String> {
        match self.live.get_value() {
            Some(live) => live.echo(message).await,
            None => Err(String::new()),
        }
    }

    /// Sends a message: it shows at once and goes out as soon as it can.
    pub fn send(&self, room: &RoomId, text: String) {
        self.with_live(|live| live.send(room, text));
    }

    /// Sends a refused message once more.
    pub fn retry(&self, key: &Key) {
        self.with_live(|live| live.retry(key));
    }

    /// Gives a refused message up, and hands its text back.
    pub fn discard(&self, key: &Key) -> Option<String> {
        self.outbox
            .try_update(|outbox| outbox.discard(key))
            .flatten()
    }

    /// Fetches a room that is not here.
    pub fn load(&self, room: &RoomId) {
        self.with_live(|live| live.load(room));
    }

    /// Fetches the page of messages before the oldest one here.
    pub fn load_earlier(&self, room: &RoomId) {
        self.with_live(|live| live.load_earlier(room));
    }

    fn with_live(&self, act: impl FnOnce(&Live)) {
        if let Some(live) = self.live.get_value() {
            act(&live);
        }
    }
}

/// The log that a view holds.
pub(super) fn loaded(view: &v1::RoomView) -> RoomState {
    RoomState::Loaded(RoomLog::load(entries(&view.events), view.has_earlier))
}

/// What can be read of entries; natter sends no other.
pub(super) fn entries(events: &[v1::LoggedEvent]) -> Vec<LogEntry> {
    events
        .iter()
        .filter_map(|event| log_entry_of(event).ok())
        .collect()
}
