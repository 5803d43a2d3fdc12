//! The chat as a client knows it. Each change is noted, to be told to whoever shows it. `unread` is
//! the part about what the person has read, `sidebar` about what becomes of the rooms there.

mod sidebar;
mod unread;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{AskError, Change};
use crate::domain::{LogEntry, Outbox, Place, RoomId, RoomLog, Sequence, Unread, Username, limits};
use crate::wire::{log_entry_of, place_of, v1};

/// What is known of one room's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomState {
    /// It is being fetched.
    Loading,
    /// It could not be fetched.
    Failed(LoadError),
    /// There is no such room, or not for this person.
    Missing,
    /// It is here.
    Loaded(Arc<RoomLog>),
}

/// Why a room is not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Natter says why, in words for the person.
    #[error("{0}")]
    Refused(String),
    /// No answer that can be used.
    #[error("no answer")]
    NoAnswer,
}

impl From<AskError> for LoadError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(failure) => Self::Refused(failure.reason),
            AskError::NoAnswer(_) | AskError::Unreadable => Self::NoAnswer,
        }
    }
}

/// How the client stands with the broker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// It has just begun, or (with scripts off) never does: nothing is said.
    #[default]
    Unknown,
    /// Messages come in live.
    Connected,
    /// Cut for longer than 2 s; it tries again by itself.
    Reconnecting,
    /// There is no network.
    Offline,
    /// This person has as many connections as one may have.
    TooMany,
    /// This person has asked too much, and goes on in so many seconds.
    CutOff(u32),
    /// The browser is signed in as this other person now. The client has ended; unsent posts are
    /// kept.
    OtherUser(Username),
}

/// The broker that the client is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerInfo {
    /// The server's name.
    pub name: String,
    /// The version of nats-server.
    pub version: String,
}

/// All that a client knows of the chat.
#[derive(Debug, Clone, Default)]
pub struct Model {
    me: v1::Person,
    rooms: Vec<v1::RoomHead>,
    people: BTreeMap<String, v1::Person>,
    logs: HashMap<RoomId, RoomState>,
    /// Those of which nothing is let go: somebody is reading further up.
    held: HashSet<RoomId>,
    outbox: Outbox,
    connection: ConnectionState,
    broker: Option<BrokerInfo>,
    rights_life: Option<Duration>,
    /// Which log this is of, once that is known: another begins when one is put back from a backup.
    epoch: Option<u64>,
    /// The last entry heard of in each room, here or not.
    heard: HashMap<RoomId, Sequence>,
    /// How the person stands in each room of the sidebar.
    unread: HashMap<RoomId, Unread>,
    /// How often a marker was heard to have grown.
    markers_grown: u64,
    /// Ids of the rooms that the person is invited into.
    invitations: BTreeSet<String>,
    changes: Vec<Change>,
}

impl Model {
    /// Somebody who knows nothing yet.
    #[must_use]
    pub fn new(me: v1::Person) -> Self {
        Self {
            people: BTreeMap::from([(me.uid.clone(), me.clone())]),
            me,
            ..Self::default()
        }
    }

    /// From the state that a page was rendered from.
    #[must_use]
    pub fn of_page(page: &v1::Page, me: v1::Person) -> Self {
        let mut model = Self::new(me);
        let mut rooms = page.rooms.clone();
        model.set_unread([(rooms.as_mut_slice(), Sequence(page.as_of))], 0);
        model.set_rooms(rooms);
        if let Some(view) = &page.view {
            model.meet(&view.people);
            if let Some(room) = view.room.as_ref().and_then(|r| RoomId::parse(&r.id).ok()) {
                model.set_log(room, view);
            }
        }
        model.rights_life = match page.rights_life_ms {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        };
        model.epoch = Some(page.epoch);
        let invited = page.room_invitations.iter();
        let invited = invited.filter_map(|invitation| Some(invitation.room.as_ref()?.id.clone()));
        model.invitations = invited.collect();
        model.changes.clear();
        model
    }

