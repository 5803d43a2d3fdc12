//! The chat as the page knows it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use leptos::prelude::*;

use super::live::Live;
use super::{BrokerInfo, ConnectionState};
use crate::app::words;
use crate::domain::{Key, LogEntry, Outbox, Place, RoomId, RoomLog, Username, limits};
use crate::wire::{log_entry_of, place_of, v1};

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

/// A room as pages show it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRoom {
    /// The room.
    pub room: v1::Room,
    /// What it is called.
    pub title: String,
    /// The person is in it.
    pub joined: bool,
    /// The person wants to hear nothing of it.
    pub muted: bool,
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
    /// What the person is to be told of what happened to them, until they have seen it.
    pub notice: RwSignal<Option<String>>,
    /// The broker that it is connected to.
    pub broker: RwSignal<Option<BrokerInfo>>,
    /// How long the rights of a connection stand, at most.
    pub rights_life: StoredValue<Duration>,
    live: StoredValue<Option<Live>>,
}

impl Chat {
    /// From the state that the page was rendered from.
    #[must_use]
    pub fn new(page: &v1::Page, me: v1::Person) -> Self {
        let mut people = BTreeMap::from([(me.uid.clone(), me.clone())]);
        let mut logs = HashMap::new();
        for head in &page.rooms {
            people.extend(head.with.iter().map(|p| (p.uid.clone(), p.clone())));
        }
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
            notice: RwSignal::new(None),
            broker: RwSignal::new(None),
            rights_life: StoredValue::new(match page.rights_life_ms {
                0 => limits::RIGHTS_LIFE,
                millis => Duration::from_millis(millis),
            }),
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

    /// The name of somebody's picture, where it is known; empty for none.
    #[must_use]
    pub fn picture_of(&self, uid: &Username) -> String {
        self.people.with(|people| {
            let person = people.get(uid.as_str());
            person.map_or_else(String::new, |person| person.picture.clone())
        })
    }

    /// The room with this id or name, among those that are known here.
    #[must_use]
    pub fn room(&self, id_or_name: &str) -> Option<ShownRoom> {
        let wanted = id_or_name.to_lowercase();
        self.rooms.with(|rooms| {
            let is_called = |head: &&v1::RoomHead| {
                let name = head.room.as_ref().map(|room| room.name.to_lowercase());
                name.is_some_and(|name| name == wanted)
            };
            let has_id = |head: &&v1::RoomHead| {
                let id = head.room.as_ref().map(|room| room.id.as_str());
                id == Some(id_or_name)
            };
            let head = rooms.iter().find(has_id);
            head.or_else(|| rooms.iter().find(is_called))
                .and_then(|head| self.shown(head))
        })
    }

    /// Where the person lands: the room that everybody is in, or their first.
    #[must_use]
    pub fn landing(&self) -> Option<ShownRoom> {
        self.rooms.with(|rooms| {
            let is_home = |head: &&v1::RoomHead| head.room.as_ref().is_some_and(v1::Room::is_home);
            let home = rooms.iter().find(is_home);
            home.or(rooms.first()).and_then(|head| self.shown(head))
        })
    }

    /// A room as pages show it.
    #[must_use]
    pub fn shown(&self, head: &v1::RoomHead) -> Option<ShownRoom> {
        let room = head.room.clone()?;
        Some(ShownRoom {
            title: self.title_of(&room, &head.with),
            joined: head.joined,
            muted: head.muted,
            room,
        })
    }

    /// What a room is called: its name, or who is in it beside the person.
    #[must_use]
    pub fn title_of(&self, room: &v1::Room, with: &[v1::Person]) -> String {
        if !room.name.is_empty() {
            return room.name.clone();
        }
        let names: Vec<_> = with.iter().map(|p| p.display_name.as_str()).collect();
        match names.as_slice() {
            [] => words::NOBODY_ELSE.into(),
            names => names.join(", "),
        }
    }

    /// The id of the room at this place, where it is known.
    #[must_use]
    pub fn room_at(&self, place: &Place) -> Option<RoomId> {
        self.rooms.with(|rooms| {
            let mut rooms = rooms.iter().filter_map(|head| head.room.as_ref());
            let room = rooms.find(|room| place_of(room).is_ok_and(|at| at == *place))?;
            RoomId::parse(&room.id).ok()
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
