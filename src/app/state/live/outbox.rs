//! Sends what the person wrote, until natter has it or refuses it.

use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Live, chance, feed, now, sleep};
use crate::client::AskError;
use crate::domain::Post;
use crate::wire::v1;

/// How long to sleep when nothing waits; a wake comes before.
const NOTHING_DUE: Duration = Duration::from_secs(3_600);

pub(super) async fn run(live: Live, mut woken: mpsc::Receiver<()>) {
    loop {
        let due = live.chat.outbox.try_maybe_update(|outbox| {
            let due = outbox.due(now());
            (!due.is_empty(), due)
        });
        let Some(due) = due else { return };
        for post in due {
            spawn_local(send(live.clone(), post));
        }
        let wait = live.chat.outbox.with_untracked(|outbox| {
            outbox.next_due().map_or(NOTHING_DUE, |at| {
                let wait = u64::try_from(at.since(now())).unwrap_or_default();
                // A due post behind one in flight is looked at again when that one is answered.
                Duration::from_millis(wait.max(20))
            })
        });
        select! {
            again = woken.next() => if again.is_none() { return },
            () = sleep(wait).fuse() => {}
        }
    }
}

async fn send(live: Live, post: Post) {
    let request = v1::PostRequest {
        room_id: post.room.to_string(),
        ulid: post.key.ulid.to_string(),
        text: post.text,
    };
    let answer = live.ask::<_, v1::PostResponse>("post", &request).await;
    let fresh = live.fresh_key();
    live.chat.outbox.update(|outbox| match answer {
        Ok(_) => outbox.accepted(&post.key),
        Err(AskError::Refused(failure)) => match (failure.kind(), fresh) {
            (v1::FailureKind::TooMany | v1::FailureKind::Unavailable, _) => {
                let wait = i64::from(failure.retry_after_ms);
                outbox.failed(&post.key, now(), chance(), wait);
            }
            (v1::FailureKind::Conflict, Some(fresh)) => outbox.retry(&post.key, fresh, now()),
            _ => outbox.refused(&post.key, failure.reason),
        },
        Err(error) if error.is_too_large() => outbox.refused(&post.key, super::words_of(&error)),
        Err(_) => outbox.failed(&post.key, now(), chance(), 0),
    });
    // The entry may have arrived before the answer.
    feed::settle(&live, &post.room);
    live.wake();
}
