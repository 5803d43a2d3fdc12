//! The rooms, the people one talks to, and who is signed in.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::avatar::Avatar;
use super::workspace::CurrentRoom;
use crate::app::icons::{CompassIcon, LockIcon, PeopleIcon, PlusIcon, SettingsIcon};
use crate::app::state::{Chat, ShownRoom};
use crate::app::words;
use crate::wire::v1::{self, Role, RoomKind};

/// The sidebar.
#[component]
pub(super) fn Sidebar() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let rooms = move |are_named: bool| {
        let heads = chat.rooms.get();
        let joined = heads.iter().filter(|head| head.joined);
        let rooms = joined.filter_map(|head| chat.shown(head));
        let rooms = rooms.filter(|shown| shown.room.name.is_empty() != are_named);
        rooms.collect::<Vec<_>>()
    };
    // With scripts the page stays, and with it what is on its way.
    let navigate = use_navigate();
    let to_new_room = move |event: SubmitEvent| {
        event.prevent_default();
        navigate("/rooms/new", NavigateOptions::default());
    };
    let invitations = chat.invitations;
    let is_guest = chat.me.with_value(|me| me.role() == Role::Guest);
    view! {
        <aside class="rail">
            <header class="brand">
                <span class="mark" aria-hidden="true">
                    "N"
                </span>
                {words::NATTER}
            </header>
            <nav aria-label=words::ROOMS_AND_PEOPLE>
                <div class="nav-head">
                    <h2>{words::ROOMS}</h2>
                    {(!is_guest)
                        .then(|| {
                            view! {
                                <form method="get" action="/rooms/new" on:submit=to_new_room>
                                    <button
                                        class="icon-button"
                                        aria-label=words::NEW_ROOM
                                        title=words::NEW_ROOM
                                    >
                                        <PlusIcon />
                                    </button>
                                </form>
                            }
                        })}
                </div>
                <For
                    each=move || rooms(true)
                    key=|shown| shown.room.id.clone()
                    let:shown
                >
                    <RoomLink shown />
                </For>
                <a href="/rooms" rel="external" class="aside-link">
                    <CompassIcon />
                    <span class="room-name">{words::BROWSE_ROOMS}</span>
                    <Show when=move || { invitations.get() > 0 }>
                        <span class="unread-count">
                            {move || words::invitations(invitations.get())}
                        </span>
                    </Show>
                </a>
                <div class="nav-head">
                    <h2>{words::DIRECT_MESSAGES}</h2>
                </div>
                <For
                    each=move || rooms(false)
                    key=|shown| shown.room.id.clone()
                    let:shown
                >
                    <RoomLink shown />
                </For>
                <a href="/people" rel="external" class="aside-link">
                    <PeopleIcon />
                    <span class="room-name">{words::PEOPLE}</span>
                </a>
            </nav>
            <Me />
        </aside>
    }
}

#[component]
fn RoomLink(shown: ShownRoom) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let CurrentRoom(current) = expect_context();
    let id = StoredValue::new(shown.room.id.clone());
    let described_by = format!("unread-{}", shown.room.id);
    let (href, kind) = (format!("/r/{}", shown.room.id), shown.room.kind());
    // A link is made once: who has the focus on it keeps it while its name changes.
    let now = Memo::new(move |before: Option<&ShownRoom>| {
        let now = id.with_value(|id| chat.room_with_id(id));
        now.or_else(|| before.cloned())
            .unwrap_or_else(|| shown.clone())
    });
    let title = move || now.with(|now| now.title.clone());
    let is_muted = Memo::new(move |_| now.with(|now| now.muted));
    let is_current = move || {
        let is_this = current.with(|current| {
            let current = current.as_ref();
            current.is_some_and(|current| id.with_value(|id| current.room.id == *id))
        });
        is_this.then_some("page")
    };
    let unread = Memo::new(move |_| match is_muted.get() {
        true => 0,
        false => id.with_value(|id| chat.unread_in(id)),
    });
    let has_unread = move || unread.get() > 0;
    let count_id = described_by.clone();
    view! {
        // The count is beside the link's name, not in it: the room is called what it is called.
        <a
            href=href
            aria-current=is_current
            aria-describedby=move || has_unread().then(|| described_by.clone())
            class:muted=move || is_muted.get()
            class:unread=has_unread
        >
            <RoomMark kind />
            <span class="room-name">
                <bdi>{title}</bdi>
            </span>
            <Show when=has_unread>
                <span class="unread-count" aria-hidden="true">
                    {move || words::unread_count(unread.get())}
                </span>
            </Show>
        </a>
        <span id=count_id hidden>
            {move || words::unread(unread.get())}
        </span>
    }
}

/// What kind of room it is, for the eye.
#[component]
pub(in super::super) fn RoomMark(
    /// The kind.
    kind: RoomKind,
) -> impl IntoView {
    view! {
        <span class="hash" aria-hidden="true">
            {match kind {
                RoomKind::Closed => view! { <LockIcon /> }.into_any(),
                RoomKind::Direct => "@".into_any(),
                _ => "#".into_any(),
            }}
        </span>
    }
}

#[component]
fn Me() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let v1::Person {
        uid,
        display_name: name,
        picture,
        ..
    } = chat.me.get_value();
    let (shown, username) = (name.clone(), format!("@{uid}"));
    view! {
        <div class="me">
            <Avatar uid name=Signal::stored(name) picture=Signal::stored(picture) />
            <b title=username>
                <bdi>{shown}</bdi>
            </b>
            <a class="icon-button" href="/settings" aria-label=words::SETTINGS title=words::SETTINGS>
                <SettingsIcon />
            </a>
        </div>
    }
}
