//! /settings/connection: the round trip of both ways to the echo service.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use crate::app::browser;
use crate::app::echo::echo_by_server;
use crate::app::icons::BackIcon;
use crate::app::state::Chat;
use crate::app::words;
use crate::client::ConnectionState;

/// What is known of one way.
#[derive(Debug, Clone, PartialEq)]
enum Way {
    /// Nothing, since no script has run.
    Untried,
    /// It is being tried.
    Trying,
    /// It works, and takes this long in microseconds, of which so much behind the server.
    Works(u64, Option<u64>),
    /// It does not.
    Fails(String),
}

/// The page.
#[component]
pub(in super::super) fn ConnectionCheck() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let server = RwSignal::new(Way::Untried);
    let live = RwSignal::new(Way::Untried);
    let seen_by_server = RwSignal::new(None::<String>);
    let check = move || {
        server.set(Way::Trying);
        live.set(Way::Trying);
        spawn_local(async move {
            let begun = browser::millis();
            let me = chat.me.with_value(|me| me.uid.clone());
            server.set(
                match echo_by_server(words::CHECK_MESSAGE.into(), me).await {
                    Ok(report) => {
                        let took = browser::micros_since(begun);
                        seen_by_server.set(Some(words::broker(&report.broker, &report.version)));
                        came_back(&report.text, took, Some(report.micros))
                    }
                    Err(error) => Way::Fails(error.to_string()),
                },
            );
        });
        spawn_local(async move {
            live.set(match chat.echo_live(words::CHECK_MESSAGE.into()).await {
                Ok((text, micros)) => came_back(&text, micros, None),
                Err(reason) => Way::Fails(reason),
            });
        });
    };
    // At once, and again when the connection comes up, which on a fresh page is a moment later.
    Effect::new(move |was_connected: Option<bool>| {
        let is_connected = chat.connection.get() == ConnectionState::Connected;
        if was_connected.is_none_or(|was| is_connected && !was) {
            check();
        }
        is_connected
    });
    let broker = move || {
        let seen_here = chat
            .broker
            .get()
            .map(|b| words::broker(&b.name, &b.version));
        seen_here
            .or_else(|| seen_by_server.get())
            .unwrap_or_else(|| words::NOT_CONNECTED.into())
    };
    view! {
        <Title text=words::CONNECTION_CHECK />
        <main class="plain">
            <a class="icon-button back" href="/settings" aria-label=words::SETTINGS>
                <BackIcon />
            </a>
            <h1>{words::CONNECTION_CHECK}</h1>
            <p>{words::CONNECTION_CHECK_HELP}</p>
            <table class="ways">
                <tbody>
                    <WayRow name=words::THROUGH_THE_SERVER help=words::THROUGH_THE_SERVER_HELP way=server />
                    <WayRow name=words::FROM_THIS_BROWSER help=words::FROM_THIS_BROWSER_HELP way=live />
                    <tr>
                        <th scope="row">{words::BROKER}</th>
                        <td>{broker}</td>
                    </tr>
                </tbody>
            </table>
            <button type="button" class="secondary" on:click=move |_| check()>
                {words::CHECK_AGAIN}
            </button>
        </main>
    }
}

fn came_back(text: &str, micros: u64, behind_the_server: Option<u64>) -> Way {
    if text == words::CHECK_MESSAGE {
        Way::Works(micros, behind_the_server)
    } else {
        Way::Fails(words::OTHER_TEXT.into())
    }
}

#[component]
fn WayRow(name: &'static str, help: &'static str, way: RwSignal<Way>) -> impl IntoView {
    let result = move || match way.get() {
        Way::Untried => words::NEEDS_SCRIPTS.to_owned(),
        Way::Trying => words::CHECKING.to_owned(),
        Way::Works(micros, part) => words::way_took(micros, part),
        Way::Fails(reason) => reason,
    };
    let fails = move || matches!(way.get(), Way::Fails(_));
    view! {
        <tr>
            <th scope="row">{name} <small>{help}</small></th>
            <td aria-live="polite" class:fails=fails>
                {result}
            </td>
        </tr>
    }
}
