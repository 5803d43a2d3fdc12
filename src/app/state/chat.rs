//! The chat as the page knows it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use leptos::prelude::*;
use prost::Message as _;

use super::page;
use crate::app::{browser, words};
use crate::client::{BrokerInfo, ChatClient, ConnectionState, Model, RoomState};
use crate::domain::{Key, Outbox, RoomId, Sequence, Username, subject};
use crate::nats::RequestError;
use crate::wire::echo::{EchoRequest, EchoResponse};
use crate::wire::v1;

/// How long the echo may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// How many messages of others are unread, in the rooms that have any.
    pub unread: RwSignal<HashMap<RoomId, u32>>,
    /// How many rooms the person is invited into.
    pub invitations: RwSignal<usize>,
    /// Does the browser show the page, as far as it says?
    pub is_shown: RwSignal<bool>,
    /// Does somebody use the page now? Its window has the focus.
    pub is_attended: RwSignal<bool>,
    /// Grows whenever somebody presses a key, points or scrolls, with or without the focus.
    pub inputs: RwSignal<u64>,
    /// What was sent and is not in the log yet.
    pub outbox: RwSignal<Outbox>,
    /// How the page stands with the broker.
    pub connection: RwSignal<ConnectionState>,
    /// What the person is to be told of what happened to them, until they have seen it.
    pub notice: RwSignal<Option<String>>,
    /// The broker that it is connected to.
    pub broker: RwSignal<Option<BrokerInfo>>,
    /// What the client begins with.
    first: StoredValue<Option<Model>>,
    client: StoredValue<Option<ChatClient>>,
}

