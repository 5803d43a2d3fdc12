//! Sends what the person wrote, until natter has it or refuses it, and keeps it meanwhile where it
//! outlives the client.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::select;

use super::shell::KeptPost;
use super::{AskError, ChatClient, fetch};
use crate::domain::{Later, Outbox, Post, PostState, RoomId, Sequence, TextError};
use crate::nats::runtime;
use crate::wire::v1;

/// How long to sleep when nothing waits; a wake comes before.
const NOTHING_DUE: Duration = Duration::from_secs(3_600);

/// The live feed brings an entry before this is over; else it is fetched.
const ENTRY_COMES: Duration = Duration::from_secs(1);

/// Between two looks for posts that another client left behind.
const ADOPT_EVERY: Duration = Duration::from_secs(30);

impl From<KeptPost> for Post {
    fn from(kept: KeptPost) -> Self {
        Self::new(
            kept.key,
            kept.room,
            kept.text,
            kept.written_at,
            kept.refusal,
        )
    }
}

/// As a post is kept; `None`: natter has it.
fn kept(post: &Post) -> Option<KeptPost> {
    let refusal = match &post.state {
        PostState::Accepted => return None,
        PostState::Refused { reason } => Some(reason.clone()),
        PostState::Waiting { .. } | PostState::InFlight => None,
    };
    Some(KeptPost {
        key: post.key.clone(),
        room: post.room.clone(),
        text: post.text.clone(),
        written_at: post.written_at,
        refusal,
    })
}

/// Changes the outbox, and keeps and forgets posts accordingly.
pub(super) fn update<T>(chat: &ChatClient, act: impl FnOnce(&mut Outbox) -> T) -> T {
    let all = |outbox: &Outbox| outbox.posts().iter().filter_map(kept).collect::<Vec<_>>();
    let (done, before, after) = chat.update(|model| {
        let before = all(model.outbox());
        let done = model.with_outbox(act);
        (done, before, all(model.outbox()))
    });
    for post in &after {
        if !before.contains(post) {
            // Whoever waits for a post to be kept is whoever wrote it.
            let kept = chat.inner.shell.keep(post.clone());
            runtime::spawn(kept);
        }
    }
    for post in before {
        if !after.iter().any(|still| still.key == post.key) {
            chat.inner.shell.forget(&post.key);
        }
    }
    done
}

pub(super) async fn run(chat: ChatClient, mut woken: mpsc::Receiver<()>) {
    chat.spawn(adopt_now_and_then(chat.clone()));
    loop {
        let now = chat.now();
        let due = chat.update(|model| model.with_outbox(|outbox| outbox.due(now)));
        for post in due {
            chat.spawn(send(chat.clone(), post));
        }
        let wait = chat.read(|model| {
            model.outbox().next_due().map_or(NOTHING_DUE, |at| {
                let wait = u64::try_from(at.since(now)).unwrap_or_default();
                // A due post behind one in flight is looked at again when that one is answered.
                Duration::from_millis(wait.max(20))
            })
        });
        select(woken.next(), pin!(runtime::sleep(wait))).await;
    }
}

/// Takes over what a client left behind that is no more: this one before a reload, or another tab.
async fn adopt_now_and_then(chat: ChatClient) {
    loop {
        adopt(&chat).await;
        runtime::sleep(ADOPT_EVERY).await;
    }
}

pub(super) async fn adopt(chat: &ChatClient) {
    let found = chat.inner.shell.adopt().await;
    if found.is_empty() {
        return;
    }
    update(chat, |outbox| {
        for post in found {
            outbox.adopt(post.into());
        }
    });
    for room in chat.read(super::Model::loaded) {
        settle(chat, &room);
    }
    chat.wake();
}

async fn send(chat: ChatClient, post: Post) {
    let request = v1::PostRequest {
        room_id: post.room.to_string(),
        ulid: post.key.ulid.to_string(),
        text: post.text,
    };
    let answer = chat.ask::<_, v1::PostResponse>("post", &request).await;
    let (fresh, now) = (chat.fresh_key(), chat.now());
    let same_key = chat.rules().same_key;
    let (key, length) = (&post.key, request.text.chars().count());
    let in_log = answer.as_ref().ok().map(|a| Sequence(a.sequence));
    update(&chat, |outbox| match answer {
        Ok(_) => outbox.accepted(key),
        Err(AskError::Refused(failure)) => match (failure.kind(), fresh) {
            (v1::FailureKind::TooMany | v1::FailureKind::Unavailable, _) => {
                let later = Later {
                    wait_ms: failure.retry_after_ms.into(),
                    reason: failure.reason,
                };
                outbox.failed(key, now, chance(), Some(later));
            }
            (v1::FailureKind::Conflict, Some(fresh)) => outbox.retry(key, fresh, now),
            _ => outbox.refused(key, failure.reason),
        },
        Err(error) if error.is_too_large() => {
            outbox.refused(key, TextError::TooLong(length).to_string());
        }
        Err(_) => match fresh {
            Some(fresh) if !same_key => outbox.retry(key, fresh, now),
            _ => outbox.failed(key, now, chance(), None),
        },
    });
    if let Some(sequence) = in_log {
        chat.update(|model| model.hear(&post.room, sequence));
        chat.spawn(see_it_come(chat.clone(), post.room.clone()));
    }
    // The entry may have arrived before the answer.
    settle(&chat, &post.room);
    chat.wake();
}

/// Natter has the message. Should the live feed not bring it, it is fetched.
async fn see_it_come(chat: ChatClient, room: RoomId) {
    runtime::sleep(ENTRY_COMES).await;
    if chat.read(|model| model.is_behind(&room)) {
        fetch::sync(chat, vec![room]).await;
    }
}

/// Takes out of the outbox what is in a room's log now, here or further up than is here.
pub(super) fn settle(chat: &ChatClient, room: &RoomId) {
    let seen = chat.read(|model| {
        let log = model.log(room);
        let is_seen = |post: &&Post| match log {
            Some(log) => {
                let is_above = matches!(post.state, PostState::Accepted) && !model.is_behind(room);
                log.holds(&post.key) || is_above
            }
            // Nobody looks at the room: it is there when it is fetched.
            None => matches!(post.state, PostState::Accepted),
        };
        let posts = model.outbox().posts().iter();
        let in_room = posts.filter(|post| post.room == *room);
        in_room
            .filter(is_seen)
            .map(|post| post.key.clone())
            .collect::<Vec<_>>()
    });
    if !seen.is_empty() {
        update(chat, |outbox| {
            for key in &seen {
                outbox.seen(key);
            }
        });
    }
}

/// A number in 0..1, to spread many clients over a wait.
fn chance() -> f64 {
    let [byte, ..] = runtime::random();
    f64::from(byte) / 256.0
}
