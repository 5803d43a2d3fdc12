//! Takes live events into the logs, and fetches what is missing.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::super::chat::{RoomState, entries, loaded};
use super::{Live, sleep, wire};
use crate::app::words;
use crate::client::{AskError, logged_event};
use crate::domain::{
    Applied, Note, Place, Position, RoomId, Sequence, Username, What, limits, subject,
};
use crate::nats;
use crate::wire::{log_entry_of, v1};

/// Between two looks at the heads (design section 5).
const HEADS_EVERY: Duration = Duration::from_secs(30);

/// After connecting: what a leader that was just killed did not send is known by then.
const HEADS_AFTER_CONNECTING: Duration = Duration::from_secs(5);

/// Before subscribing again, should the broker have refused.
const PAUSE: Duration = Duration::from_secs(5);

/// Takes one live feed of one connection, until that connection is another one or the broker does
/// not allow it.
pub(super) async fn follow(live: Live, client: nats::Client, number: u64, subject: String) {
    while live.wires.number() == number {
        if let Ok(mut feed) = client.subscribe(&subject).await {
            while let Some(message) = feed.next().await {
                take(&live, &message);
            }
            if feed.error() == Some(nats::SubscribeError::PermissionDenied) {
                break;
            }
        }
        if client.status() == nats::Status::Closed {
            break;
        }
        sleep(PAUSE).await;
    }
    live.wires.lose_feed(number, &subject);
}

fn take(live: &Live, message: &nats::Message) {
    let Some(logged) = logged_event(message) else {
        return;
    };
    let subject = message.subject.as_str();
    if subject == subject::event_user(&live.me) {
        return take_own(live, logged);
    }
    let Some(place) = Place::of_subject(subject) else {
        return;
    };
    let Ok(entry) = log_entry_of(&logged) else {
        return;
    };
    let known = untrack(|| live.chat.room_at(&place));
    // A room that is not in the sidebar, or one that has changed.
    if known.is_none() || matches!(entry.what, What::Noted(_)) {
        spawn_local(ask_heads(live.clone()));
    }
    let Some(room) = known.or(match place {
        Place::Open(room) | Place::Closed(room) => Some(room),
        Place::Direct(_) => None,
    }) else {
        return;
    };
    live.hear(&room, entry.sequence);
    meet(live, [entry.key.author.as_str()]);
    if let What::Noted(Note::Added(whom) | Note::Removed(whom)) = &entry.what {
        meet(live, [whom.as_str()]);
    }
    let key = entry.key.clone();
    match with_log(live, &room, |log| log.apply(entry)) {
        Some(Applied::Added | Applied::Known) => {
            live.chat.outbox.update(|outbox| outbox.seen(&key));
        }
        Some(Applied::Gap) => spawn_local(sync(live.clone(), vec![room])),
        Some(Applied::Reset) => spawn_local(load(live.clone(), room)),
        None => {}
    }
}

/// Takes what concerns the person alone: into which rooms they came and from which they went.
fn take_own(live: &Live, logged: v1::LoggedEvent) {
    let Some(event) = logged.event else { return };
    let Some(v1::event::Body::MembershipChanged(changed)) = event.body else {
        return;
    };
    let by = event.key.map(|key| key.uid).unwrap_or_default();
    if changed.change() == v1::MembershipChange::Removed
        && let Some(room) = &changed.room
    {
        let name = live.chat.title_of(room, &[]);
        let by = Username::parse(&by).map_or(by, |by| live.chat.name_of(&by));
        live.chat.notice.set(Some(words::removed_from(&name, &by)));
    }
    spawn_local(ask_heads(live.clone()));
}

/// After connecting. The subscriptions have been processed first, so that nothing falls between
/// what is fetched and what is heard.
pub(super) async fn catch_up(live: Live) {
    if resume(&live).await {
        sleep(HEADS_AFTER_CONNECTING).await;
        ask_heads(live).await;
    }
}

/// Fetches what happened in the rooms that are here. False: there is no connection.
pub(super) async fn resume(live: &Live) -> bool {
    if live.wires.client().flush().await.is_err() {
        return false;
    }
    let rooms = live.chat.logs.with_untracked(|logs| {
        let loaded = |(room, state): (&RoomId, &ArcRwSignal<RoomState>)| {
            let is_loaded = state.with_untracked(|s| matches!(s, RoomState::Loaded(_)));
            is_loaded.then(|| room.clone())
        };
        logs.iter().filter_map(loaded).collect()
    });
    sync(live.clone(), rooms).await;
    true
}

/// Asks for the heads now and then, and when the tab is shown.
pub(super) async fn watch_heads(live: Live) {
    let shown = live.clone();
    let listener = window_event_listener_untyped("visibilitychange", move |_| {
        if !document().hidden() {
            spawn_local(ask_heads(shown.clone()));
        }
    });
    while live.wires.client().status() != nats::Status::Closed {
        sleep(HEADS_EVERY).await;
        ask_heads(live.clone()).await;
    }
    listener.remove();
}

