//! Fetches rooms, and what the live feed has missed of them.

use std::time::Duration;

use super::chat::lock;
use super::feed::position_of;
use super::meeting::meet;
use super::model::entries;
use super::{AskError, ChatClient, LoadError, Model, RoomState, sending};
use crate::domain::{RoomId, RoomLog, Sequence, limits};
use crate::nats::{Status, runtime};
use crate::wire::v1;

/// Before the same is asked again, at first; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// How often, while there is a connection. After that the next gap, the next heads or the next
/// connection asks.
const TRIES: u32 = 6;

/// Asks until there is an answer, while there is a connection. Each try waits for its turn.
pub(super) async fn insist<Q: prost::Message, A: prost::Message + Default>(
    chat: &ChatClient,
    verb: &'static str,
    question: &Q,
) -> Result<A, AskError> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        chat.inner.pace.turn(verb).await;
        let error = match chat.ask(verb, question).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wait = match &error {
            AskError::Refused(failure) => match failure.kind() {
                v1::FailureKind::TooMany | v1::FailureKind::Unavailable => {
                    Duration::from_millis(failure.retry_after_ms.into())
                }
                _ => return Err(error),
            },
            AskError::NoAnswer(_) if chat.connection().status() == Status::Connected => pause,
            AskError::NoAnswer(_) | AskError::Unreadable => return Err(error),
        };
        runtime::sleep(wait.max(pause)).await;
        pause *= 2;
    }
    chat.inner.pace.turn(verb).await;
    chat.ask(verb, question).await
}

/// After connecting, and whenever live events may have been lost. The subscriptions are processed
/// first, so that nothing falls between what is fetched and what is heard.
pub(super) async fn catch_up(chat: ChatClient) {
    resume(&chat).await;
}

/// The same. False: there is no connection.
pub(super) async fn resume(chat: &ChatClient) -> bool {
    if chat.connection().flush().await.is_err() {
        return false;
    }
    for room in chat.read(Model::unanswered) {
        chat.load(&room);
    }
    sync(chat.clone(), chat.read(Model::loaded)).await;
    true
}

/// Fetches what happened in rooms since what is here, once at a time for a room.
pub(super) async fn sync(chat: ChatClient, mut rooms: Vec<RoomId>) {
    {
        let mut busy = lock(&chat.inner.catching_up);
        rooms.retain(|room| busy.insert(room.clone()));
    }
    fetch_missing(&chat, rooms.clone()).await;
    lock(&chat.inner.catching_up).retain(|room| !rooms.contains(room));
}

/// Asks until no known entry is missing. An answer may be a part; the next request asks for the rest.
/// An answer without entries ends it.
async fn fetch_missing(chat: &ChatClient, mut rooms: Vec<RoomId>) {
    let mut at_once = limits::SYNC_ROOMS;
    while !rooms.is_empty() {
        let mut later = rooms.split_off(rooms.len().min(at_once));
        let positions = rooms.iter().filter_map(|room| position_of(chat, room));
        let asked = v1::SyncRequest {
            positions: positions.collect(),
        };
        let answer: v1::SyncResponse = match insist(chat, "sync", &asked).await {
            Ok(answer) => answer,
            Err(error) if error.asked_too_much() => {
                match rooms.as_slice() {
                    [room] => load(chat.clone(), room.clone()).await,
                    rooms => {
                        at_once = rooms.len().div_ceil(2);
                        later.extend_from_slice(rooms);
                    }
                }
                rooms = later;
                continue;
            }
            Err(_) => return,
        };
        rooms = later;
        if enter_epoch(chat, answer.epoch) {
            return;
        }
        let through = Sequence(answer.through);
        let mut is_further = false;
        for part in answer.rooms {
            let Ok(room) = RoomId::parse(&part.room_id) else {
                continue;
            };
            let (was_at, has_more) = (position_of(chat, &room), part.more);
            let is_behind = take(chat, &room, part, through).await;
            is_further |= !has_more || position_of(chat, &room) != was_at;
            if is_behind {
                rooms.push(room);
            }
        }
        if !is_further {
            return;
        }
    }
}

/// True: natter answers from another log than what is here, and everything here is loaded anew.
pub(super) fn enter_epoch(chat: &ChatClient, epoch: u64) -> bool {
    if !chat.rules().keys {
        return false;
    }
    let stale = chat.update(|model| model.enter_epoch(epoch));
    let is_other = !stale.is_empty();
    for room in stale {
        chat.load(&room);
    }
    is_other
}

