//! What stays while a signed-in person goes from page to page.

use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;

use super::connection_status::ConnectionStatus;
use super::sidebar::Sidebar;
use crate::app::first_page::FirstPage;
use crate::app::state::Chat;
use crate::wire::v1;

/// Where people land: the room that always exists.
const HOME_ROOM: &str = "general";

/// The room that the address names, in context.
#[derive(Clone, Copy)]
pub(in super::super) struct CurrentRoom(pub Memo<Option<v1::Room>>);

/// The sidebar, and beside it the page. On a narrow screen it is one or the other: the address
/// "/" shows the sidebar.
#[component]
pub(in super::super) fn Workspace() -> impl IntoView {
    let path = use_location().pathname;
    let Some(chat) = use_context::<Chat>() else {
        // Only a page for somebody who is signed in is served here.
        return ().into_any();
    };
    let current = Memo::new(move |_| {
        let path = path.get();
        match path.strip_prefix("/r/") {
            Some(room) => chat.room(room),
            None => (path == "/").then(|| chat.room(HOME_ROOM)).flatten(),
        }
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
        </div>
    }
    .into_any()
}
