//! How far the person has read: told to natter now and then, and heard from their other clients.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::select;
use prost::Message as _;

use super::{AskError, ChatClient, Model};
use crate::domain::{RoomId, Sequence, limits};
use crate::nats::{self, runtime};
use crate::wire::v1;

/// Between two requests: what is read meanwhile goes into one.
const EVERY: Duration = Duration::from_secs(1);

/// The same where natter does not take it, at most.
const SELDOM: Duration = Duration::from_secs(10);

/// A wake comes before.
const NOTHING_READ: Duration = Duration::from_secs(3_600);

/// Tells natter what was read here, until it has it.
pub(super) async fn run(chat: ChatClient, mut woken: mpsc::Receiver<()>) {
    let mut pause = EVERY;
    loop {
        let unsaved = chat.read(Model::unsaved);
        if unsaved.is_empty() {
            select(woken.next(), pin!(runtime::sleep(NOTHING_READ))).await;
            continue;
        }
        // What was read without a connection is told when there is one.
        let _ = chat.connection().connected().await;
        let is_told = tell(&chat, unsaved).await;
        pause = match is_told {
            true => EVERY,
            false => SELDOM.min(2 * pause),
        };
        runtime::sleep(pause).await;
    }
}

/// False: once more, later.
async fn tell(chat: &ChatClient, mut unsaved: Vec<(RoomId, Sequence)>) -> bool {
    unsaved.truncate(limits::SYNC_ROOMS);
    let marker = |(room, sequence): &(RoomId, Sequence)| v1::ReadMarker {
        room_id: room.to_string(),
        sequence: sequence.0,
    };
    let asked = v1::MarkReadRequest {
        markers: unsaved.iter().map(marker).collect(),
    };
    match chat.ask::<_, v1::ReadState>("mark-read", &asked).await {
        Ok(state) => {
            chat.update(|model| {
                model.settle_read(&unsaved);
                model.take_read(&state);
            });
            true
        }
        Err(AskError::Refused(failure)) => match failure.kind() {
            v1::FailureKind::TooMany
            | v1::FailureKind::Unavailable
            | v1::FailureKind::Unspecified => false,
            // None of these rooms is the person's any more: the heads say how they stand.
            _ => {
                chat.update(|model| model.settle_read(&unsaved));
                chat.wake_heads();
                true
            }
        },
        Err(AskError::NoAnswer(_) | AskError::Unreadable) => false,
    }
}

/// Another client of the person has told natter.
pub(super) fn hear(chat: &ChatClient, message: &nats::Message) {
    if let Ok(state) = v1::ReadState::decode(message.payload.clone()) {
        chat.update(|model| model.take_read(&state));
    }
}
