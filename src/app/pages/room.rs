//! "/" and /r/<room>.

use leptos::html::Textarea;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::app::browser::{draft, keep_draft};
use crate::app::components::{Composer, CurrentRoom, MessageLog, PageOf, RoomMark};
use crate::app::icons::{BackIcon, PeopleIcon};
use crate::app::state::{Chat, ShownRoom};
use crate::app::words;
use crate::domain::RoomId;

/// A room.
#[component]
pub(in super::super) fn RoomPage() -> impl IntoView {
    let CurrentRoom(current) = expect_context();
    // Keyed: another room gets parts of its own, so that no draft and no scroll position of one
    // room shows up in the next.
    let shown = move || [current.get()];
    let key = |shown: &Option<ShownRoom>| {
        shown.as_ref().map(|shown| {
            let room = &shown.room;
            let state = (shown.joined, room.archived, room.topic.clone());
            (room.id.clone(), shown.title.clone(), state)
        })
    };
    view! {
        <For each=shown key=key let:shown>
            {match shown {
                Some(shown) => view! { <Room shown /> }.into_any(),
                None => view! { <NoSuchRoom /> }.into_any(),
            }}
        </For>
    }
}

#[component]
fn Room(shown: ShownRoom) -> impl IntoView {
    let ShownRoom {
        room,
        title,
        joined,
        ..
    } = shown;
    let Ok(id) = RoomId::parse(&room.id) else {
        return view! { <NoSuchRoom /> }.into_any();
    };
    let chat = expect_context::<Chat>();
    let text_box = NodeRef::<Textarea>::new();
    let (me, kept_in) = (chat.me.with_value(|me| me.uid.clone()), room.id.clone());
    let on_edit = Callback::new(move |text: String| {
        let Some(area) = text_box.get_untracked() else {
            return;
        };
        // What stands in the box already is not lost.
        let typed = area.value();
        let text = match typed.trim() {
            "" => text,
            _ => format!("{text}\n{typed}"),
        };
        area.set_value(&text);
        keep_draft(&me, &kept_in, &text);
        let _ = area.focus();
    });
    let is_named = !room.name.is_empty();
    let label = if is_named {
        words::message_to(&title)
    } else {
        words::message_to_people(&title)
    };
    let page_title = if is_named {
        format!("#{title}")
    } else {
        title.clone()
    };
    let details = format!("/r/{}/details", room.id);
    let is_writable = joined && !room.archived;
    let below = match (room.archived, joined) {
        (true, _) => view! { <p class="composer-note">{words::ROOM_IS_ARCHIVED}</p> }.into_any(),
        (false, true) => view! { <Composer room=id.clone() label text_box /> }.into_any(),
        (false, false) => view! { <JoinBar action=details.clone() /> }.into_any(),
    };
    view! {
        <Title text=page_title />
        <main class="room">
            <header class="room-head">
                <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                    <BackIcon />
                </a>
                <h1>
                    <RoomMark kind=room.kind() />
                    {title.clone()}
                </h1>
                <p class="topic">{room.topic.clone()}</p>
                <a
                    class="icon-button"
                    href=details
                    rel="external"
                    aria-label=words::ROOM_DETAILS
                    title=words::ROOM_DETAILS
                >
                    <PeopleIcon />
                </a>
            </header>
            <MessageLog room=id name=title on_edit=is_writable.then_some(on_edit) />
            {below}
        </main>
    }
    .into_any()
}

/// Where the composer is for those who are in the room.
#[component]
fn JoinBar(action: String) -> impl IntoView {
    view! {
        <form class="composer-note" method="post" action=action>
            <PageOf />
            <input type="hidden" name="of" value="join" />
            <p>{words::LOOKING_IN}</p>
            <button class="primary">{words::JOIN_ROOM}</button>
        </form>
    }
}

#[component]
fn NoSuchRoom() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let path = use_location().pathname;
    let typed = RwSignal::new(String::new());
    // Who was sent away while typing keeps what they typed.
    Effect::new(move |_| {
        let path = path.get();
        let room = path.strip_prefix("/r/").unwrap_or_default();
        let me = chat.me.with_value(|me| me.uid.clone());
        typed.set(draft(&me, room).unwrap_or_default());
    });
    view! {
        <Title text=words::NO_SUCH_ROOM />
        <main class="plain">
            <h1>{words::NO_SUCH_ROOM}</h1>
            <p>{words::NO_SUCH_ROOM_HELP}</p>
            <Show when=move || typed.with(|typed| !typed.is_empty())>
                <div class="field">
                    <label for="kept">{words::WHAT_YOU_TYPED}</label>
                    <textarea id="kept" rows="4" readonly prop:value=move || typed.get() />
                </div>
            </Show>
            <p>
                <a href="/">{words::GO_HOME}</a>
            </p>
        </main>
    }
}