    /// Whose client it is.
    #[must_use]
    pub fn me(&self) -> &v1::Person {
        &self.me
    }

    /// The rooms of the sidebar, by name.
    #[must_use]
    pub fn rooms(&self) -> &[v1::RoomHead] {
        &self.rooms
    }

    /// Those whose names are known, by username.
    #[must_use]
    pub fn people(&self) -> &BTreeMap<String, v1::Person> {
        &self.people
    }

    /// What is known of the rooms' logs.
    #[must_use]
    pub fn logs(&self) -> &HashMap<RoomId, RoomState> {
        &self.logs
    }

    /// What was sent and is not in the log yet.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// How the client stands with the broker.
    #[must_use]
    pub fn connection(&self) -> ConnectionState {
        self.connection.clone()
    }

    /// The broker that it was last connected to.
    #[must_use]
    pub fn broker(&self) -> Option<&BrokerInfo> {
        self.broker.as_ref()
    }

    /// How long the rights of a connection stand, at most.
    #[must_use]
    pub fn rights_life(&self) -> Duration {
        self.rights_life.unwrap_or(limits::RIGHTS_LIFE)
    }

    /// A room's log, when it is here.
    #[must_use]
    pub fn log(&self, room: &RoomId) -> Option<&Arc<RoomLog>> {
        match self.logs.get(room) {
            Some(RoomState::Loaded(log)) => Some(log),
            _ => None,
        }
    }

    /// The rooms whose logs are here.
    #[must_use]
    pub fn loaded(&self) -> Vec<RoomId> {
        let logs = self.logs.iter();
        let loaded = logs.filter(|(_, state)| matches!(state, RoomState::Loaded(_)));
        loaded.map(|(room, _)| room.clone()).collect()
    }

    /// The rooms that were asked for while nobody answered.
    pub(super) fn unanswered(&self) -> Vec<RoomId> {
        let failed = RoomState::Failed(LoadError::NoAnswer);
        let logs = self.logs.iter().filter(|(_, state)| **state == failed);
        logs.map(|(room, _)| room.clone()).collect()
    }

    /// The id of the room at this place, where it is known.
    #[must_use]
    pub fn room_at(&self, place: &Place) -> Option<RoomId> {
        let mut rooms = self.rooms.iter().filter_map(|head| head.room.as_ref());
        let room = rooms.find(|room| place_of(room).is_ok_and(|at| at == *place))?;
        RoomId::parse(&room.id).ok()
    }

    /// Is there an entry in this room that was heard of and is not here? False for a room whose log
    /// is not here.
    #[must_use]
    pub fn is_behind(&self, room: &RoomId) -> bool {
        let heard = self.heard(room);
        self.log(room)
            .is_some_and(|log| log.position().sequence < heard)
    }

    /// The last entry heard of in a room, here or not.
    #[must_use]
    pub fn heard(&self, room: &RoomId) -> Sequence {
        self.heard.get(room).copied().unwrap_or_default()
    }

