//! Follows a connection: what is told of it, and whether the person is still signed in.

use std::time::Duration;

use futures::StreamExt as _;

use super::chat::lock;
use super::{
    BrokerInfo, Change, ChatClient, ConnectionState, SessionAnswer, fetch, heads, sending, wire,
};
use crate::nats::{Client, Event, ServerInfo, Status, runtime};

/// A cut shorter than this is not spoken of.
const SILENCE: Duration = Duration::from_secs(2);

/// Between two questions whether the session still holds, while there is no connection.
const ASK_AGAIN: Duration = Duration::from_secs(4);

/// Follows one connection, for as long as it is the one in use.
pub(super) async fn follow(chat: ChatClient, client: Client, number: u64) {
    let mut events = client.events();
    if client.status() == Status::Connected {
        told_connected(&chat, client.server_info().unwrap_or_default());
    } else {
        chat.spawn(while_away(chat.clone()));
    }
    while let Some(event) = events.next().await {
        if chat.inner.wires.number() != number {
            return;
        }
        match event {
            Event::Connected(info) => {
                told_connected(&chat, info);
                // A room that was lost and is back has a feed that ended.
                wire::listen(&chat);
                chat.spawn(heads::after_connecting(chat.clone()));
            }
            Event::Disconnected(_) => chat.spawn(while_away(chat.clone())),
            // A refusal looks the same whether the session is bad or natter is not there yet.
            Event::AuthRefused => {
                if let SessionAnswer::Over(why) = chat.inner.shell.session().await {
                    chat.update(|model| model.tell(Change::SignedOut(why)));
                }
            }
            // Live events were dropped here.
            Event::SlowConsumer { .. } | Event::Lagged => chat.spawn(fetch::catch_up(chat.clone())),
            Event::Closed => return,
            _ => {}
        }
    }
}

fn told_connected(chat: &ChatClient, info: ServerInfo) {
    let now = chat.now();
    chat.update(|model| {
        model.set_connection(ConnectionState::Connected);
        model.set_broker(BrokerInfo {
            name: info.server_name,
            version: info.version,
        });
    });
    sending::update(chat, |outbox| outbox.hurry(now));
    chat.wake();
}

/// Until the connection is back: says so when it takes long, and asks over HTTP whether it can
/// come back at all.
async fn while_away(chat: ChatClient) {
    if std::mem::replace(&mut *lock(&chat.inner.is_away), true) {
        return;
    }
    runtime::sleep(SILENCE).await;
    while chat.connection().status() != Status::Connected {
        let answer = chat.inner.shell.session().await;
        if chat.connection().status() == Status::Connected {
            break;
        }
        let state = match answer {
            SessionAnswer::Over(why) => {
                chat.update(|model| model.tell(Change::SignedOut(why)));
                ConnectionState::Reconnecting
            }
            SessionAnswer::TooMany => ConnectionState::TooMany,
            SessionAnswer::CutOff(seconds) => ConnectionState::CutOff(seconds),
            SessionAnswer::GoOn if chat.inner.shell.is_offline() => ConnectionState::Offline,
            SessionAnswer::GoOn => ConnectionState::Reconnecting,
        };
        chat.update(|model| model.set_connection(state));
        runtime::sleep(ASK_AGAIN).await;
    }
    *lock(&chat.inner.is_away) = false;
    // It may have come back while the last question was asked, and been told so before this.
    if chat.connection().status() == Status::Connected {
        chat.update(|model| model.set_connection(ConnectionState::Connected));
    }
}
