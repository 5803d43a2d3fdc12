//! What stays while a signed-in person goes from page to page.

use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;

use super::connection_status::ConnectionStatus;
use super::sidebar::Sidebar;
use crate::app::first_page::FirstPage;
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
        // Only a page for somebody who is signed in is served here.
        return ().into_any();
    };
    // Where somebody landed they stay, whichever room is the first of their sidebar meanwhile.
    let landed_in = StoredValue::new(None::<String>);
    let current = Memo::new(move |_| {
        let path = path.get();
        let landed = landed_in.try_update_value(Option::take).flatten();
        if let Some(room) = path.strip_prefix("/r/") {
            return chat.room(room.trim_end_matches("/details"));
        }
        let here = || landed.and_then(|id| chat.room_with_id(&id));
        let room = (path == "/").then(|| here().or_else(|| chat.landing()));
        let room = room.flatten();
        landed_in.set_value(room.as_ref().map(|shown| shown.room.id.clone()));
        room
    });
    provide_context(CurrentRoom(current));
    let first = expect_context::<FirstPage>();
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

/// What happened to the person, until they have seen it.
#[component]
fn Happened() -> impl IntoView {
    let chat = expect_context::<Chat>();
    move || {
        chat.notice.get().map(|notice| {
            view! {
                <div class="notice-bar" role="alert">
                    <p>{notice}</p>
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