    /// Of these, those whose names are not known.
    pub(super) fn strangers<'a>(
        &self,
        uids: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        let unknown = uids
            .into_iter()
            .filter(|uid| !self.people.contains_key(*uid));
        unknown.map(str::to_owned).collect()
    }

    /// What has changed since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Notes something that changes nothing here.
    pub(super) fn tell(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// A room's log reaches this far.
    pub(super) fn hear(&mut self, room: &RoomId, sequence: Sequence) {
        let last = self.heard.entry(room.clone()).or_default();
        *last = sequence.max(*last);
    }

    /// A room is here as far as `through`: what was heard of up to there and is not here does not
    /// exist.
    pub(super) fn reached(&mut self, room: &RoomId, through: Sequence) {
        let Some(end) = self.log(room).map(|log| log.position().sequence) else {
            return;
        };
        if let Some(heard) = self.heard.get_mut(room).filter(|heard| **heard <= through) {
            *heard = end;
        }
    }

    /// Natter answers from the log of this epoch. The rooms to be loaded anew, where what is here is
    /// of another one: what was heard of is no end of this one.
    pub(super) fn enter_epoch(&mut self, epoch: u64) -> Vec<RoomId> {
        let before = self.epoch.replace(epoch);
        if before.is_none_or(|before| before == epoch) {
            return Vec::new();
        }
        self.heard.clear();
        self.unread.clear();
        self.tell(Change::Unread);
        self.loaded()
    }

    pub(super) fn set_rooms(&mut self, rooms: Vec<v1::RoomHead>) {
        if self.rooms != rooms {
            for head in &rooms {
                self.meet(&head.with);
            }
            self.rooms = rooms;
            self.tell(Change::Rooms);
        }
    }

    pub(super) fn meet(&mut self, people: &[v1::Person]) {
        for person in people {
            if self.people.get(&person.uid) != Some(person) {
                self.people.insert(person.uid.clone(), person.clone());
                self.tell(Change::People);
            }
        }
    }

    pub(super) fn set_room(&mut self, room: RoomId, state: RoomState) {
        if self.logs.get(&room) != Some(&state) {
            self.tell(Change::Room(room.clone()));
            self.logs.insert(room, state);
        }
    }

    /// Takes a room's newest page in place of what was here of it.
    pub(super) fn set_log(&mut self, room: RoomId, view: &v1::RoomView) {
        let log = RoomLog::load(entries(&view.events), view.has_earlier);
        self.set_room(room, RoomState::Loaded(Arc::new(log)));
    }

    /// The room is not there, or not for this person.
    pub(super) fn lose_room(&mut self, room: &RoomId) {
        if self.logs.contains_key(room) {
            self.set_room(room.clone(), RoomState::Missing);
        }
        let is_it = |head: &v1::RoomHead| {
            let known = head.room.as_ref();
            known.is_some_and(|known| known.id == room.as_str())
        };
        if self.rooms.iter().any(is_it) {
            self.rooms.retain(|head| !is_it(head));
            self.tell(Change::Rooms);
        }
    }

    /// Does something with a room's log, when it is here.
    pub(super) fn with_log<T>(
        &mut self,
        room: &RoomId,
        act: impl FnOnce(&mut RoomLog) -> T,
    ) -> Option<T> {
        let Some(RoomState::Loaded(log)) = self.logs.get_mut(room) else {
            return None;
        };
        let shape = |log: &RoomLog| {
            let end = log.position().sequence;
            (log.entries().len(), log.has_earlier(), end)
        };
        let before = shape(log);
        let log = Arc::make_mut(log);
        let done = act(log);
        // Not at each entry, since it costs as much as a page does to show.
        if log.entries().len() > 2 * limits::LOG_KEPT && !self.held.contains(room) {
            log.keep_newest(limits::LOG_KEPT);
        }
        if shape(log) != before {
            self.tell(Change::Room(room.clone()));
        }
        Some(done)
    }

    /// Somebody reads further up in a room, or no longer does.
    pub(super) fn hold(&mut self, room: &RoomId, is_held: bool) {
        match is_held {
            true => self.held.insert(room.clone()),
            false => self.held.remove(room),
        };
    }

    /// Does something with the outbox.
    pub(super) fn with_outbox<T>(&mut self, act: impl FnOnce(&mut Outbox) -> T) -> T {
        let before = self.outbox.clone();
        let done = act(&mut self.outbox);
        if self.outbox != before {
            self.tell(Change::Outbox);
        }
        done
    }

    pub(super) fn set_connection(&mut self, state: ConnectionState) {
        let has_ended = matches!(self.connection, ConnectionState::OtherUser(_));
        if self.connection != state && !has_ended {
            self.connection = state;
            self.tell(Change::Connection);
        }
    }

    pub(super) fn set_broker(&mut self, broker: BrokerInfo) {
        self.broker = Some(broker);
        self.tell(Change::Connection);
    }
}

