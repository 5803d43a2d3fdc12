//! Finds what the live feed has missed: a quiet room's last message, a room that was made, one that
//! the person came into or went from (design section 5, "Heads").

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Change, ChatClient, fetch, sending, wire};
use crate::domain::{RoomId, Sequence, limits};
use crate::nats::{Status, runtime};
use crate::wire::v1;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(30);

/// After connecting: what a leader that was just killed did not send is known by then.
const AFTER_CONNECTING: Duration = Duration::from_secs(5);

/// Looks now and then.
pub(super) async fn watch(chat: ChatClient) {
    loop {
        runtime::sleep(EVERY).await;
        ask(&chat).await;
    }
}

/// After connecting: fetches what is missing, and looks a little later.
pub(super) async fn after_connecting(chat: ChatClient) {
    if fetch::resume(&chat).await {
        ask(&chat).await;
        runtime::sleep(AFTER_CONNECTING).await;
        ask(&chat).await;
    }
}

/// Looks now: somebody looks at the page, or something happened that only a look tells.
// Boxed, since what it finds can lead to another look.
pub(super) fn look(chat: ChatClient) -> runtime::BoxFuture<()> {
    Box::pin(async move {
        if chat.connection().status() == Status::Connected {
            ask(&chat).await;
        }
        sending::adopt(&chat).await;
    })
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
    let also = loaded.iter().filter(|id| !joined.contains(*id)).cloned();
    let asked = v1::HeadsRequest {
        also: also.take(limits::SYNC_ROOMS).collect(),
    };
    let Ok(heads) = chat.ask::<_, v1::HeadsResponse>("heads", &asked).await else {
        return;
    };
    fetch::enter_epoch(chat, heads.epoch);
    let is_there = |id: &String| {
        let mut rooms = heads.rooms.iter().filter_map(|head| head.room.as_ref());
        rooms.any(|room| room.id == *id)
    };
    // What is no longer in the sidebar may be an open room that can still be read, or not.
    let gone = loaded.iter().filter(|id| !is_there(id));
    let mut behind: Vec<_> = gone.filter_map(|id| RoomId::parse(id).ok()).collect();
    let positions: Vec<_> = heads
        .rooms
        .iter()
        .filter_map(|h| h.head.clone())
        .filter_map(|head| Some((RoomId::parse(&head.room_id).ok()?, Sequence(head.sequence))))
        .collect();
    chat.update(|model| {
        // Another role is another page: what is listed, what is offered, what is heard.
        if let Some(me) = &heads.me
            && me.role() != model.me().role()
        {
            model.tell(Change::Outdated);
        }
        for (room, sequence) in positions {
            model.hear(&room, sequence);
            if model.is_behind(&room) {
                behind.push(room);
            }
        }
        model.set_rooms(heads.rooms);
    });
    chat.spawn(wire::keep_up(chat.clone()));
    fetch::sync(chat.clone(), behind).await;
}
