//! /settings.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::icons::BackIcon;
use crate::app::state::Chat;
use crate::app::words;

/// The settings.
#[component]
pub(in super::super) fn Settings() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let who = chat
        .me
        .with_value(|me| words::signed_in_as(&me.display_name, &me.uid));
    view! {
        <Title text=words::SETTINGS />
        <main class="plain">
            <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                <BackIcon />
            </a>
            <h1>{words::SETTINGS}</h1>
            <p>{who}</p>
            <form method="post" action="/logout">
                <button class="secondary">{words::SIGN_OUT}</button>
            </form>
            <h2>
                <a href="/settings/connection">{words::CONNECTION_CHECK}</a>
            </h2>
            <p>{words::CONNECTION_CHECK_HELP}</p>
        </main>
    }
}
