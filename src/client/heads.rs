//! Finds what the live feed has missed: a quiet room's last message, a room that was made, one that
//! the person came into or went from (design section 5, "Heads"). One look is under way at a time, and
//! the next one begins a second later, however much happens meanwhile.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::select;

use super::{AskError, Change, ChatClient, Model, fetch, wire};
use crate::domain::{RoomId, Sequence, limits};
use crate::nats::{Status, runtime};
use crate::wire::v1;

/// Between two looks where nothing asks for one.
const EVERY: Duration = Duration::from_secs(30);

/// Between two looks at least.
const PAUSE: Duration = Duration::from_secs(1);

/// After connecting: what a leader that was just killed did not send is known by then.
const AFTER_CONNECTING: Duration = Duration::from_secs(5);

/// Looks when it is woken, and now and then.
pub(super) async fn run(chat: ChatClient, mut woken: mpsc::Receiver<()>) {
    loop {
        select(woken.next(), pin!(runtime::sleep(EVERY))).await;
        if chat.connection().status() == Status::Connected {
            ask(&chat).await;
            runtime::sleep(PAUSE).await;
        }
    }
}

/// After connecting: fetches what is missing, and looks at once and a little later.
pub(super) async fn after_connecting(chat: ChatClient) {
    if fetch::resume(&chat).await {
        chat.wake_heads();
        runtime::sleep(AFTER_CONNECTING).await;
        chat.wake_heads();
    }
}

async fn ask(chat: &ChatClient) {
    if !chat.rules().heads {
        return;
    }
    let (loaded, joined) = chat.read(|model| {
        let loaded: Vec<String> = model.logs().keys().map(ToString::to_string).collect();
        let joined = model.rooms().iter().filter(|head| head.joined);
        let ids = joined.filter_map(|head| Some(head.room.as_ref()?.id.clone()));
        (loaded, ids.collect::<BTreeSet<_>>())
    });
    // Those that are not in the sidebar first. Those that are may leave it meanwhile: an archived
    // room stays with whoever has it open.
    let (listed, other): (Vec<_>, Vec<_>) = loaded.iter().partition(|id| joined.contains(*id));
    let also = other.into_iter().chain(listed).cloned();
    let also = also.take(limits::SYNC_ROOMS).collect();
    let markers_then = chat.read(Model::markers_grown);
    let Ok(mut parts) = all_parts(chat, also).await else {
        return;
    };
    for part in &parts {
        fetch::enter_epoch(chat, part.epoch);
    }
    // Parts of two logs do not fit together. The next look asks again.
    if parts.iter().any(|part| part.epoch != parts[0].epoch) {
        return;
    }
    let rooms = || parts.iter().flat_map(|part| &part.rooms);
    let is_there = |id: &String| {
        let mut rooms = rooms().filter_map(|head| head.room.as_ref());
        rooms.any(|room| room.id == *id)
    };
    // What is no longer in the sidebar may be an open room that can still be read, or not.
    let gone = loaded.iter().filter(|id| !is_there(id));
    let mut behind: Vec<_> = gone.filter_map(|id| RoomId::parse(id).ok()).collect();
    let positions: Vec<_> = rooms()
        .filter_map(|head| head.head.clone())
        .filter_map(|head| Some((RoomId::parse(&head.room_id).ok()?, Sequence(head.sequence))))
        .collect();
    chat.update(|model| {
        // Another role is another page: what is listed, what is offered, what is heard.
        let mut selves = parts.iter().filter_map(|part| part.me.as_ref());
        if selves.any(|me| me.role() != model.me().role()) {
            model.tell(Change::Outdated);
        }
        for (room, sequence) in positions {
            model.hear(&room, sequence);
            if model.is_behind(&room) {
                behind.push(room);
            }
        }
        let told = parts.iter_mut();
        let told = told.map(|part| (part.rooms.as_mut_slice(), Sequence(part.through)));
        model.set_unread(told, markers_then);
        let mut rooms: Vec<_> = parts.into_iter().flat_map(|part| part.rooms).collect();
        rooms.sort_by_cached_key(v1::RoomHead::order);
        model.set_rooms(rooms);
    });
    chat.spawn(wire::keep_up(chat.clone()));
    chat.spawn(fetch::sync(chat.clone(), behind));
}

/// All the heads, part by part. If a part is missing there is no result until the next look: the rooms
/// in that part would look like rooms that the person was removed from.
async fn all_parts(
    chat: &ChatClient,
    also: Vec<String>,
) -> Result<Vec<v1::HeadsResponse>, AskError> {
    let mut asked = v1::HeadsRequest {
        also,
        after: String::new(),
    };
    let mut parts = Vec::new();
    loop {
        let part: v1::HeadsResponse = match parts.is_empty() {
            true => chat.ask("heads", &asked).await?,
            false => fetch::insist(chat, "heads", &asked).await?,
        };
        // Each part has later rooms than the one before, so this ends.
        let is_last = part.more <= asked.after;
        asked.after.clone_from(&part.more);
        parts.push(part);
        if is_last {
            return Ok(parts);
        }
    }
}
