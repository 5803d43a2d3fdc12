//! A person in a list.

use leptos::prelude::*;

use super::avatar::Avatar;
use crate::app::words;
use crate::wire::v1;

/// Who it is, and what can be done.
#[component]
pub(in super::super) fn PersonLine(
    /// The person.
    person: v1::Person,
    /// Buttons, each in a form of its own.
    children: Children,
) -> impl IntoView {
    let name = Signal::stored(person.display_name.clone());
    let role = words::role(person.role(), person.suspended);
    view! {
        <li class="line" aria-label=person.display_name.clone()>
            <Avatar uid=person.uid.clone() name />
            <div class="line-text">
                <b>{person.display_name.clone()}</b>
                <span class="hint">
                    {format!("@{}", person.uid)} {role.map(|role| format!(" · {role}"))}
                </span>
                {(!person.about.is_empty())
                    .then(|| view! { <p class="hint">{person.about.clone()}</p> })}
            </div>
            <div class="line-actions">{children()}</div>
        </li>
    }
}
