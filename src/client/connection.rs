//! Follows a connection: what is told of it, and whether the person is still signed in.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{Either, select};

use super::chat::lock;
use super::{
    BrokerInfo, Change, ChatClient, ConnectionState, SessionAnswer, fetch, heads, sending, wire,
};
use crate::domain::subject;
use crate::nats::{self, Client, Event, ServerInfo, Status, runtime};

/// A cut shorter than this is not spoken of.
const SILENCE: Duration = Duration::from_secs(2);

/// How long an answer about the session may take.
const SESSION_ANSWERS: Duration = Duration::from_secs(10);

/// Between two questions whether the session still holds, while there is no connection.
const ASK_AGAIN: Duration = Duration::from_secs(4);

/// Follows one connection for as long as it is the one in use. No event of it after this call is
/// missed.
pub(super) fn follow(chat: ChatClient, client: Client, number: u64) -> impl runtime::Task {
    let events = client.events();
    follow_events(chat, client, number, events)
}

async fn follow_events(
    chat: ChatClient,
    client: Client,
    number: u64,
    mut events: nats::EventStream,
) {
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
            // A connection that brings no answers is none to whoever looks at it.
            Event::Disconnected(_) | Event::Unanswered => chat.spawn(while_away(chat.clone())),
            Event::Answered => {
                chat.update(|model| model.set_connection(ConnectionState::Connected))
            }
            // A refusal looks the same whether the session is bad or natter is not there yet.
            Event::AuthRefused => heed(&chat, session(&chat).await),
            // The broker refuses a person's own subjects only to another person.
            Event::PermissionDenied { subject, .. } if subject::is_of(&subject, &chat.inner.me) => {
                chat.spawn(ask_session_once(chat.clone()));
            }
            // Live events were dropped here.
            Event::SlowConsumer { .. } | Event::Lagged => chat.spawn(fetch::catch_up(chat.clone())),
            Event::Closed => return,
            _ => {}
        }
    }
}

/// Asks whose session it is, once for all refusals of the broker that come together.
async fn ask_session_once(chat: ChatClient) {
    if std::mem::replace(&mut *lock(&chat.inner.is_asking_session), true) {
        return;
    }
    let answer = session(&chat).await;
    *lock(&chat.inner.is_asking_session) = false;
    heed(&chat, answer);
}

/// Acts on an answer, whatever state the client is in.
fn heed(chat: &ChatClient, answer: SessionAnswer) {
    match answer {
        SessionAnswer::Over(why) => chat.update(|model| model.tell(Change::SignedOut(why))),
        SessionAnswer::OtherUser(now) => {
            chat.update(|model| model.set_connection(ConnectionState::OtherUser(now)));
            chat.close();
        }
        SessionAnswer::GoOn | SessionAnswer::TooMany | SessionAnswer::CutOff(_) => {}
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
    while !is_well(&chat) {
        let mut asking = pin!(session(&chat));
        let answer = match select(&mut asking, pin!(runtime::sleep(SILENCE))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                chat.update(|model| {
                    if model.connection() == ConnectionState::Connected && !is_well(&chat) {
                        model.set_connection(ConnectionState::Reconnecting);
                    }
                });
                asking.await
            }
        };
        if is_well(&chat) {
            break;
        }
        let state = match answer {
            answer @ (SessionAnswer::Over(_) | SessionAnswer::OtherUser(_)) => {
                heed(&chat, answer);
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
    if is_well(&chat) {
        chat.update(|model| model.set_connection(ConnectionState::Connected));
    }
}

fn is_well(chat: &ChatClient) -> bool {
    let connection = chat.connection();
    connection.status() == Status::Connected && !connection.is_in_doubt()
}

/// How the session stands. A network that passes nothing to the broker may pass no HTTP either.
async fn session(chat: &ChatClient) -> SessionAnswer {
    let answer = chat.inner.shell.session();
    match select(answer, pin!(runtime::sleep(SESSION_ANSWERS))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => SessionAnswer::GoOn,
    }
}