/// Finds what the live feed has missed: a quiet room's last message, a room that was made, one
/// that the person came into or went from.
async fn ask_heads(live: Live) {
    let loaded: Vec<String> = live
        .chat
        .logs
        .with_untracked(|logs| logs.keys().map(ToString::to_string).collect());
    let joined: BTreeSet<String> = live.chat.rooms.with_untracked(|rooms| {
        let joined = rooms.iter().filter(|head| head.joined);
        let ids = joined.filter_map(|head| Some(head.room.as_ref()?.id.clone()));
        ids.collect()
    });
    let also = loaded.iter().filter(|id| !joined.contains(*id)).cloned();
    let asked = v1::HeadsRequest {
        also: also.take(limits::SYNC_ROOMS).collect(),
    };
    let Ok(heads) = live.ask::<_, v1::HeadsResponse>("heads", &asked).await else {
        return;
    };
    // Another role is another page: what is listed, what is offered, what is heard.
    let role = live.chat.me.with_value(v1::Person::role);
    let is_idle = live
        .chat
        .outbox
        .with_untracked(|outbox| outbox.posts().is_empty());
    if heads.me.as_ref().is_some_and(|me| me.role() != role) && is_idle {
        // Where the browser refuses, the next look asks again.
        let _ = window().location().reload();
        return;
    }
    let is_there = |id: &String| {
        let mut rooms = heads.rooms.iter().filter_map(|head| head.room.as_ref());
        rooms.any(|room| room.id == *id)
    };
    let gone = loaded.iter().filter(|id| !is_there(id));
    let may_be_gone: Vec<_> = gone.filter_map(|id| RoomId::parse(id).ok()).collect();
    let mut behind = Vec::new();
    for head in heads.rooms.iter().filter_map(|head| head.head.as_ref()) {
        let Ok(room) = RoomId::parse(&head.room_id) else {
            continue;
        };
        let sequence = Sequence(head.sequence);
        live.hear(&room, sequence);
        let is_behind = with_log(&live, &room, |log| {
            log.announce(sequence);
            log.is_behind()
        });
        if is_behind == Some(true) {
            behind.push(room);
        }
    }
    if live
        .chat
        .rooms
        .with_untracked(|rooms| *rooms != heads.rooms)
    {
        for head in &heads.rooms {
            meet_all(&live, &head.with);
        }
        live.chat.rooms.set(heads.rooms);
    }
    spawn_local(wire::keep_up(live.clone()));
    // What is no longer in the sidebar may be an open room that can still be read, or not.
    behind.extend(may_be_gone);
    sync(live, behind).await;
}

/// Fetches what happened in rooms since what is here, once at a time for a room.
async fn sync(live: Live, rooms: Vec<RoomId>) {
    let rooms = live.begin_catching_up(rooms);
    fetch_missing(&live, rooms.clone()).await;
    live.end_catching_up(&rooms);
}

/// Goes on until nothing heard of is missing.
async fn fetch_missing(live: &Live, mut rooms: Vec<RoomId>) {
    while !rooms.is_empty() {
        let positions = rooms
            .iter()
            .take(limits::SYNC_ROOMS)
            .filter_map(|room| {
                let position = with_log(live, room, |log| log.position().clone())?;
                Some(position_of(room, &position))
            })
            .collect();
        let asked = v1::SyncRequest { positions };
        let Ok(answer) = live.ask::<_, v1::SyncResponse>("sync", &asked).await else {
            // The next connection, the next heads or the next gap asks again.
            return;
        };
        rooms.clear();
        for part in answer.rooms {
            let Ok(room) = RoomId::parse(&part.room_id) else {
                continue;
            };
            if part.gone {
                forget(live, &room);
                continue;
            }
            if part.reset {
                load(live.clone(), room.clone()).await;
                if with_log(live, &room, |log| log.is_behind()) == Some(true) {
                    rooms.push(room);
                }
                continue;
            }
            let run = entries(&part.events);
            meet(live, run.iter().map(|entry| entry.key.author.as_str()));
            let through = Sequence(answer.through);
            let behind = with_log(live, &room, |log| {
                log.catch_up(run);
                log.is_behind()
            });
            settle(live, &room);
            // What was heard of at or below `through` and is still not here does not exist.
            if behind == Some(true) && live.heard(&room) > through {
                rooms.push(room);
            }
        }
    }
}

/// The person may no longer read it.
fn forget(live: &Live, room: &RoomId) {
    let state = live
        .chat
        .logs
        .with_untracked(|logs| logs.get(room).cloned());
    if let Some(state) = state {
        state.set(RoomState::Missing);
    }
    live.chat.rooms.update(|rooms| {
        rooms.retain(|head| {
            let known = head.room.as_ref();
            known.is_none_or(|known| known.id != room.as_str())
        });
    });
}

