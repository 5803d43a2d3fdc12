//! Names of people where they are shown: each apart from the line around it, so that one that is read from
//! right to left does not turn the line around, and with the username where the name alone could be
//! somebody else's.

use leptos::prelude::*;

use crate::app::state::Chat;
use crate::app::words::{NAME_BEGINS, NAME_ENDS};
use crate::domain::Username;

/// A sentence of `words` with the names in it set apart.
pub(in super::super) fn with_names(text: &str) -> impl IntoView + use<> {
    let mut parts = Vec::new();
    for part in text.split(NAME_BEGINS) {
        let (name, rest) = part.split_once(NAME_ENDS).unwrap_or(("", part));
        if !name.is_empty() {
            let name = name.to_owned();
            parts.push(view! { <bdi>{name}</bdi> }.into_any());
        }
        if !rest.is_empty() {
            parts.push(rest.to_owned().into_any());
        }
    }
    parts
}

/// The author of a message.
#[component]
pub(super) fn AuthorName(
    /// Who.
    author: Username,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let username = format!("@{author}");
    let (title, named) = (username.clone(), author.clone());
    let name = move || chat.name_of(&named);
    let is_alike = Memo::new(move |_| chat.is_alike(&author));
    view! {
        <b title=title>
            <bdi>{name}</bdi>
        </b>
        <Show when=move || is_alike.get()>
            <span class="username">{username.clone()}</span>
        </Show>
    }
}
