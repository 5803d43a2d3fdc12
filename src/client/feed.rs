//! Takes live events into the logs.

use std::time::Duration;

use futures::StreamExt as _;

use super::meeting::meet;
use super::{Change, ChatClient, fetch, logged_event, reading, sending};
use crate::domain::{Applied, LogEntry, Note, Place, RoomId, What, subject};
use crate::nats::{self, runtime};
use crate::wire::{log_entry_of, v1};

/// Before subscribing again, should the broker have refused.
const PAUSE: Duration = Duration::from_secs(5);

/// Takes one live feed of one connection, until that connection is another one or the broker does
/// not allow it.
pub(super) async fn follow(chat: ChatClient, client: nats::Client, number: u64, subject: String) {
    let wires = &chat.inner.wires;
    let mut is_first = true;
    while wires.number() == number {
        if let Ok(mut feed) = client.subscribe(&subject).await {
            if !std::mem::take(&mut is_first) {
                // What was said while this was not heard.
                chat.spawn(fetch::catch_up(chat.clone()));
            }
            while let Some(message) = feed.next().await {
                take(&chat, &message);
            }
            if feed.error() == Some(nats::SubscribeError::PermissionDenied) {
                break;
            }
        }
        if client.status() == nats::Status::Closed {
            break;
        }
        runtime::sleep(PAUSE).await;
    }
    wires.lose_feed(number, &subject);
}

fn take(chat: &ChatClient, message: &nats::Message) {
    let subject = message.subject.as_str();
    if subject == subject::signal_user(&chat.inner.me) {
        return reading::hear(chat, message);
    }
    let Some(logged) = logged_event(message) else {
        return;
    };
    if subject == subject::event_user(&chat.inner.me) {
        return take_own(chat, logged);
    }
    let Some(place) = Place::of_subject(subject) else {
        return;
    };
    let Ok(entry) = log_entry_of(&logged) else {
        return;
    };
    let known = chat.read(|model| model.room_at(&place));
    let Some(room) = known.clone().or(match &place {
        Place::Open(room) | Place::Closed(room) => Some(room.clone()),
        Place::Direct(_) => None,
    }) else {
        return begin_direct(chat, &entry);
    };
    if known.is_none() && !chat.read(|model| model.logs().contains_key(&room)) {
        // Counted for when the room turns out to be in the sidebar, and nothing is asked.
        return chat.update(|model| {
            model.count(&room, &entry);
            model.hear(&room, entry.sequence);
        });
    }
    take_note(chat, &logged, &entry);
    let mut about = vec![entry.key.author.to_string()];
    if let What::Noted(Note::Added(whom) | Note::Removed(whom) | Note::Invited(whom)) = &entry.what
    {
        about.push(whom.to_string());
    }
    meet(chat, about.iter().map(String::as_str));
    let key = entry.key.clone();
    let applied = chat.update(|model| {
        model.count(&room, &entry);
        let applied = model.with_log(&room, |log| log.apply(entry.clone()));
        // What belongs to another log is no end of this one.
        if applied != Some(Applied::Reset) {
            model.hear(&room, entry.sequence);
        }
        applied
    });
    match applied {
        Some(Applied::Added | Applied::Known) => sending::update(chat, |outbox| outbox.seen(&key)),
        Some(Applied::Gap) if chat.rules().gaps => {
            chat.spawn(fetch::sync(chat.clone(), vec![room]));
        }
        Some(Applied::Gap) => {
            chat.update(|model| model.with_log(&room, |log| log.catch_up(vec![entry])));
        }
        Some(Applied::Reset) if chat.rules().keys => chat.spawn(fetch::load(chat.clone(), room)),
        Some(Applied::Reset) | None => {}
    }
}

/// A direct room that is not in the sidebar. It shows up there with its first message, which does not
/// say what the room's id is: that is asked for once.
fn begin_direct(chat: &ChatClient, entry: &LogEntry) {
    let is_message = matches!(entry.what, What::Message { .. });
    if is_message || entry.key.author == chat.inner.me {
        chat.wake_heads();
    }
}

/// Takes what a note says about the room.
fn take_note(chat: &ChatClient, logged: &v1::LoggedEvent, entry: &LogEntry) {
    if !matches!(entry.what, What::Noted(_)) {
        return;
    }
    match logged.event.as_ref().and_then(|event| event.body.as_ref()) {
        Some(v1::event::Body::RoomChanged(changed)) => {
            if let Some(room) = &changed.room {
                chat.update(|model| model.change_room(room, entry.sequence));
            }
        }
        // A group is called after who is in it, whom the note does not name.
        Some(v1::event::Body::MembershipChanged(changed))
            if changed
                .room
                .as_ref()
                .is_some_and(|room| room.name.is_empty()) =>
        {
            chat.wake_heads();
        }
        _ => {}
    }
}

/// Takes what concerns the person alone: into which rooms they came and from which they went.
fn take_own(chat: &ChatClient, logged: v1::LoggedEvent) {
    let Some(event) = logged.event else { return };
    let Some(v1::event::Body::MembershipChanged(changed)) = event.body else {
        return;
    };
    let change = changed.change();
    if let Some(room) = changed.room {
        let is_invited = change == v1::MembershipChange::Invited;
        chat.update(|model| model.invite(&room.id, is_invited));
        let is_muted = change == v1::MembershipChange::Muted;
        if is_muted || change == v1::MembershipChange::Unmuted {
            return chat.update(|model| model.mute(&room.id, is_muted));
        }
        let by = event.key.map(|key| key.uid).unwrap_or_default();
        let told = match change {
            v1::MembershipChange::Removed => Some(Change::Removed { room, by }),
            v1::MembershipChange::Invited => Some(Change::Invited { room, by }),
            _ => None,
        };
        if let Some(told) = told {
            chat.update(|model| model.tell(told));
        }
    }
    chat.wake_heads();
}

/// Where a reader stands in a room.
pub(super) fn position_of(chat: &ChatClient, room: &RoomId) -> Option<v1::Position> {
    chat.read(|model| {
        let position = model.log(room)?.position();
        Some(v1::Position {
            room_id: room.to_string(),
            sequence: position.sequence.0,
            key: position.key.as_ref().map(Into::into),
        })
    })
}