/// What can be read of entries; natter sends no other.
pub(super) fn entries(events: &[v1::LoggedEvent]) -> Vec<LogEntry> {
    events
        .iter()
        .filter_map(|event| log_entry_of(event).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Key, Timestamp, Ulid, What};

    fn entry(sequence: u64, previous: u64) -> LogEntry {
        LogEntry {
            sequence: Sequence(sequence),
            previous: Sequence(previous),
            key: Key {
                author: Username::parse("ada").unwrap(),
                ulid: Ulid::new(sequence, [0; 10]),
            },
            at: Timestamp(0),
            what: What::Opened,
        }
    }

    fn with_log_up_to_three() -> (Model, RoomId) {
        let room = RoomId::parse("R").unwrap();
        let mut model = Model::new(v1::Person::default());
        let log = RoomLog::load(vec![entry(3, 0)], false);
        model.set_room(room.clone(), RoomState::Loaded(Arc::new(log)));
        model.take_changes();
        (model, room)
    }

    #[test]
    fn a_room_that_nobody_reads_further_up_keeps_its_newest_entries() {
        let (mut model, room) = with_log_up_to_three();
        let kept = limits::LOG_KEPT as u64;
        let come = |model: &mut Model, range: std::ops::RangeInclusive<u64>| {
            let entries = range.map(|n| entry(n, n - 1)).collect();
            model.with_log(&room, |log| log.catch_up(entries));
            let log = model.log(&room).unwrap();
            (log.entries().len() as u64, log.position().sequence.0)
        };
        assert_eq!(come(&mut model, 4..=2 * kept + 2), (2 * kept, 2 * kept + 2));
        model.hold(&room, true);
        let end = 2 * kept + 9;
        assert_eq!(come(&mut model, 2 * kept + 3..=end), (2 * kept + 7, end));
        model.hold(&room, false);
        assert_eq!(come(&mut model, end + 1..=end + 1), (kept, end + 1));
    }

    #[test]
    fn an_entry_heard_of_during_a_fetch_leaves_the_log_behind() {
        let (mut model, room) = with_log_up_to_three();
        model.hear(&room, Sequence(9));
        assert!(model.is_behind(&room));
        model.hear(&room, Sequence(12));
        model.with_log(&room, |log| log.catch_up(vec![entry(7, 3), entry(9, 7)]));
        model.reached(&room, Sequence(10));
        assert!(model.is_behind(&room), "12 was heard of and is not here");
        assert_eq!(model.take_changes(), [Change::Room(room)]);
    }

    #[test]
    fn what_was_heard_of_and_is_not_in_the_log_does_not_exist() {
        let (mut model, room) = with_log_up_to_three();
        model.hear(&room, Sequence(9));
        model.reached(&room, Sequence(9));
        assert!(!model.is_behind(&room));
    }

    #[test]
    fn a_log_that_was_put_back_is_loaded_anew() {
        let (mut model, room) = with_log_up_to_three();
        assert_eq!(model.enter_epoch(0), []);
        model.hear(&room, Sequence(9));
        assert_eq!(model.enter_epoch(0), []);
        assert!(model.is_behind(&room));
        let stale = model.enter_epoch(5);
        assert!(!model.is_behind(&room));
        assert_eq!(stale, [room]);
        assert_eq!(model.enter_epoch(5), []);
    }

    #[test]
    fn nothing_is_told_of_what_is_as_before() {
        let (mut model, room) = with_log_up_to_three();
        model.with_log(&room, |log| log.apply(entry(3, 0)));
        model.set_rooms(Vec::new());
        model.with_outbox(|_| {});
        model.lose_room(&RoomId::parse("other").unwrap());
        assert_eq!(model.take_changes(), []);
    }
}
