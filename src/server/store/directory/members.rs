//! Who is in which room.

use super::{Directory, DirectoryError, Guard, TRIES, entry};
use crate::domain::{RoomId, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, StoreError};
use crate::wire::place_of;
use crate::wire::v1::{self, MembershipChange, event::Body};

impl Directory<'_> {
    /// Changes somebody's membership of a room while the guards hold, and tells it in the room's log
    /// and in theirs. Gives the place of the change in LOG; `None`: nothing was to be changed.
    ///
    /// # Errors
    /// [`DirectoryError::Outdated`] when a guard does not hold, or the broker did not acknowledge it.
    pub async fn change_membership(
        &self,
        by: &Username,
        uid: &Username,
        room: &v1::Room,
        change: MembershipChange,
        guards: &[Guard],
    ) -> Result<Option<Sequence>, DirectoryError> {
        self.change_membership_at(None, by, uid, room, change, guards)
            .await
    }

    /// The same while the last entry about this membership is the one at `judged`, where the change
    /// was judged by that.
    ///
    /// # Errors
    /// [`DirectoryError::Moved`] when it is another one.
    pub async fn change_membership_at(
        &self,
        judged: Option<Sequence>,
        by: &Username,
        uid: &Username,
        room: &v1::Room,
        change: MembershipChange,
        guards: &[Guard],
    ) -> Result<Option<Sequence>, DirectoryError> {
        let id = RoomId::parse(&room.id).map_err(super::corrupt)?;
        for _ in 0..TRIES {
            let (place, before) = self.membership(&id, uid).await?;
            if judged.is_some_and(|judged| judged != place) {
                return Err(DirectoryError::Moved);
            }
            if !leads_on(before, change, room) {
                return Ok(None);
            }
            let entries = came(by, uid, room, change, place)?;
            match self.append_guarded(entries, guards).await {
                Ok(last) => return Ok(Some(last)),
                Err(DirectoryError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What last became of somebody's membership, with its place, read from the leader.
    pub(super) async fn membership(
        &self,
        room: &RoomId,
        uid: &Username,
    ) -> Result<(Sequence, MembershipChange), StoreError> {
        let subject = subject::log_member(room, uid);
        let (place, event) = self.log.last_with_place(&subject).await?;
        let change = match event.and_then(|event| event.body) {
            Some(Body::MembershipChanged(changed)) => changed.change(),
            _ => MembershipChange::Unspecified,
        };
        Ok((place, change))
    }
}

/// Does the change make a difference to who stands so?
fn leads_on(before: MembershipChange, change: MembershipChange, room: &v1::Room) -> bool {
    use MembershipChange::{
        Added, Declined, Invited, Joined, Left, Muted, Removed, Unmuted, Unspecified,
    };
    match change {
        // A guest can be brought into the room of everybody although they muted it as a member.
        Joined | Added => !before.is_in() || (room.is_home() && matches!(before, Muted | Unmuted)),
        // Another person may invite them again, if the first one no longer may.
        Invited => !before.is_in(),
        Declined => before == Invited,
        Left | Removed => before.is_in(),
        // Of the room that everybody is in there is no list, but there is who has muted it.
        Muted => before != Muted && (before.is_in() || room.is_home()),
        Unmuted => before == Muted,
        Unspecified => false,
    }
}

/// The entries of a change: in the directory, in the room's log, and in the person's own.
pub(super) fn came(
    by: &Username,
    uid: &Username,
    room: &v1::Room,
    change: MembershipChange,
    place: Sequence,
) -> Result<Vec<Entry>, StoreError> {
    let id = RoomId::parse(&room.id).map_err(super::corrupt)?;
    let feed = place_of(room).map_err(|_| StoreError::Corrupt("a room"))?;
    let body = || {
        Body::MembershipChanged(v1::MembershipChanged {
            room: Some(room.clone()),
            uid: uid.to_string(),
            change: change.into(),
        })
    };
    let member = subject::log_member(&id, uid);
    let mut entries = vec![
        entry(by, member, body(), Expect::Last(place))?,
        entry(by, subject::log_user(uid), body(), Expect::Any)?,
    ];
    let is_private = matches!(
        change,
        MembershipChange::Muted | MembershipChange::Unmuted | MembershipChange::Declined
    );
    if !is_private {
        entries.push(entry(by, feed.log(), body(), Expect::Any)?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::MembershipChange::{
        Added, Declined, Invited, Joined, Left, Muted, Removed, Unmuted, Unspecified,
    };
    use super::*;

    #[test]
    fn a_change_leads_on_only_from_where_it_makes_a_difference() {
        for (before, change, leads) in [
            (Unspecified, Joined, true),
            (Joined, Joined, false),
            (Muted, Added, false),
            (Left, Added, true),
            (Removed, Joined, true),
            (Joined, Left, true),
            (Muted, Removed, true),
            (Removed, Removed, false),
            (Unspecified, Left, false),
            (Unspecified, Muted, false),
            (Joined, Muted, true),
            (Removed, Muted, false),
            (Left, Muted, false),
            (Invited, Muted, false),
            (Declined, Muted, false),
            (Muted, Muted, false),
            (Joined, Unmuted, false),
            (Removed, Invited, true),
            (Invited, Invited, true),
            (Muted, Invited, false),
            (Declined, Invited, true),
            (Invited, Joined, true),
            (Invited, Added, true),
            (Invited, Declined, true),
            (Removed, Declined, false),
            (Joined, Declined, false),
            (Invited, Left, false),
            (Declined, Removed, false),
        ] {
            let leads_on = leads_on(before, change, &room("ada"));
            assert_eq!(leads_on, leads, "{before:?} → {change:?}");
        }
    }

    #[test]
    fn the_room_of_everybody_is_muted_without_an_entry_and_guests_come_in_all_the_same() {
        let home = room(Username::natter().as_str());
        assert!(leads_on(Unspecified, Muted, &home));
        assert!(
            leads_on(Removed, Muted, &home),
            "a guest who is a member now"
        );
        assert!(leads_on(Muted, Added, &home), "a member who is a guest now");
    }

    fn room(made_by: &str) -> v1::Room {
        v1::Room {
            made_by: made_by.into(),
            ..v1::Room::default()
        }
    }
}
