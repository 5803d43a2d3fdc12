//! "/" and /r/<room>.

use leptos::html::Textarea;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Composer, CurrentRoom, MessageLog};
use crate::app::icons::BackIcon;
use crate::app::words;
use crate::domain::RoomId;
use crate::wire::v1;

/// A room.
#[component]
pub(in super::super) fn RoomPage() -> impl IntoView {
    let CurrentRoom(current) = expect_context();
    // Keyed: another room gets parts of its own, so that no draft and no scroll position of one
    // room shows up in the next.
    let shown = move || [current.get()];
    view! {
        <For each=shown key=|room| room.as_ref().map(|room| room.id.clone()) let:room>
            {match room {
                Some(room) => view! { <Room room /> }.into_any(),
                None => view! { <NoSuchRoom /> }.into_any(),
            }}
        </For>
    }
}

#[component]
fn Room(room: v1::Room) -> impl IntoView {
    let Ok(id) = RoomId::parse(&room.id) else {
        return view! { <NoSuchRoom /> }.into_any();
    };
    let text_box = NodeRef::<Textarea>::new();
    let on_discard = Callback::new(move |text: String| {
        if let Some(area) = text_box.get_untracked()
            && area.value().trim().is_empty()
        {
            area.set_value(&text);
        }
    });
    view! {
        <Title text=format!("#{}", room.name) />
        <main class="room">
            <header class="room-head">
                <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                    <BackIcon />
                </a>
                <h1>
                    <span aria-hidden="true">"# "</span>
                    {room.name.clone()}
                </h1>
                <p class="topic">{room.topic}</p>
            </header>
            <MessageLog room=id.clone() name=room.name.clone() on_discard />
            <Composer room=id name=room.name text_box />
        </main>
    }
    .into_any()
}

#[component]
fn NoSuchRoom() -> impl IntoView {
    view! {
        <Title text=words::NO_SUCH_ROOM />
        <main class="plain">
            <h1>{words::NO_SUCH_ROOM}</h1>
            <p>{words::NO_SUCH_ROOM_HELP}</p>
            <p>
                <a href="/">{words::GO_HOME}</a>
            </p>
        </main>
    }
}
