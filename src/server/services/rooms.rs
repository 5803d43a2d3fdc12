//! Rooms and who is in them: what the commands (`room_commands`) and the forms both do.

use std::collections::BTreeSet;
use std::time::Duration;

use super::about::{About, guards_of};
use super::{Services, coming};
use crate::domain::{Pair, RoomId, RoomName, Topic, Username, limits, name_keys};
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::store::{DirectoryError, Guard, RoomEdit};
use crate::wire::v1::{self, MembershipChange, Room, RoomKind};

/// People in one `invite`, at most.
const INVITED_AT_ONCE: usize = 50;

/// Makes an open or a closed room, with its maker in it.
///
/// # Errors
/// The name is none or taken, or the person may not make rooms.
pub async fn make(
    services: &Services,
    me: &Username,
    asked: &v1::MakeRoomRequest,
) -> Result<Room, Failure> {
    services.limits.change(me)?;
    let name = RoomName::parse(&asked.name)?;
    let topic = Topic::parse(&asked.topic)?;
    let (uid, keys) = (me.clone(), name_keys(name.as_str()));
    let (is_guest, place, closed, is_taken) = services
        .ask_as(me, move |tables, viewer| {
            let closed = queries::closed_rooms(tables, &uid)?;
            let is_taken = queries::is_name_taken(tables, &keys, "")?;
            Ok((viewer.is_guest(), viewer.place, closed, is_taken))
        })
        .await?
        .value;
    if is_guest {
        return Err(guests_may_not("make rooms"));
    }
    if is_taken {
        return Err(DirectoryError::Taken.into());
    }
    let kind = match asked.kind() {
        RoomKind::Open => RoomKind::Open,
        RoomKind::Closed if closed >= limits::CLOSED_ROOMS => {
            return Err(too_many_rooms("You are"));
        }
        RoomKind::Closed => RoomKind::Closed,
        RoomKind::Direct | RoomKind::Unspecified => {
            return Err(Failure::invalid("A room is open or closed."));
        }
    };
    let directory = services.store.directory();
    let guard = Guard::account(me, place);
    Ok(directory
        .make_room(me, kind, Some(&name), &topic, &[], Some(&guard))
        .await?)
}

/// The room for direct messages with one person, or the group of several; made when there is none.
///
/// # Errors
/// Somebody of them is not to be talked to.
pub async fn talk_to(
    services: &Services,
    me: &Username,
    uids: Vec<String>,
) -> Result<Room, Failure> {
    services.limits.change(me)?;
    let uids: BTreeSet<_> = uids.into_iter().filter(|uid| uid != me.as_str()).collect();
    if uids.is_empty() {
        return Err(Failure::invalid("Say whom you want to talk to."));
    }
    if uids.len() >= limits::GROUP_PEOPLE {
        return Err(Failure::invalid(
            "A group has at most 9 people. Make a closed room with a name instead.",
        ));
    }
    let (asked, everyone) = (uids.clone(), uids.iter().cloned().chain([me.to_string()]));
    let everyone: BTreeSet<_> = everyone.collect();
    let (people, group, place) = services
        .ask_as(me, move |tables, viewer| {
            let mut people = Vec::new();
            for person in queries::visible_people(tables, viewer, asked)? {
                let Ok(uid) = Username::parse(&person.uid) else {
                    continue;
                };
                let closed = queries::closed_rooms(tables, &uid)?;
                people.push((uid, person.suspended, closed));
            }
            let group = queries::group_of(tables, &everyone)?;
            Ok((people, group, viewer.place))
        })
        .await?
        .value;
    if people.len() < uids.len() || people.iter().any(|(_, suspended, _)| *suspended) {
        return Err(Failure::not_found(
            "There is nobody of that name to talk to.",
        ));
    }
    let directory = services.store.directory();
    if let [(other, ..)] = people.as_slice() {
        let pair = Pair::of(me, other).ok_or_else(Failure::internal)?;
        let guard = Guard::account(me, place);
        return Ok(directory.direct_room(me, &pair, &guard).await?);
    }
    if let Some(group) = group {
        return Ok(group);
    }
    if people
        .iter()
        .any(|(.., closed)| *closed >= limits::CLOSED_ROOMS)
    {
        return Err(too_many_rooms("Somebody of them is"));
    }
    let with: Vec<_> = people.into_iter().map(|(uid, ..)| uid).collect();
    for uid in &with {
        let counted = services.limits.brought_in(me, uid);
        counted.map_err(|wait| brought_in_often(uid.as_str(), wait))?;
    }
    let (kind, topic) = (RoomKind::Closed, Topic::default());
    let guard = Guard::account(me, place);
    Ok(directory
        .make_room(me, kind, None, &topic, &with, Some(&guard))
        .await?)
}

