//! Takes live events into the logs.

use std::time::Duration;

use futures::StreamExt as _;

use super::{Change, ChatClient, fetch, heads, logged_event, reading, sending};
use crate::domain::{Applied, Note, Place, RoomId, What, limits, subject};
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
    // A room that is not in the sidebar, or one that has changed.
    if known.is_none() || matches!(entry.what, What::Noted(_)) {
        chat.spawn(heads::look(chat.clone()));
    }
    let Some(room) = known.or(match place {
        Place::Open(room) | Place::Closed(room) => Some(room),
        Place::Direct(_) => None,
    }) else {
        return;
    };
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

/// Takes what concerns the person alone: into which rooms they came and from which they went.
fn take_own(chat: &ChatClient, logged: v1::LoggedEvent) {
    let Some(event) = logged.event else { return };
    let Some(v1::event::Body::MembershipChanged(changed)) = event.body else {
        return;
    };
    let change = changed.change();
    if let Some(room) = changed.room {
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
    chat.spawn(heads::look(chat.clone()));
}

/// Asks for the people whose names are not known yet, part by part.
pub(super) fn meet<'a>(chat: &ChatClient, uids: impl IntoIterator<Item = &'a str>) {
    let strangers = chat.read(|model| model.strangers(uids));
    if !strangers.is_empty() {
        let uids = strangers.into_iter().take(limits::PEOPLE_ASKED).collect();
        let chat = chat.clone();
        chat.clone().spawn(async move {
            let mut asked = v1::PeopleRequest {
                uids,
                after: String::new(),
            };
            while let Ok(answer) = chat.ask::<_, v1::PeopleResponse>("people", &asked).await {
                chat.update(|model| model.meet(&answer.people));
                // Each part has later usernames than the one before, so this ends.
                if answer.more <= asked.after {
                    return;
                }
                asked.after = answer.more;
            }
        });
    }
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
