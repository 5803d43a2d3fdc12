//! The document, and what stands at each address.

use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::path;

use super::components::Workspace;
use super::first_page::FirstPage;
use super::pages::{
    Account, Admin, Browse, ConnectionCheck, NewRoom, NotFound, NothingHere, People, Reset,
    RoomDetails, RoomPage, Sessions, Settings, SignIn, SignUp, SignUpOidc,
};
use super::state::Chat;
use super::words;

/// The document around the app.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, interactive-widget=resizes-content"
                />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f7f2ec" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0d0f15" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <AutoReload options=options.clone() />
                <HashedStylesheet options=options.clone() id="natter" />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The app.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let (first, page) = FirstPage::share();
    provide_context(first);
    super::clock::provide_zone();
    let chat = page.me.clone().map(|me| Chat::new(&page, me));
    if let Some(chat) = chat {
        provide_context(chat);
        Effect::new(move |_| chat.start());
    }
    let unread = Memo::new(move |_| chat.map_or(0, |chat| chat.unread_in_all()));
    // On the server the title is written when all that was rendered has gone.
    let first = unread.get_untracked();
    let title = move |of: String| words::title(&of, unread.try_get().unwrap_or(first));
    view! {
        <Title formatter=title text="" />
        <Router>
            <Routes fallback=|| view! { <NotFound /> }>
                <Route path=path!("/login") view=SignIn />
                <Route path=path!("/login/oidc") view=SignIn />
                <Route path=path!("/login/oidc/callback") view=SignIn />
                <Route path=path!("/signup") view=SignUp />
                <Route path=path!("/signup/oidc") view=SignUpOidc />
                <Route path=path!("/invite/:token") view=SignUp />
                <Route path=path!("/reset/:token") view=Reset />
                <ParentRoute path=path!("") view=Workspace>
                    <Route path=path!("/") view=RoomPage />
                    <Route path=path!("/r/:room") view=RoomPage />
                    <Route path=path!("/r/:room/details") view=RoomDetails />
                    <Route path=path!("/rooms") view=Browse />
                    <Route path=path!("/rooms/new") view=NewRoom />
                    <Route path=path!("/people") view=People />
                    <Route path=path!("/admin") view=Admin />
                    <Route path=path!("/settings") view=Settings />
                    <Route path=path!("/settings/account") view=Account />
                    <Route path=path!("/settings/picture") view=Account />
                    <Route path=path!("/settings/sessions") view=Sessions />
                    <Route path=path!("/settings/connection") view=ConnectionCheck />
                    <Route path=path!("/*nothing") view=NothingHere />
                </ParentRoute>
            </Routes>
        </Router>
    }
}