/// Takes one room's part. True: there is more of it, or newer entries are known meanwhile.
async fn take(chat: &ChatClient, room: &RoomId, part: v1::RoomSync, through: Sequence) -> bool {
    if part.gone {
        chat.update(|model| model.lose_room(room));
        return false;
    }
    if part.reset && chat.rules().keys {
        load(chat.clone(), room.clone()).await;
        return false;
    }
    let run = entries(&part.events);
    meet(chat, run.iter().map(|entry| entry.key.author.as_str()));
    let is_behind = chat.update(|model| {
        for entry in &run {
            model.count(room, entry);
        }
        model.with_log(room, |log| log.catch_up(run));
        if !part.more {
            model.reached(room, through);
        }
        part.more || model.is_behind(room)
    });
    sending::settle(chat, room);
    is_behind
}

/// Fetches a room anew, once at a time. Who asks meanwhile has it fetched once more.
pub(super) async fn load(chat: ChatClient, room: RoomId) {
    if let Some(again) = lock(&chat.inner.loading).get_mut(&room) {
        *again = true;
        return;
    }
    lock(&chat.inner.loading).insert(room.clone(), false);
    loop {
        load_once(&chat, room.clone()).await;
        let mut loading = lock(&chat.inner.loading);
        match loading.get_mut(&room) {
            Some(again) if *again => *again = false,
            _ => {
                loading.remove(&room);
                return;
            }
        }
    }
}

async fn load_once(chat: &ChatClient, room: RoomId) {
    // A log that is here is shown until the new one is.
    chat.update(|model| {
        if model.log(&room).is_none() {
            model.set_room(room.clone(), RoomState::Loading);
        }
    });
    // However it stands: the question says what is wrong.
    let _ = chat.connection().connected().await;
    match view(chat, &room, Sequence(0)).await {
        Ok((view, through)) => {
            let is_behind = chat.update(|model| {
                model.meet(&view.people);
                model.set_log(room.clone(), &view);
                model.reached(&room, through);
                model.is_behind(&room)
            });
            sending::settle(chat, &room);
            if is_behind {
                chat.spawn(sync_later(chat.clone(), room));
            }
        }
        Err(AskError::Refused(failure)) if failure.kind() == v1::FailureKind::NotFound => {
            chat.update(|model| model.set_room(room, RoomState::Missing));
        }
        Err(error) => chat.update(|model| {
            if model.log(&room).is_none() {
                model.set_room(room, RoomState::Failed(LoadError::from(error)));
            }
        }),
    }
}

// Boxed, since it comes back to itself.
fn sync_later(chat: ChatClient, room: RoomId) -> runtime::BoxFuture<()> {
    Box::pin(sync(chat, vec![room]))
}

/// Fetches the page before the oldest entry here.
pub(super) async fn load_earlier(chat: ChatClient, room: RoomId) {
    let first_of = |log: &RoomLog| log.entries().first().map(|entry| entry.sequence);
    // Who asks while the connection is away gets it when that is back.
    let _ = chat.connection().connected().await;
    let first = chat.read(|model| first_of(model.log(&room)?));
    let Some(first) = first else { return };
    if let Ok((view, _)) = view(&chat, &room, first).await {
        chat.update(|model| {
            model.meet(&view.people);
            model.with_log(&room, |log| {
                // It may have been loaded anew meanwhile, and begin elsewhere.
                if first_of(log) == Some(first) {
                    log.prepend(entries(&view.events), view.has_earlier);
                }
            });
        });
    }
}

async fn view(
    chat: &ChatClient,
    room: &RoomId,
    before: Sequence,
) -> Result<(v1::RoomView, Sequence), AskError> {
    let mut asked = v1::HistoryRequest {
        room: room.to_string(),
        before: before.0,
        limit: 0,
    };
    let answer: v1::HistoryResponse = loop {
        match insist(chat, "history", &asked).await {
            Err(error) if error.asked_too_much() && asked.limit != 1 => {
                asked.limit = limits::smaller_page(asked.limit);
            }
            answer => break answer?,
        }
    };
    enter_epoch(chat, answer.epoch);
    let view = answer.view.ok_or(AskError::Unreadable)?;
    Ok((view, Sequence(answer.through)))
}