impl Chat {
    /// From the state that the page was rendered from.
    #[must_use]
    pub fn new(page: &v1::Page, me: v1::Person) -> Self {
        let model = Model::of_page(page, me.clone());
        let logs = model.logs().iter();
        let logs = logs.map(|(room, state)| (room.clone(), ArcRwSignal::new(state.clone())));
        Self {
            me: StoredValue::new(me),
            rooms: RwSignal::new(model.rooms().to_vec()),
            people: RwSignal::new(model.people().clone()),
            logs: RwSignal::new(logs.collect()),
            unread: RwSignal::new(model.all_unread()),
            invitations: RwSignal::new(model.invitations()),
            is_shown: RwSignal::new(true),
            is_attended: RwSignal::new(false),
            inputs: RwSignal::new(0),
            outbox: RwSignal::new(Outbox::default()),
            connection: RwSignal::new(ConnectionState::default()),
            notice: RwSignal::new(None),
            broker: RwSignal::new(None),
            first: StoredValue::new(Some(model)),
            client: StoredValue::new(None),
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

    /// Could somebody's display name be taken for another person's?
    #[must_use]
    pub fn is_alike(&self, uid: &Username) -> bool {
        self.people
            .with(|people| people.get(uid.as_str()).is_some_and(|person| person.alike))
    }

    /// What a sentence calls somebody: the display name, with the username where the name alone could be
    /// somebody else's.
    #[must_use]
    pub fn called(&self, uid: &Username) -> String {
        self.people.with(|people| {
            let person = people.get(uid.as_str());
            person.map_or_else(|| uid.to_string(), words::called)
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
        if let Some(room) = self.room_with_id(id_or_name) {
            return Some(room);
        }
        self.rooms.with(|rooms| {
            let is_called = |head: &&v1::RoomHead| {
                let name = head.room.as_ref().map(|room| room.name.to_lowercase());
                name.is_some_and(|name| name == wanted)
            };
            let head = rooms.iter().find(is_called);
            head.and_then(|head| self.shown(head))
        })
    }

    /// The room with this id, if it is known here.
    #[must_use]
    pub fn room_with_id(&self, id: &str) -> Option<ShownRoom> {
        self.rooms.with(|rooms| {
            let has_id = |head: &&v1::RoomHead| {
                let room = head.room.as_ref();
                room.is_some_and(|room| room.id == id)
            };
            let head = rooms.iter().find(has_id);
            head.and_then(|head| self.shown(head))
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

    /// How many messages of others are unread in a room.
    #[must_use]
    pub fn unread_in(&self, room_id: &str) -> u32 {
        let Ok(room) = RoomId::parse(room_id) else {
            return 0;
        };
        self.unread
            .with(|unread| unread.get(&room).copied().unwrap_or_default())
    }

    /// How many are unread in all the rooms that the person wants to hear of.
    #[must_use]
    pub fn unread_in_all(&self) -> u32 {
        self.rooms.with(|rooms| {
            let heard = rooms.iter().filter(|head| head.joined && !head.muted);
            let rooms = heard.filter_map(|head| head.room.as_ref());
            rooms.map(|room| self.unread_in(&room.id)).sum()
        })
    }

    /// What a room is called: its name, or who is in it beside the person.
    #[must_use]
    pub fn title_of(&self, room: &v1::Room, with: &[v1::Person]) -> String {
        if !room.name.is_empty() {
            return room.name.clone();
        }
        let names: Vec<_> = with.iter().map(words::called).collect();
        match names.as_slice() {
            [] => words::NOBODY_ELSE.into(),
            names => names.join(", "),
        }
    }

    /// Begins the live connection, in the browser.
    pub fn start(&self) {
        if let Some(first) = self.first.try_update_value(Option::take).flatten() {
            self.client.set_value(page::start(*self, first));
        }
    }

    /// Can messages be given to [`send`](Self::send)?
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.client.with_value(Option::is_some)
    }

    /// The other person that the browser is signed in as now, if it is.
    #[must_use]
    pub fn other_user(&self) -> Option<Username> {
        self.connection.with(|state| match state {
            ConnectionState::OtherUser(now) => Some(now.clone()),
            _ => None,
        })
    }

    /// Sends `message` to the echo service over the browser's own connection, and gives back the
    /// text and the time it took in microseconds.
    ///
    /// # Errors
    /// What went wrong, in words for the person.
    pub async fn echo_live(&self, message: String) -> Result<(String, u64), String> {
        let me = Username::parse(&self.me.with_value(|me| me.uid.clone()));
        let (Some(client), Ok(me)) = (self.client.get_value(), me) else {
            return Err(words::NOT_CONNECTED.into());
        };
        let payload = EchoRequest { message }.encode_to_vec().into();
        let begun = browser::millis();
        let asked = client
            .connection()
            .request(&subject::echo(&me), payload, PATIENCE)
            .await;
        let reply = asked.map_err(|error| match error {
            RequestError::Disconnected => words::NOT_CONNECTED.to_owned(),
            _ => words::NO_ANSWER.into(),
        })?;
        let micros = browser::micros_since(begun);
        let EchoResponse { message } =
            EchoResponse::decode(reply.payload).map_err(|_| words::OTHER_TEXT.to_owned())?;
        Ok((message, micros))
    }

    /// Sends a message: it shows at once and goes out as soon as it can. Done when it would
    /// survive the end of the page.
    pub async fn send(&self, room: &RoomId, text: String) {
        if let Some(client) = self.client.get_value() {
            client.send(room, text).await;
        }
    }

    /// Sends a refused message once more.
    pub fn retry(&self, key: &Key) {
        self.with_client(|client| client.retry(key));
    }

    /// Ends the live connection. Nothing is sent or stored after this.
    pub fn end(&self) {
        self.with_client(ChatClient::close);
    }

    /// Gives a refused message up, and hands its text back.
    #[must_use]
    pub fn discard(&self, key: &Key) -> Option<String> {
        self.client.get_value()?.discard(key)
    }

    /// Fetches a room that is not here.
    pub fn load(&self, room: &RoomId) {
        self.with_client(|client| client.load(room));
    }

    /// The person has read a room up to this entry.
    pub fn read_up_to(&self, room: &RoomId, sequence: Sequence) {
        self.with_client(|client| client.read_up_to(room, sequence));
    }

    /// Does the person read further up in a room than where new messages come in?
    pub fn hold(&self, room: &RoomId, is_held: bool) {
        self.with_client(|client| client.hold(room, is_held));
    }

    /// Fetches the page of messages before the oldest one here.
    pub fn load_earlier(&self, room: &RoomId) {
        self.with_client(|client| client.load_earlier(room));
    }

    fn with_client(&self, act: impl FnOnce(&ChatClient)) {
        if let Some(client) = self.client.get_value() {
            act(&client);
        }
    }
}
