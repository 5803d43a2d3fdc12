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
        let answer = ask_session().await;
        if live.wires.client().status() == Status::Connected {
            return;
        }
        let state = match answer {
            Some(Session::Over(why)) => return leave(why),
            Some(Session::Full) => ConnectionState::TooMany,
            Some(Session::CutOff(seconds)) => ConnectionState::CutOff(seconds),
            _ if !window().navigator().on_line() => ConnectionState::Offline,
            _ => ConnectionState::Reconnecting,
        };
        live.chat.connection.set(state);
        sleep(ASK_AGAIN).await;
    }
}

async fn leave_if_over() {
    if let Some(Session::Over(why)) = ask_session().await {
        leave(why);
    }
}

/// What GET /session says.
enum Session {
    /// The person may not come in any more; the word says why.
    Over(&'static str),
    /// The person has as many connections as one may have.
    Full,
    /// The person has asked too much, and may connect in so many seconds.
    CutOff(u32),
    /// It holds, or is not known yet.
    Holds,
}

/// What becomes of the connection; `None` when natter cannot be reached.
async fn ask_session() -> Option<Session> {
    let response = JsFuture::from(window().fetch_with_str("/session"))
        .await
        .ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    let header = |name| response.headers().get(name).ok().flatten();
    Some(match response.status() {
        401 => Session::Over("ended"),
        403 => Session::Over("suspended"),
        429 if header("natter-limit").as_deref() == Some("requests") => {
            let seconds = header("retry-after").and_then(|seconds| seconds.parse().ok());
            // In steps: it is read out at each change.
            Session::CutOff(u32::max(seconds.unwrap_or(60), 1).next_multiple_of(20))
        }
        429 => Session::Full,
        _ => Session::Holds,
    })
}

/// To where one signs in, which says why. What was typed is kept as a draft.
fn leave(why: &str) {
    // Where the browser refuses to go, the page stays as it is, and the next question asks again.
    let _ = window().location().set_href(&format!("/login?why={why}"));
}
