//! What commands about rooms rest on: who asks, how they stand to the room, and what must not change
//! until it is done.

use super::Services;
use crate::domain::{RoomId, Sequence, Username};
use crate::server::Failure;
use crate::server::read_model::queries::{self, Asking, Viewer};
use crate::server::store::Guard;
use crate::wire::v1::{self, Room};

/// What is to be known before something is done about a room.
pub(super) struct About {
    pub viewer: Viewer,
    pub room: Room,
    pub is_in: bool,
    /// The entry of LOG that says so, where there is one.
    pub membership: Option<Sequence>,
    pub looks_after: bool,
    /// Could they read it without being in it?
    pub may_read: bool,
    /// The person who invites them.
    pub asking: Option<Asking>,
    /// How many closed rooms they are in.
    pub closed: usize,
    /// The person concerned, if it is another one, and whether they are in the room.
    pub other: Option<(v1::Person, bool)>,
}

impl About {
    pub async fn find(
        services: &Services,
        me: &Username,
        room_id: &str,
        other: Option<Username>,
    ) -> Result<Self, Failure> {
        services.limits.change(me)?;
        let (room_id, uid) = (room_id.to_owned(), me.clone());
        let found = services
            .ask_as(me, move |tables, viewer| {
                let asking = queries::invitation(tables, uid.as_str(), &room_id)?;
                let room = queries::visible_room_by_id(tables, viewer, &room_id)?;
                // An invited person knows of the room.
                let Some(room) = room.or(asking.as_ref().map(|asking| asking.room.clone())) else {
                    return Ok(None);
                };
                let other = match other {
                    Some(uid) => queries::people(tables, [uid.to_string()])?.pop(),
                    None => None,
                };
                let other = other
                    .map(|other| {
                        let is_in = queries::is_in(tables, &other, &room)?;
                        Ok::<_, crate::server::read_model::ReadError>((other, is_in))
                    })
                    .transpose()?;
                Ok(Some(Self {
                    is_in: queries::is_in(tables, &viewer.person, &room)?,
                    membership: queries::membership_place(tables, &viewer.person.uid, &room)?,
                    looks_after: queries::looks_after(tables, viewer, &room)?,
                    may_read: queries::may_read(tables, viewer, &room)?,
                    asking,
                    closed: queries::closed_rooms(tables, &uid)?,
                    viewer: viewer.clone(),
                    room,
                    other,
                }))
            })
            .await?;
        found.value.ok_or_else(Failure::no_such_room)
    }

    pub fn must_be_in(&self) -> Result<(), Failure> {
        if self.is_in {
            return Ok(());
        }
        Err(Failure::forbidden("Join this room first."))
    }

    pub fn must_not_be_archived(&self) -> Result<(), Failure> {
        if self.room.archived {
            return Err(Failure::forbidden("This room is archived."));
        }
        Ok(())
    }

    /// The guard for what a person does with their own membership, which that write expects anyway:
    /// their account.
    pub fn account(&self) -> Result<Guard, Failure> {
        let uid = Username::parse(&self.viewer.person.uid)?;
        Ok(Guard::account(&uid, self.viewer.place))
    }

    /// The guards for changing the room, bringing in and removing others: the account of the person who
    /// does it, and their own membership.
    pub fn guards(&self) -> Result<Vec<Guard>, Failure> {
        let uid = Username::parse(&self.viewer.person.uid)?;
        let mut guards = vec![self.account()?];
        if let Some(place) = self.membership {
            guards.push(Guard::membership(
                &RoomId::parse(&self.room.id)?,
                &uid,
                place,
            ));
        }
        Ok(guards)
    }

    pub fn must_look_after(&self, what: &str) -> Result<(), Failure> {
        if self.looks_after {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "Only the person who made this room and administrators may {what}."
        )))
    }
}

/// The guards for accepting an invitation: the person who made it could still make it.
pub(super) fn guards_of(asking: &Asking) -> Result<Vec<Guard>, Failure> {
    let by = Username::parse(&asking.by.person.uid)?;
    let room = RoomId::parse(&asking.room.id)?;
    let membership = asking
        .membership
        .map(|place| Guard::membership(&room, &by, place));
    let account = Guard::account(&by, asking.by.place);
    Ok([account].into_iter().chain(membership).collect())
}
