//! /settings.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{SignOut, with_names};
use crate::app::icons::BackIcon;
use crate::app::state::Chat;
use crate::app::words;
use crate::wire::v1::Role;

/// The settings.
#[component]
pub(in super::super) fn Settings() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let who = chat
        .me
        .with_value(|me| words::signed_in_as(&me.display_name, &me.uid));
    let is_administrator = chat.me.with_value(|me| me.role() == Role::Administrator);
    view! {
        <Title text=words::SETTINGS />
        <main class="plain">
            <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                <BackIcon />
            </a>
            <h1>{words::SETTINGS}</h1>
            <p>{with_names(&who)}</p>
            <SignOut />
            <h2>
                <a href="/settings/account" rel="external">
                    {words::YOUR_ACCOUNT}
                </a>
            </h2>
            <p>{words::YOUR_ACCOUNT_HELP}</p>
            <h2>
                <a href="/settings/sessions" rel="external">
                    {words::WHERE_SIGNED_IN}
                </a>
            </h2>
            <p>{words::WHERE_SIGNED_IN_HELP}</p>
            {is_administrator
                .then(|| {
                    view! {
                        <h2>
                            <a href="/admin" rel="external">
                                {words::ADMINISTRATION}
                            </a>
                        </h2>
                        <p>{words::ADMINISTRATION_HELP}</p>
                    }
                })}
            <h2>
                <a href="/settings/connection">{words::CONNECTION_CHECK}</a>
            </h2>
            <p>{words::CONNECTION_CHECK_HELP}</p>
        </main>
    }
}
