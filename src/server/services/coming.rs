//! Brings a person into a room, or invites them where they have to accept.

use std::collections::BTreeSet;

use super::Services;
use crate::domain::{Username, limits};
use crate::server::read_model::queries::{self, Consent};
use crate::server::store::{DirectoryError, Guard};
use crate::server::{Failure, clock};
use crate::wire::v1::{self, MembershipChange, Role, Room, RoomKind};

/// The number of tries when somebody else changes the membership first.
const TRIES: usize = 5;

/// Milliseconds in a day.
const DAY: i64 = 24 * 3_600 * 1_000;

/// A person who is to come into a room, with their current state there.
pub(super) struct Candidate {
    pub uid: Username,
    pub person: v1::Person,
    /// They are in as many closed rooms as one can be in.
    pub is_full: bool,
    consent: Consent,
}

/// The people of `uids` who exist.
pub(super) async fn candidates(
    services: &Services,
    me: &Username,
    room: &Room,
    uids: BTreeSet<String>,
) -> Result<Vec<Candidate>, Failure> {
    let room = room.clone();
    let answer = services
        .ask_as(me, move |tables, _| {
            let is_closed = room.kind() == RoomKind::Closed;
            let mut found = Vec::new();
            for person in queries::people(tables, uids)? {
                let Ok(uid) = Username::parse(&person.uid) else {
                    continue;
                };
                let closed = queries::closed_rooms(tables, &uid)?;
                found.push(Candidate {
                    is_full: is_closed && closed >= limits::CLOSED_ROOMS,
                    consent: queries::consent(tables, &person, &room)?,
                    uid,
                    person,
                });
            }
            Ok(found)
        })
        .await?;
    Ok(answer.value)
}

impl Candidate {
    /// The change of their membership. `None`: they are in the room or invited already.
    ///
    /// # Errors
    /// They declined lately.
    pub fn change(&self, room: &Room) -> Result<Option<MembershipChange>, Failure> {
        // Everybody but guests is in the room that natter made, without a list.
        let is_everybodys = room.is_home() && self.person.role() != Role::Guest;
        if self.consent.is_in || is_everybodys {
            return Ok(None);
        }
        if !self.consent.is_needed {
            return Ok(Some(MembershipChange::Added));
        }
        if self.consent.is_invited {
            return Ok(None);
        }
        let rest = i64::try_from(limits::DECLINED_FOR.as_millis()).unwrap_or(i64::MAX);
        let declined = self.consent.declined;
        let left = declined.map_or(0, |declined| declined.0 + rest - clock::now().0);
        if left > 0 {
            let (name, days) = (&self.person.display_name, (left + DAY - 1) / DAY);
            let unit = if days == 1 { "day" } else { "days" };
            return Err(Failure::forbidden(format!(
                "{name} declined to come into this room. They can be asked again in {days} {unit}."
            )));
        }
        Ok(Some(MembershipChange::Invited))
    }
}

/// Brings somebody in, or invites them, by how they stand to the room when it takes effect.
pub(super) async fn bring_in(
    services: &Services,
    me: &Username,
    room: &Room,
    mut one: Candidate,
    guards: &[Guard],
) -> Result<(), Failure> {
    let directory = services.store.directory();
    for _ in 0..TRIES {
        let Some(change) = one.change(room)? else {
            return Ok(());
        };
        let place = Some(one.consent.place);
        let changed = directory.change_membership_at(place, me, &one.uid, room, change, guards);
        match changed.await {
            Err(DirectoryError::Moved) => {}
            other => {
                other?;
                return Ok(());
            }
        }
        let uid = BTreeSet::from([one.uid.to_string()]);
        let Some(anew) = candidates(services, me, room, uid).await?.pop() else {
            return Ok(());
        };
        one = anew;
    }
    Err(DirectoryError::Moved.into())
}
