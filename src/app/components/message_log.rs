//! The messages of a room. At the bottom it follows; anywhere else it stays put and says what
//! came. The newest message is where the first paint is, by CSS alone.

use leptos::prelude::*;

use super::message::LogRow;
use super::outgoing::Outgoing;
use super::rows::rows;
use crate::app::clock;
use crate::app::icons::DownIcon;
use crate::app::state::Chat;
use crate::app::words;
use crate::client::{LoadError, RoomState};
use crate::domain::{RoomId, RoomLog, Sequence, What};

/// Closer to the bottom than this, in CSS pixels, counts as at it.
const AT_BOTTOM: i32 = 48;

/// The log of one room.
#[component]
pub(in super::super) fn MessageLog(
    /// The room.
    room: RoomId,
    /// What it is called.
    name: String,
    /// Takes the text of a refused message to be changed, where there is a box for it.
    on_edit: Option<Callback<String>>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let id = StoredValue::new(room.clone());
    let state = Memo::new(move |_| {
        let state = chat.logs.with(|logs| logs.get(&id.get_value()).cloned());
        state.map(|state| state.get())
    });
    Effect::new(move |_| {
        if state.with(Option::is_none) {
            chat.load(&id.get_value());
        }
    });
    let rows = Memo::new(move |_| with_log(&state, |log| rows(log.entries(), clock::zone())));
    let end = Memo::new(move |_| with_log(&state, |log| log.position().sequence));
    let has_earlier = Memo::new(move |_| with_log(&state, RoomLog::has_earlier));

    let scroller = NodeRef::<leptos::html::Section>::new();
    let away_since = RwSignal::new(None::<Sequence>);
    let on_scroll = move |_| {
        // Laid out from the bottom, the scroll position is 0 there and negative above.
        let is_away = scroller
            .get_untracked()
            .is_some_and(|section| section.scroll_top() < -AT_BOTTOM);
        away_since.update(|since| match (is_away, *since) {
            (true, None) => *since = Some(end.get_untracked()),
            (false, Some(_)) => *since = None,
            _ => {}
        });
    };
    Effect::new(move |_| chat.hold(&id.get_value(), away_since.get().is_some()));
    on_cleanup({
        let room = room.clone();
        move || chat.hold(&room, false)
    });
    // What is on the screen, down to the newest, is read. On a narrow screen the list of rooms can
    // be there in its place.
    Effect::new(move |_| {
        let room = id.get_value();
        let is_at_end = chat.is_shown.get() && away_since.get().is_none();
        // Another client of the person may have told natter less than this one.
        let _ = chat.unread_in(room.as_str());
        let is_laid_out = || {
            scroller
                .get()
                .is_some_and(|section| section.client_height() > 0)
        };
        let end = end.get();
        if is_at_end && end > Sequence(0) && is_laid_out() {
            chat.read_up_to(&room, end);
        }
    });
    let unseen = Memo::new(move |_| {
        away_since.get().map_or(0, |since| {
            with_log(&state, |log| {
                log.entries()
                    .iter()
                    .rev()
                    .take_while(|entry| entry.sequence > since)
                    .count()
            })
        })
    });
    let to_bottom = move |_| {
        if let Some(section) = scroller.get_untracked() {
            section.set_scroll_top(0);
        }
    };
    // Who writes wants to see what they wrote.
    Effect::new(move |before: Option<usize>| {
        let room = id.get_value();
        let own = chat.outbox.with(|outbox| {
            let here = outbox.posts().iter().filter(|post| post.room == room);
            here.count()
        });
        if before.is_some_and(|before| own > before)
            && let Some(section) = scroller.get_untracked()
        {
            section.set_scroll_top(0);
        }
        own
    });
    let load_earlier = move |_| chat.load_earlier(&id.get_value());
    let empty_name = name.clone();
    view! {
        <div class="log-frame">
            <section
                class="log"
                role="log"
                aria-label=words::messages_in(&name)
                tabindex="0"
                node_ref=scroller
                on:scroll=on_scroll
            >
                <div class="log-rows">
                    <Show when=move || has_earlier.get()>
                        <button type="button" class="earlier" on:click=load_earlier>
                            {words::SHOW_EARLIER}
                        </button>
                    </Show>
                    <LogNotice state name=empty_name room=id.get_value() />
                    <For each=move || rows.get() key=|row| row.key() let:row>
                        <LogRow row />
                    </For>
                    <Outgoing room on_edit />
                </div>
            </section>
            <Show when=move || { unseen.get() > 0 }>
                <button type="button" class="to-bottom" on:click=to_bottom>
                    <DownIcon />
                    {move || words::new_messages(unseen.get())}
                </button>
            </Show>
        </div>
    }
}

/// What stands where there are no messages to show.
#[component]
fn LogNotice(state: Memo<Option<RoomState>>, name: String, room: RoomId) -> impl IntoView {
    let chat = expect_context::<Chat>();
    move || match state.get() {
        None | Some(RoomState::Loading) => {
            view! { <p class="notice">{words::LOADING}</p> }.into_any()
        }
        Some(RoomState::Missing) => {
            view! { <p class="notice">{words::NO_SUCH_ROOM}</p> }.into_any()
        }
        Some(RoomState::Failed(reason)) => {
            let room = room.clone();
            let reason = match reason {
                LoadError::Refused(reason) => reason,
                LoadError::NoAnswer => words::NO_ANSWER.into(),
            };
            view! {
                <div class="notice" role="alert">
                    <p>{words::LOAD_FAILED} " " {reason}</p>
                    <button type="button" on:click=move |_| chat.load(&room)>
                        {words::TRY_AGAIN}
                    </button>
                </div>
            }
            .into_any()
        }
        Some(RoomState::Loaded(log)) => {
            let is_empty = !log
                .entries()
                .iter()
                .any(|entry| matches!(entry.what, What::Message { .. }));
            is_empty
                .then(|| view! { <p class="notice">{words::empty_room(&name)}</p> })
                .into_any()
        }
    }
}

fn with_log<T: Default>(state: &Memo<Option<RoomState>>, read: impl FnOnce(&RoomLog) -> T) -> T {
    state.with(|state| match state {
        Some(RoomState::Loaded(log)) => read(log),
        _ => T::default(),
    })
}
