//! How much of each room the person has not read.

use std::collections::{HashMap, HashSet};

use super::Model;
use crate::client::Change;
use crate::domain::{LogEntry, Reading, RoomId, Sequence, Unread, What};
use crate::wire::v1;

impl Model {
    /// How many messages of others the person has not read in a room of theirs, as far as that is
    /// counted ([`UNREAD_COUNTED`](crate::domain::limits::UNREAD_COUNTED)).
    #[must_use]
    pub fn unread(&self, room: &RoomId) -> u32 {
        self.unread.get(room).map_or(0, Unread::count)
    }

    /// The same of all rooms in which there are any.
    #[must_use]
    pub fn all_unread(&self) -> HashMap<RoomId, u32> {
        let counts = self.unread.iter();
        let counts = counts.map(|(room, unread)| (room.clone(), unread.count()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Up to where rooms were read here, where natter does not have that yet.
    pub(in super::super) fn unsaved(&self) -> Vec<(RoomId, Sequence)> {
        let rooms = self.unread.iter();
        rooms
            .filter_map(|(room, unread)| Some((room.clone(), unread.unsaved()?)))
            .collect()
    }

    /// How often a marker was heard to have grown: what was asked before that and answered after it
    /// may not know.
    pub(in super::super) fn markers_grown(&self) -> u64 {
        self.markers_grown
    }

    /// Counts an entry that was heard of or fetched, if it is a message of somebody else. Before it
    /// goes into the log: what the log holds under another sequence is there already.
    pub(in super::super) fn count(&mut self, room: &RoomId, entry: &LogEntry) {
        let is_repeat = self
            .log(room)
            .is_some_and(|log| entry.sequence > log.position().sequence && log.holds(&entry.key));
        let is_own = entry.key.author.as_str() == self.me.uid;
        if matches!(entry.what, What::Message { .. }) && !is_own && !is_repeat {
            self.with_unread(room, |unread| unread.hear(entry.sequence, &entry.key));
        }
    }

    /// The person has read a room of theirs up to here. False: that is no news.
    pub(in super::super) fn read_up_to(&mut self, room: &RoomId, sequence: Sequence) -> bool {
        let is_it = |head: &v1::RoomHead| {
            let known = head.room.as_ref();
            head.joined && known.is_some_and(|known| known.id == room.as_str())
        };
        self.rooms.iter().any(is_it) && self.with_unread(room, |unread| unread.read(sequence))
    }

    /// Natter has taken, or will not take, that rooms were read up to here.
    pub(in super::super) fn settle_read(&mut self, markers: &[(RoomId, Sequence)]) {
        for (room, sequence) in markers {
            self.with_unread(room, |unread| unread.settle(*sequence));
        }
    }

    /// Moves markers and counts of unread messages out of the heads into the model. `parts` are all
    /// parts, each with the sequence up to which it is complete; `markers_then` is the value of
    /// `markers_grown` when they were asked for. In the heads they would be outdated at the next message.
    pub(in super::super) fn set_unread<'a>(
        &mut self,
        parts: impl IntoIterator<Item = (&'a mut [v1::RoomHead], Sequence)>,
        markers_then: u64,
    ) {
        let may_be_old = self.markers_grown != markers_then;
        let mut joined = HashSet::new();
        let parts = parts.into_iter();
        for (head, through) in parts.flat_map(|(heads, through)| {
            let heads = heads.iter_mut();
            heads.map(move |head| (head, through))
        }) {
            let told = Reading {
                marker: Sequence(std::mem::take(&mut head.marker)),
                unread: std::mem::take(&mut head.unread),
                end: Sequence(head.head.as_ref().map_or(0, |end| end.sequence)),
                through,
            };
            let room = head.room.as_ref().filter(|_| head.joined);
            if let Some(room) = room.and_then(|room| RoomId::parse(&room.id).ok()) {
                self.with_unread(&room, |unread| unread.told(told, may_be_old));
                joined.insert(room);
            }
        }
        let before = self.unread.len();
        self.unread.retain(|room, _| joined.contains(room));
        if self.unread.len() != before {
            self.tell(Change::Unread);
        }
    }

    /// Takes how rooms stand since somebody marked them as read, here or elsewhere.
    pub(in super::super) fn take_read(&mut self, state: &v1::ReadState) {
        // Of another epoch the heads tell more.
        if self.epoch.is_some_and(|epoch| epoch != state.epoch) {
            return;
        }
        self.markers_grown += 1;
        for reading in &state.rooms {
            let told = Reading {
                marker: Sequence(reading.marker),
                unread: reading.unread,
                end: Sequence(reading.end),
                through: Sequence(state.through),
            };
            if let Ok(room) = RoomId::parse(&reading.room_id) {
                self.with_unread(&room, |unread| unread.told(told, true));
            }
        }
    }

    fn with_unread<T>(&mut self, room: &RoomId, act: impl FnOnce(&mut Unread) -> T) -> T {
        let unread = self.unread.entry(room.clone()).or_default();
        let before = unread.count();
        let done = act(unread);
        if unread.count() != before {
            self.tell(Change::Unread);
        }
        done
    }
}