/// Fetches a room anew.
pub(super) async fn load(live: Live, room: RoomId) {
    let state = live
        .chat
        .logs
        .with_untracked(|logs| logs.get(&room).cloned());
    let state = state.unwrap_or_else(|| {
        let state = ArcRwSignal::new(RoomState::Loading);
        live.chat
            .logs
            .update(|logs| drop(logs.insert(room.clone(), state.clone())));
        state
    });
    // A log that is here is shown until the new one is.
    if !state.with_untracked(|state| matches!(state, RoomState::Loaded(_))) {
        state.set(RoomState::Loading);
    }
    let _ = live.wires.client().connected().await;
    match view(&live, &room, Sequence(0)).await {
        Ok(view) => {
            meet_all(&live, &view.people);
            state.set(loaded(&view));
            settle(&live, &room);
            let heard = live.heard(&room);
            let behind = with_log(&live, &room, |log| {
                log.announce(heard);
                log.is_behind()
            });
            if behind == Some(true) {
                spawn_local(sync(live, vec![room]));
            }
        }
        Err(AskError::Refused(failure)) if failure.kind() == v1::FailureKind::NotFound => {
            state.set(RoomState::Missing);
        }
        Err(error) => state.update(|state| {
            if !matches!(state, RoomState::Loaded(_)) {
                *state = RoomState::Failed(super::words_of(&error));
            }
        }),
    }
}

/// Fetches the page before the oldest entry here.
pub(super) async fn load_earlier(live: Live, room: RoomId) {
    let first = with_log(&live, &room, |log| {
        log.entries().first().map(|e| e.sequence)
    })
    .flatten();
    let Some(first) = first else { return };
    if let Ok(view) = view(&live, &room, first).await {
        meet_all(&live, &view.people);
        with_log(&live, &room, |log| {
            log.prepend(entries(&view.events), view.has_earlier);
        });
    }
}

async fn view(live: &Live, room: &RoomId, before: Sequence) -> Result<v1::RoomView, AskError> {
    let asked = v1::HistoryRequest {
        room: room.to_string(),
        before: before.0,
        limit: 0,
    };
    let answer: v1::HistoryResponse = live.ask("history", &asked).await?;
    answer.view.ok_or(AskError::Unreadable)
}

/// Takes what is in a room's log now out of the outbox.
pub(super) fn settle(live: &Live, room: &RoomId) {
    let sent: Vec<_> = live.chat.outbox.with_untracked(|outbox| {
        let in_room = outbox.posts().iter().filter(|post| post.room == *room);
        in_room.map(|post| post.key.clone()).collect()
    });
    let seen: Vec<_> = with_log(live, room, |log| {
        sent.into_iter().filter(|key| log.holds(key)).collect()
    })
    .unwrap_or_default();
    if !seen.is_empty() {
        live.chat.outbox.update(|outbox| {
            for key in &seen {
                outbox.seen(key);
            }
        });
    }
}

/// Asks who those are whose names are not known.
fn meet<'a>(live: &Live, uids: impl IntoIterator<Item = &'a str>) {
    let strangers: BTreeSet<_> = live.chat.people.with_untracked(|people| {
        let unknown = uids.into_iter().filter(|uid| !people.contains_key(*uid));
        unknown
            .take(limits::PEOPLE_ASKED)
            .map(str::to_owned)
            .collect()
    });
    if strangers.is_empty() {
        return;
    }
    let live = live.clone();
    spawn_local(async move {
        let uids = strangers.into_iter().collect();
        let asked = v1::PeopleRequest { uids };
        if let Ok(answer) = live.ask::<_, v1::PeopleResponse>("people", &asked).await {
            meet_all(&live, &answer.people);
        }
    });
}

fn meet_all(live: &Live, known: &[v1::Person]) {
    let is_new = live.chat.people.with_untracked(|people| {
        known
            .iter()
            .any(|person| people.get(&person.uid) != Some(person))
    });
    if is_new {
        let known = known
            .iter()
            .map(|person| (person.uid.clone(), person.clone()));
        live.chat.people.update(|people| people.extend(known));
    }
}

/// Does something with a room's log, when it is here; views hear of it.
fn with_log<T>(
    live: &Live,
    room: &RoomId,
    act: impl FnOnce(&mut crate::domain::RoomLog) -> T,
) -> Option<T> {
    let state = live
        .chat
        .logs
        .with_untracked(|logs| logs.get(room).cloned())?;
    state.try_maybe_update(|state| match state {
        RoomState::Loaded(log) => {
            let before = log.entries().len();
            let earlier = log.has_earlier();
            let done = act(log);
            let changed = log.entries().len() != before || log.has_earlier() != earlier;
            (changed, Some(done))
        }
        _ => (false, None),
    })?
}

fn position_of(room: &RoomId, position: &Position) -> v1::Position {
    v1::Position {
        room_id: room.to_string(),
        sequence: position.sequence.0,
        key: position.key.as_ref().map(Into::into),
    }
}
