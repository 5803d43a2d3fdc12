//! "/" and /r/<room>.

use leptos::html::Textarea;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::app::components::{Composer, CurrentRoom, MessageLog, PageOf, RoomMark};
use crate::app::drafts::Draft;
use crate::app::icons::{BackIcon, PeopleIcon};
use crate::app::state::{Chat, ShownRoom};
use crate::app::words;
use crate::domain::RoomId;

/// A room.
#[component]
pub(in super::super) fn RoomPage() -> impl IntoView {
    let CurrentRoom(current) = expect_context();
    let latest = StoredValue::new(None::<String>);
    // Keyed by the room alone. Another room gets parts of its own, so that no draft and no scroll
    // position of one room shows up in the next. What else changes about a room changes in place,
    // so that nobody loses the focus or what they are typing.
    let key = |shown: &Option<ShownRoom>| shown.as_ref().map(|shown| shown.room.id.clone());
    view! {
        <For each=move || [current.get()] key let:shown>
            {match shown {
                Some(shown) => {
                    latest.set_value(Some(shown.room.id.clone()));
                    view! { <Room shown /> }.into_any()
                }
                None => view! { <NoSuchRoom latest /> }.into_any(),
            }}
        </For>
    }
}

#[component]
fn Room(shown: ShownRoom) -> impl IntoView {
    let CurrentRoom(current) = expect_context();
    let room = shown.room.clone();
    let Ok(id) = RoomId::parse(&room.id) else {
        let latest = StoredValue::new(None);
        return view! { <NoSuchRoom latest /> }.into_any();
    };
    // Until this room's parts are gone, they show it as it was last.
    let shown = Memo::new(move |before: Option<&ShownRoom>| {
        let now = current.get();
        let now = now.filter(|now| now.room.id == shown.room.id);
        now.or_else(|| before.cloned())
            .unwrap_or_else(|| shown.clone())
    });
    let title = Memo::new(move |_| shown.with(|shown| shown.title.clone()));
    let topic = Memo::new(move |_| shown.with(|shown| shown.room.topic.clone()));
    let is_named = Memo::new(move |_| shown.with(|shown| !shown.room.name.is_empty()));
    let is_archived = Memo::new(move |_| shown.with(|shown| shown.room.archived));
    let is_looking_in = Memo::new(move |_| shown.with(|s| !s.joined && !s.room.archived));
    let is_writable = Memo::new(move |_| shown.with(|s| s.joined && !s.room.archived));
    let label = Memo::new(move |_| match is_named.get() {
        true => words::message_to(&title.get()),
        false => words::message_to_people(&title.get()),
    });
    let page_title = Memo::new(move |_| match is_named.get() {
        true => format!("#{}", title.get()),
        false => title.get(),
    });
    // On the server it is written when all that was rendered has gone.
    let first_title = page_title.get_untracked();
    let page_title = move || page_title.try_get().unwrap_or_else(|| first_title.clone());
    let chat = expect_context::<Chat>();
    let text_box = NodeRef::<Textarea>::new();
    let me = chat.me.with_value(|me| me.uid.clone());
    let draft = StoredValue::new(Draft::of(&me, &room.id));
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
        draft.update_value(|draft| draft.keep(&text));
        let _ = area.focus();
    });
    let details = format!("/r/{}/details", room.id);
    let join = details.clone();
    view! {
        <Title text=page_title />
        <main class="room">
            <header class="room-head">
                <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                    <BackIcon />
                </a>
                <h1>
                    <RoomMark kind=room.kind() />
                    <bdi>{move || title.get()}</bdi>
                </h1>
                <p class="topic" dir="auto">{move || topic.get()}</p>
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
            <MessageLog room=id.clone() name=title is_writable on_edit />
            <div class="below">
                <Show when=move || is_archived.get()>
                    <p class="composer-note" role="status">
                        {words::ROOM_IS_ARCHIVED}
                    </p>
                </Show>
                <Show when=move || is_looking_in.get()>
                    <JoinBar action=join.clone() />
                </Show>
                <Composer room=id label is_writable text_box draft />
            </div>
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
fn NoSuchRoom(
    /// The id of the room that was shown last.
    latest: StoredValue<Option<String>>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let path = use_location().pathname;
    let typed = RwSignal::new(String::new());
    // Who was sent away while typing keeps what they typed.
    Effect::new(move |_| {
        let path = path.get();
        let named = path.strip_prefix("/r/").unwrap_or_default().to_owned();
        let room = latest.get_value().unwrap_or(named);
        let me = chat.me.with_value(|me| me.uid.clone());
        typed.set(Draft::of(&me, &room).find().unwrap_or_default());
    });
    view! {
        <Title text=words::NO_SUCH_ROOM />
        <main class="plain">
            <h1>{words::NO_SUCH_ROOM}</h1>
            <p>{words::NO_SUCH_ROOM_HELP}</p>
            <Show when=move || typed.with(|typed| !typed.is_empty())>
                <div class="field">
                    <label for="kept">{words::WHAT_YOU_TYPED}</label>
                    <textarea id="kept" rows="4" dir="auto" readonly prop:value=move || typed.get() />
                </div>
            </Show>
            <p>
                <a href="/">{words::GO_HOME}</a>
            </p>
        </main>
    }
}
