//! Follows the connection: what the person is told, and whether they are still signed in.

use std::time::Duration;

use futures::StreamExt as _;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::super::{BrokerInfo, ConnectionState};
use super::{Live, feed, now, sleep, wire};
use crate::nats::{Client, Event, ServerInfo, Status};

/// A cut shorter than this is not spoken of.
const SILENCE: Duration = Duration::from_secs(2);

/// Between two questions whether the session still holds, while there is no connection.
const ASK_AGAIN: Duration = Duration::from_secs(4);

/// Follows one connection, for as long as it is the one in use.
pub(super) async fn follow(live: Live, client: Client, number: u64) {
    let mut events = client.events();
    if client.status() == Status::Connected {
        told_connected(&live, client.server_info().unwrap_or_default());
    } else {
        spawn_local(while_away(live.clone()));
    }
    while let Some(event) = events.next().await {
        if live.wires.number() != number {
            return;
        }
        match event {
            Event::Connected(info) => {
                told_connected(&live, info);
                // A room that was lost and is back has a feed that ended.
                wire::listen(&live);
                spawn_local(feed::catch_up(live.clone()));
            }
            Event::Disconnected(_) => spawn_local(while_away(live.clone())),
            // A refusal looks the same whether the session is bad or natter is not there yet.
            Event::AuthRefused => leave_if_over().await,
            Event::Closed => return,
            _ => {}
        }
    }
}

fn told_connected(live: &Live, info: ServerInfo) {
    live.chat.connection.set(ConnectionState::Connected);
    live.chat.broker.set(Some(BrokerInfo {
        name: info.server_name,
        version: info.version,
    }));
    live.chat.outbox.update(|outbox| outbox.hurry(now()));
    live.wake();
}

/// Until the connection is back: says so when it takes long, and asks over HTTP whether it can
/// come back at all. Only a 401 or a 403 signs out; everything else passes.
async fn while_away(live: Live) {
    sleep(SILENCE).await;
    while live.wires.client().status() != Status::Connected {
        let status = ask_session().await;
        if live.wires.client().status() == Status::Connected {
            return;
        }
        let state = match status {
            Some(401) => return leave("ended"),
            Some(403) => return leave("suspended"),
            Some(429) => ConnectionState::TooMany,
            _ if !window().navigator().on_line() => ConnectionState::Offline,
            _ => ConnectionState::Reconnecting,
        };
        live.chat.connection.set(state);
        sleep(ASK_AGAIN).await;
    }
}

async fn leave_if_over() {
    match ask_session().await {
        Some(401) => leave("ended"),
        Some(403) => leave("suspended"),
        _ => {}
    }
}

/// The status of GET /session; `None` when natter cannot be reached.
async fn ask_session() -> Option<u16> {
    let response = JsFuture::from(window().fetch_with_str("/session"))
        .await
        .ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    Some(response.status())
}

/// To where one signs in, which says why. What was typed is kept as a draft.
fn leave(why: &str) {
    // Where the browser refuses to go, the page stays as it is, and the next question asks again.
    let _ = window().location().set_href(&format!("/login?why={why}"));
}
