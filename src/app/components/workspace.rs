//! What stays while a signed-in person goes from page to page.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::Outlet;
use leptos_router::hooks::{use_location, use_navigate};

use super::connection_status::ConnectionStatus;
use super::names::with_names;
use super::sidebar::Sidebar;
use crate::app::first_page::FirstPage;
use crate::app::pages::NotFound;
use crate::app::state::{Chat, ShownRoom};
use crate::app::words;

/// The room that the address names, in context.
#[derive(Clone, Copy)]
pub(in super::super) struct CurrentRoom(pub Memo<Option<ShownRoom>>);

/// The sidebar, and beside it the page. On a narrow screen it is one or the other: the address
/// "/" shows the sidebar.
#[component]
pub(in super::super) fn Workspace() -> impl IntoView {
    let path = use_location().pathname;
    let Some(chat) = use_context::<Chat>() else {
        // For who is not signed in, only an address that is nothing's is served here.
        return view! { <NotFound /> }.into_any();
    };
    let first = expect_context::<FirstPage>();
    // Where somebody landed they stay, whichever room is the first of their sidebar meanwhile.
    let landed_in = StoredValue::new(None::<String>);
    let current = Memo::new(move |_| {
        let path = path.get();
        let landed = landed_in.try_update_value(Option::take).flatten();
        if let Some((room, _)) = segment_of_room(&path) {
            return chat.room(&first.room_at(&path).unwrap_or_else(|| room.to_owned()));
        }
        let here = || landed.and_then(|id| chat.room_with_id(&id));
        let room = (path == "/").then(|| here().or_else(|| chat.landing()));
        let room = room.flatten();
        landed_in.set_value(room.as_ref().map(|shown| shown.room.id.clone()));
        room
    });
    provide_context(CurrentRoom(current));
    stay_with_id(current);
    Effect::watch(
        move || path.get(),
        move |_, _, _| first.forget_form(),
        false,
    );
    view! {
        <div class="workspace" class:at-list=move || path.get() == "/">
            <Sidebar />
            <ConnectionStatus />
            <Outlet />
            <Happened />
        </div>
    }
    .into_any()
}

/// How the address names a room, by id or name, and what follows.
fn segment_of_room(path: &str) -> Option<(&str, &str)> {
    let room = path.strip_prefix("/r/")?;
    Some(room.split_at(room.find('/').unwrap_or(room.len())))
}

/// A room that was opened by its name gets the address with its id, which stays when it is renamed.
fn stay_with_id(current: Memo<Option<ShownRoom>>) {
    let path = use_location().pathname;
    let navigate = use_navigate();
    Effect::new(move |_| {
        let path = path.get();
        let Some((room, rest)) = segment_of_room(&path) else {
            return;
        };
        let id = current.with(|shown| shown.as_ref().map(|shown| shown.room.id.clone()));
        if let Some(id) = id.filter(|id| id != room) {
            let here = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&format!("/r/{id}{rest}"), here);
        }
    });
}

/// What happened to the person, until they have seen it.
#[component]
fn Happened() -> impl IntoView {
    let chat = expect_context::<Chat>();
    move || {
        chat.notice.get().map(|notice| {
            view! {
                <div class="notice-bar" role="alert">
                    <p>{with_names(&notice)}</p>
                    <button
                        type="button"
                        class="secondary"
                        on:click=move |_| chat.notice.set(None)
                    >
                        {words::DISMISS}
                    </button>
                </div>
            }
        })
    }
}
