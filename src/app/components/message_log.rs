//! The messages of a room. At the bottom it follows; anywhere else it stays put and says what
//! came. The newest message is where the first paint is, by CSS alone.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::message::LogRow;
use super::outgoing::Outgoing;
use super::rows::rows;
use crate::app::clock;
use crate::app::icons::DownIcon;
use crate::app::state::Chat;
use crate::app::words;
use crate::client::{LoadError, RoomState};
use crate::domain::{RoomId, RoomLog, Sequence, What};
use crate::nats::runtime;

/// Closer to the bottom than this, in CSS pixels, counts as at it.
const AT_BOTTOM: i32 = 48;

/// A message that was on the screen for so long counts as read.
const A_MOMENT: Duration = Duration::from_millis(700);

/// The log of one room.
#[component]
pub(in super::super) fn MessageLog(
    /// The room.
    room: RoomId,
    /// What it is called.
    name: Memo<String>,
    /// May the person write here?
    is_writable: Memo<bool>,
    /// Takes the text of a refused message to be changed, where the person may write.
    on_edit: Callback<String>,
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
    // On a narrow screen the list of rooms can be there in its place.
    let is_at_end = Memo::new(move |_| {
        let is_laid_out = || {
            scroller
                .get()
                .is_some_and(|section| section.client_height() > 0)
        };
        chat.is_shown.get() && away_since.get().is_none() && is_laid_out()
    });
    read_what_is_seen(id, end, is_at_end);
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
    view! {
        <div class="log-frame">
            <section
                class="log"
                role="log"
                aria-label=move || words::messages_in(&name.get())
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
                    <LogNotice state name room=id.get_value() />
                    <For each=move || rows.get() key=|row| row.key() let:row>
                        <LogRow row />
                    </For>
                    <Outgoing room is_writable on_edit />
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

/// Marks the room as read down to the newest message, when that has been on the screen of somebody who
/// uses the page for a moment, or when they press a key, point or scroll.
fn read_what_is_seen(room: StoredValue<RoomId>, end: Memo<Sequence>, is_at_end: Memo<bool>) {
    let chat = expect_context::<Chat>();
    let read_up_to = move |end: Sequence| {
        if end > Sequence(0) {
            chat.read_up_to(&room.get_value(), end);
        }
    };
    // While this is the same, nobody has looked away.
    let looks = StoredValue::new(0_u64);
    Effect::new(move |_| {
        let _ = (is_at_end.get(), chat.is_attended.get());
        looks.update_value(|looks| *looks += 1);
    });
    let is_waiting = StoredValue::new(false);
    Effect::new(move |_| {
        // Another client of the person may have told natter less than this one.
        let _ = room.with_value(|room| chat.unread_in(room.as_str()));
        let seen = end.get();
        let is_seen = is_at_end.get() && chat.is_attended.get();
        if !is_seen || is_waiting.get_value() {
            return;
        }
        is_waiting.set_value(true);
        spawn_local(async move {
            let mut seen = seen;
            loop {
                let look = looks.try_get_value();
                runtime::sleep(A_MOMENT).await;
                let (Some(now), Some(newest)) = (looks.try_get_value(), end.try_get_untracked())
                else {
                    return;
                };
                let is_still_seen = is_at_end.get_untracked() && chat.is_attended.get_untracked();
                if Some(now) == look && is_still_seen {
                    read_up_to(seen);
                }
                if !is_still_seen || (Some(now) == look && newest == seen) {
                    break;
                }
                // What came meanwhile has its own moment.
                seen = newest;
            }
            let _ = is_waiting.try_set_value(false);
        });
    });
    Effect::new(move |before: Option<u64>| {
        let inputs = chat.inputs.get();
        if before.is_some_and(|before| before != inputs) && is_at_end.get_untracked() {
            read_up_to(end.get_untracked());
        }
        inputs
    });
}

/// What stands where there are no messages to show.
#[component]
fn LogNotice(state: Memo<Option<RoomState>>, name: Memo<String>, room: RoomId) -> impl IntoView {
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
                .then(|| view! { <p class="notice">{words::empty_room(&name.get())}</p> })
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