/// Comes into an open room, or into one that they are invited into.
///
/// # Errors
/// There is no such room for them, or the invitation holds no longer.
pub async fn join(services: &Services, me: &Username, room_id: &str) -> Result<Room, Failure> {
    let about = About::find(services, me, room_id, None).await?;
    if about.is_in {
        return Ok(about.room);
    }
    about.must_not_be_archived()?;
    let (judged, guards) = match &about.asking {
        Some(asking) if !about.may_read => {
            if about.room.kind() == RoomKind::Closed && about.closed >= limits::CLOSED_ROOMS {
                return Err(too_many_rooms("You are"));
            }
            (Some(asking.place), guards_of(asking)?)
        }
        _ => (None, about.guards()?),
    };
    let directory = services.store.directory();
    let joined = MembershipChange::Joined;
    directory
        .change_membership_at(judged, me, me, &about.room, joined, &guards)
        .await?;
    Ok(about.room)
}

/// Goes from a room. When this returns, the person hears nothing more of a closed one. Whoever is
/// invited and not in it declines.
///
/// # Errors
/// One cannot go from this one.
pub async fn leave(services: &Services, me: &Username, room_id: &str) -> Result<Room, Failure> {
    let about = About::find(services, me, room_id, None).await?;
    if about.room.kind() == RoomKind::Direct {
        return Err(Failure::forbidden("Direct messages cannot be left."));
    }
    if !about.is_in && about.asking.is_some() {
        return decline_as(services, me, about).await;
    }
    if about.room.is_home() {
        return Err(Failure::forbidden(
            "Everybody is in this room. You can mute it instead.",
        ));
    }
    let guards = [about.account()?];
    let left = MembershipChange::Left;
    send_away(services, me, me, about.room, left, &guards).await
}

/// Declines an invitation.
///
/// # Errors
/// The person is not invited, or in the room by now.
pub async fn decline(services: &Services, me: &Username, room_id: &str) -> Result<Room, Failure> {
    let about = About::find(services, me, room_id, None).await?;
    if about.is_in {
        return Err(Failure::forbidden(
            "You are in this room. You can leave it.",
        ));
    }
    decline_as(services, me, about).await
}

async fn decline_as(services: &Services, me: &Username, about: About) -> Result<Room, Failure> {
    let guards = [about.account()?];
    let asking = about
        .asking
        .ok_or_else(|| Failure::not_found("This invitation holds no longer."))?;
    let (directory, place) = (services.store.directory(), Some(asking.place));
    let declined = MembershipChange::Declined;
    directory
        .change_membership_at(place, me, me, &about.room, declined, &guards)
        .await?;
    Ok(about.room)
}

/// Brings people into a room. Those who have left it or were removed from it twice are invited: it is
/// theirs to say whether they come in.
///
/// # Errors
/// The person may not, or somebody of them is not to be found or declined lately; then nobody was
/// brought in: all are looked at before the first. Each is then brought in by a write of its own, judged by
/// how they stand at that moment, so a failure among these writes leaves those before it in the room. The
/// same again brings in the rest.
pub async fn invite(
    services: &Services,
    me: &Username,
    room_id: &str,
    uids: Vec<String>,
) -> Result<Room, Failure> {
    if uids.is_empty() || uids.len() > INVITED_AT_ONCE {
        return Err(Failure::invalid("Invite 1 to 50 people at once."));
    }
    let about = About::find(services, me, room_id, None).await?;
    about.must_be_in()?;
    about.must_not_be_archived()?;
    if about.viewer.is_guest() {
        return Err(guests_may_not("invite people"));
    }
    if about.room.kind() == RoomKind::Direct {
        return Err(Failure::forbidden(
            "These are direct messages between two. Begin a group to talk with more people.",
        ));
    }
    let asked: BTreeSet<String> = uids.into_iter().collect();
    let candidates = coming::candidates(services, me, &about.room, asked.clone()).await?;
    for uid in &asked {
        let mut found = candidates.iter();
        let found = found.find(|one| one.uid.as_str() == uid);
        let found = found.filter(|one| !one.person.suspended);
        let found = found.ok_or_else(|| nobody(uid))?;
        if found.is_full {
            return Err(too_many_rooms(&format!("{} is", found.person.display_name)));
        }
        found.change(&about.room)?;
    }
    for one in &candidates {
        if one.change(&about.room)?.is_some() {
            let counted = services.limits.brought_in(me, &one.uid);
            counted.map_err(|wait| brought_in_often(&one.person.display_name, wait))?;
        }
    }
    let guards = about.guards()?;
    for one in candidates {
        coming::bring_in(services, me, &about.room, one, &guards).await?;
    }
    Ok(about.room)
}

