//! How the page stands with the broker, in one polite live region.

use leptos::prelude::*;

use super::names::with_names;
use crate::app::browser::reload;
use crate::app::state::Chat;
use crate::app::words;
use crate::client::ConnectionState;

/// The state in words.
#[component]
pub(super) fn ConnectionStatus() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let words = move || match chat.connection.get() {
        ConnectionState::Unknown => String::new(),
        ConnectionState::Connected => words::CONNECTED.into(),
        ConnectionState::Reconnecting => words::RECONNECTING.into(),
        ConnectionState::Offline => words::OFFLINE.into(),
        ConnectionState::TooMany => words::TOO_MANY.into(),
        ConnectionState::CutOff(seconds) => words::cut_off(seconds),
        ConnectionState::OtherUser(now) => {
            let signed_in = words::now_signed_in_as(now.as_str());
            format!("{signed_in} {}", words::WHAT_YOU_WROTE_IS_KEPT)
        }
    };
    let is_trouble = move || {
        !matches!(
            chat.connection.get(),
            ConnectionState::Unknown | ConnectionState::Connected
        )
    };
    view! {
        <p class="status" role="status" class:trouble=is_trouble>
            {move || with_names(&words())}
            {move || {
                let other = chat.other_user()?;
                Some(
                    view! {
                        " "
                        <button type="button" class="secondary" on:click=move |_| reload()>
                            {words::go_on_as(other.as_str())}
                        </button>
                    },
                )
            }}
        </p>
    }
}
