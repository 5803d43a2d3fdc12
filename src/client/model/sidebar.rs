//! What becomes of the rooms in the sidebar, as events say it: without a look at the heads.

use super::Model;
use crate::client::Change;
use crate::domain::{RoomId, Sequence};
use crate::wire::v1;

impl Model {
    /// How many rooms the person is invited into, as far as is known.
    #[must_use]
    pub fn invitations(&self) -> usize {
        self.invitations.len()
    }

    /// A room of the sidebar is another than before, as the note at `sequence` says. What natter told
    /// with a later head of the room stands. An archived room leaves the sidebar of whoever does not
    /// have it open.
    pub(in super::super) fn change_room(&mut self, room: &v1::Room, sequence: Sequence) {
        let is_it = |head: &v1::RoomHead| {
            let is_same = head.room.as_ref().is_some_and(|r| r.id == room.id);
            let told = head.head.as_ref().map_or(0, |told| told.sequence);
            is_same && Sequence(told) < sequence
        };
        let is_open = RoomId::parse(&room.id).is_ok_and(|id| self.logs.contains_key(&id));
        let mut rooms = self.rooms.clone();
        if room.archived && !is_open {
            rooms.retain(|head| !is_it(head));
        }
        for head in rooms.iter_mut().filter(|head| is_it(head)) {
            head.room = Some(room.clone());
        }
        rooms.sort_by_cached_key(v1::RoomHead::order);
        self.set_rooms(rooms);
    }

    /// The person wants to hear of a room of theirs, or no longer does.
    pub(in super::super) fn mute(&mut self, room_id: &str, is_muted: bool) {
        let is_it = |head: &v1::RoomHead| head.room.as_ref().is_some_and(|r| r.id == room_id);
        let mut rooms = self.rooms.clone();
        for head in rooms.iter_mut().filter(|head| is_it(head)) {
            head.muted = is_muted;
        }
        self.set_rooms(rooms);
    }

    /// The person is invited into a room, or no longer is.
    pub(in super::super) fn invite(&mut self, room_id: &str, is_invited: bool) {
        let has_changed = match is_invited {
            true => self.invitations.insert(room_id.to_owned()),
            false => self.invitations.remove(room_id),
        };
        if has_changed {
            self.tell(Change::Invitations);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RoomState;

    #[test]
    fn a_note_changes_the_room_unless_natter_has_told_more_since() {
        let mut model = Model::new(v1::Person::default());
        let id = RoomId::parse("R").unwrap();
        model.set_room(id, RoomState::Loading);
        let room = |topic: &str, archived| v1::Room {
            id: "R".into(),
            topic: topic.into(),
            archived,
            ..v1::Room::default()
        };
        let told = v1::Position {
            sequence: 5,
            ..v1::Position::default()
        };
        model.set_rooms(vec![v1::RoomHead {
            room: Some(room("told", false)),
            head: Some(told),
            joined: true,
            ..v1::RoomHead::default()
        }]);
        let topic = |model: &Model| model.rooms()[0].room.clone().unwrap().topic;
        model.change_room(&room("older", false), Sequence(4));
        assert_eq!(topic(&model), "told");
        model.change_room(&room("newer", true), Sequence(6));
        assert_eq!(topic(&model), "newer", "it is open here, so it stays");
        model.logs.clear();
        model.change_room(&room("newest", true), Sequence(7));
        assert_eq!(model.rooms(), []);
    }
}