/// Sends somebody away from a room. When this returns, they hear nothing more of a closed one.
///
/// # Errors
/// The person may not, or the other is not in it.
pub async fn remove(
    services: &Services,
    me: &Username,
    room_id: &str,
    uid: &str,
) -> Result<Room, Failure> {
    let other = Username::parse(uid).map_err(|_| nobody(uid))?;
    if other == *me {
        return leave(services, me, room_id).await;
    }
    let about = About::find(services, me, room_id, Some(other.clone())).await?;
    about.must_be_in()?;
    about.must_look_after("send people away")?;
    let Some((person, true)) = &about.other else {
        return Err(nobody(uid));
    };
    if about.room.kind() == RoomKind::Direct {
        return Err(Failure::forbidden(
            "Direct messages are between two, for good.",
        ));
    }
    if about.room.is_home() && person.role() != v1::Role::Guest {
        return Err(Failure::forbidden(
            "Everybody is in this room. An administrator can suspend somebody instead.",
        ));
    }
    let counted = services.limits.removed(me, &other);
    counted
        .map_err(|wait| Failure::too_many_to(&person.display_name, "removed from rooms", wait))?;
    let guards = about.guards()?;
    let removed = MembershipChange::Removed;
    send_away(services, me, &other, about.room, removed, &guards).await
}

async fn send_away(
    services: &Services,
    me: &Username,
    uid: &Username,
    room: Room,
    change: MembershipChange,
    guards: &[Guard],
) -> Result<Room, Failure> {
    let directory = services.store.directory();
    let changed = directory
        .change_membership(me, uid, &room, change, guards)
        .await?;
    if let Some(sequence) = changed {
        services.cutter.wait(sequence).await;
    }
    Ok(room)
}

/// Hears nothing of a room, or hears of it again.
///
/// # Errors
/// The person is not in it.
pub async fn mute(
    services: &Services,
    me: &Username,
    room_id: &str,
    muted: bool,
) -> Result<Room, Failure> {
    let about = About::find(services, me, room_id, None).await?;
    about.must_be_in()?;
    let change = if muted {
        MembershipChange::Muted
    } else {
        MembershipChange::Unmuted
    };
    let directory = services.store.directory();
    directory
        .change_membership(me, me, &about.room, change, &[about.account()?])
        .await?;
    Ok(about.room)
}

/// Gives a room another name or topic, ends it or opens it again.
///
/// # Errors
/// The person may not, or the name is none or taken.
pub async fn change(
    services: &Services,
    me: &Username,
    asked: &v1::ChangeRoomRequest,
) -> Result<Room, Failure> {
    let about = About::find(services, me, &asked.room_id, None).await?;
    about.must_be_in()?;
    if about.viewer.is_guest() {
        return Err(guests_may_not("change rooms"));
    }
    if about.room.kind() == RoomKind::Direct {
        return Err(Failure::forbidden("Direct messages have no name or topic."));
    }
    let mut edits = Vec::new();
    let mut archives = None;
    if let Some(archived) = asked.archived {
        about.must_look_after("archive it")?;
        archives = Some(RoomEdit::Archived(archived));
    }
    // An archived room takes no other change: it is opened again first, and archived last.
    edits.extend(archives.take_if(|_| asked.archived == Some(false)));
    if let Some(name) = &asked.name {
        about.must_look_after("rename it")?;
        let name = RoomName::parse(name)?;
        must_be_free(services, me, &name, &about.room).await?;
        edits.push(RoomEdit::Name(name));
    }
    let settles_home = edits.iter().chain(&archives).any(|edit| match edit {
        RoomEdit::Name(name) => name.as_str() != about.room.name,
        RoomEdit::Archived(archived) => *archived,
        RoomEdit::Topic(_) => false,
    });
    if about.room.is_home() && settles_home {
        return Err(Failure::forbidden(
            "This room is everybody’s: it keeps its name and is not archived.",
        ));
    }
    if let Some(topic) = &asked.topic {
        edits.push(RoomEdit::Topic(Topic::parse(topic)?));
    }
    edits.extend(archives);
    if asked.archived != Some(false) {
        about.must_not_be_archived()?;
    }
    let id = RoomId::parse(&about.room.id)?;
    let guards = about.guards()?;
    let mut room = about.room;
    for edit in edits {
        room = services
            .store
            .directory()
            .change_room(me, &id, &edit, &guards)
            .await?;
    }
    Ok(room)
}

/// No other room has this name or one that it could be taken for.
async fn must_be_free(
    services: &Services,
    me: &Username,
    name: &RoomName,
    room: &Room,
) -> Result<(), Failure> {
    let (keys, id) = (name_keys(name.as_str()), room.id.clone());
    let is_taken = services
        .ask_as(me, move |tables, _| {
            queries::is_name_taken(tables, &keys, &id)
        })
        .await?
        .value;
    match is_taken {
        true => Err(DirectoryError::Taken.into()),
        false => Ok(()),
    }
}

fn nobody(uid: &str) -> Failure {
    Failure::not_found(format!("There is nobody with the username “{uid}” here."))
}

fn guests_may_not(what: &str) -> Failure {
    Failure::forbidden(format!("Guests may not {what}."))
}

fn brought_in_often(who: &str, wait: Duration) -> Failure {
    Failure::too_many_to(who, "brought into rooms", wait)
}

fn too_many_rooms(who: &str) -> Failure {
    Failure::forbidden(format!(
        "{who} in 500 closed rooms, which is as many as one can be in."
    ))
}
