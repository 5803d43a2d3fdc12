//! A person in a list.

use leptos::prelude::*;

use super::avatar::Avatar;
use super::time::TheirTime;
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
    let picture = Signal::stored(person.picture.clone());
    let role = words::role(person.role(), person.suspended);
    let zone = person.time_zone.clone();
    view! {
        <li class="line" aria-label=person.display_name.clone()>
            <Avatar uid=person.uid.clone() name picture />
            <div class="line-text">
                <b title=format!("@{}", person.uid)>
                    <bdi>{person.display_name.clone()}</bdi>
                </b>
                <span class="hint">
                    {format!("@{}", person.uid)} {role.map(|role| format!(" · {role}"))}
                </span>
                {(!zone.is_empty()).then(|| view! { <TheirTime zone /> })}
                {(!person.about.is_empty())
                    .then(|| view! { <p class="hint" dir="auto">{person.about.clone()}</p> })}
            </div>
            <div class="line-actions">{children()}</div>
        </li>
    }
}
