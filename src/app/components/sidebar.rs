//! The rooms, and who is signed in.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::avatar::Avatar;
use super::workspace::CurrentRoom;
use crate::app::icons::{PlusIcon, SettingsIcon};
use crate::app::state::Chat;
use crate::app::words;
use crate::wire::v1;

/// The sidebar.
#[component]
pub(super) fn Sidebar() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let rooms = move || {
        chat.rooms
            .get()
            .into_iter()
            .filter_map(|head| head.room)
            .collect::<Vec<_>>()
    };
    // With scripts the page stays, and with it what is on its way.
    let navigate = use_navigate();
    let to_new_room = move |event: SubmitEvent| {
        event.prevent_default();
        navigate("/rooms/new", NavigateOptions::default());
    };
    view! {
        <aside class="rail">
            <header class="brand">
                <span class="mark" aria-hidden="true">"N"</span>
                {words::NATTER}
            </header>
            <nav aria-label=words::ROOMS_AND_PEOPLE>
                <div class="nav-head">
                    <h2>{words::ROOMS}</h2>
                    <form method="get" action="/rooms/new" on:submit=to_new_room>
                        <button class="icon-button" aria-label=words::NEW_ROOM title=words::NEW_ROOM>
                            <PlusIcon />
                        </button>
                    </form>
                </div>
                <For each=rooms key=|room| (room.id.clone(), room.name.clone()) let:room>
                    <RoomLink room />
                </For>
            </nav>
            <Me />
        </aside>
    }
}

#[component]
fn RoomLink(room: v1::Room) -> impl IntoView {
    let CurrentRoom(current) = expect_context();
    let id = room.id.clone();
    let is_current = move || {
        let is_this = current.with(|current| current.as_ref().is_some_and(|c| c.id == id));
        is_this.then_some("page")
    };
    view! {
        <a href=format!("/r/{}", room.id) aria-current=is_current>
            <span class="hash" aria-hidden="true">
                "#"
            </span>
            <span class="room-name">{room.name}</span>
        </a>
    }
}

#[component]
fn Me() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let (uid, name) = chat
        .me
        .with_value(|me| (me.uid.clone(), me.display_name.clone()));
    let shown = name.clone();
    view! {
        <div class="me">
            <Avatar uid name=Signal::stored(name) />
            <b>{shown}</b>
            <a class="icon-button" href="/settings" aria-label=words::SETTINGS title=words::SETTINGS>
                <SettingsIcon />
            </a>
        </div>
    }
}
