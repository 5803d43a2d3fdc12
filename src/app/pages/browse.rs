//! /rooms: the open rooms, to look into and to join.

use leptos::prelude::*;

use crate::app::components::{Act, FormError, Pane, RoomMark, with_names};
use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::wire::v1;

/// The page.
#[component]
pub(in super::super) fn Browse() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let rooms = first.with(|page| page.browse.clone());
    let asked = first.with(|page| page.room_invitations.clone());
    let error = first.form().error;
    view! {
        <Pane title=words::BROWSE_ROOMS>
            <FormError error />
            {(!asked.is_empty())
                .then(|| {
                    let asked = asked.into_iter().map(|asking| view! { <Asking asking /> });
                    view! {
                        <h2>{words::INVITATIONS}</h2>
                        <ul class="lines">{asked.collect_view()}</ul>
                        <h2>{words::ROOMS}</h2>
                    }
                })}
            {rooms.is_empty().then(|| view! { <p>{words::NO_ROOMS_TO_BROWSE}</p> })}
            <ul class="lines">
                {rooms.into_iter().map(|listing| view! { <Listing listing /> }).collect_view()}
            </ul>
        </Pane>
    }
}

/// A room that the person is invited into.
#[component]
fn Asking(asking: v1::RoomInvitation) -> impl IntoView {
    let room = asking.room.unwrap_or_default();
    let by = words::called(&asking.by.unwrap_or_default());
    let (kind, title) = (room.kind(), words::title_outside(&room));
    let (shown, to_join, to_decline) = (title.clone(), title.clone(), title.clone());
    let action = format!("/r/{}/details", room.id);
    let field = |of: &str| vec![("of", of.to_owned())];
    view! {
        <li class="line" aria-label=title.clone()>
            <RoomMark kind />
            <div class="line-text">
                <b dir="auto">{shown}</b>
                <span class="hint">{with_names(&words::asks_you(&by))}</span>
                {(!room.topic.is_empty()).then(|| view! { <p class="hint" dir="auto">{room.topic}</p> })}
            </div>
            <div class="line-actions">
                <Act
                    action=action.clone()
                    fields=field("join")
                    label=words::JOIN
                    about=to_join
                    class="primary"
                />
                <Act action fields=field("decline") label=words::DECLINE about=to_decline />
            </div>
        </li>
    }
}

#[component]
fn Listing(listing: v1::RoomListing) -> impl IntoView {
    let Some(room) = listing.room else {
        return ().into_any();
    };
    let kind = room.kind();
    let count = words::members(listing.members);
    let can_join = !listing.joined && !room.archived;
    let state = match (room.archived, listing.joined) {
        (true, _) => Some(words::ARCHIVED),
        (false, true) => Some(words::JOINED),
        (false, false) => None,
    };
    let name = room.name.clone();
    let join = (room.name.clone(), format!("/r/{}/details", room.id));
    view! {
        <li class="line" aria-label=name>
            <RoomMark kind />
            <div class="line-text">
                <a href=format!("/r/{}", room.id) rel="external">
                    <b dir="auto">{room.name}</b>
                </a>
                <span class="hint">{count} {state.map(|state| format!(" · {state}"))}</span>
                {(!room.topic.is_empty()).then(|| view! { <p class="hint" dir="auto">{room.topic}</p> })}
            </div>
            <div class="line-actions">
                {can_join
                    .then(|| {
                        let (about, action) = join;
                        let fields = vec![("of", "join".to_owned())];
                        view! { <Act action fields label=words::JOIN about /> }
                    })}
            </div>
        </li>
    }
    .into_any()
}
