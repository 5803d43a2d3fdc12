//! Where messages are written. It is a form that works with scripts off; with scripts, the message
//! goes out over the live connection, and what is typed before the page is alive stays.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::page_of::PageOf;
use crate::app::browser::{draft, has_coarse_pointer, keep_draft};
use crate::app::first_page::FirstPage;
use crate::app::icons::SendIcon;
use crate::app::state::Chat;
use crate::app::words;
use crate::domain::{MessageText, RoomId, TextError};

/// The composer of a room.
#[component]
pub(in super::super) fn Composer(
    /// The room.
    room: RoomId,
    /// What the box is called.
    label: String,
    /// The box, for whoever puts a text back into it.
    text_box: NodeRef<Textarea>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let first = expect_context::<FirstPage>();
    let refused = first.form();
    let error = RwSignal::new(Some(refused.error).filter(|error| !error.is_empty()));
    let action = format!("/r/{room}");
    let me = chat.me.with_value(|me| me.uid.clone());
    let draft_of = (me.clone(), room.clone());
    // What stands in the box already was typed before the page was alive, or was refused.
    Effect::new(move |_| {
        let (me, room) = &draft_of;
        if let Some(area) = text_box.get()
            && area.value().is_empty()
            && let Some(draft) = draft(me, room.as_str())
        {
            area.set_value(&draft);
        }
    });
    let kept_for = (me.clone(), room.clone());
    let on_input = move |_| {
        error.set(None);
        if let Some(area) = text_box.get_untracked() {
            keep_draft(&kept_for.0, kept_for.1.as_str(), &area.value());
        }
    };
    let send = move || {
        let Some(area) = text_box.get_untracked() else {
            return;
        };
        match MessageText::parse(&area.value()) {
            Ok(text) => {
                let (me, room, typed) = (me.clone(), room.clone(), area.value());
                area.set_value("");
                error.set(None);
                spawn_local(async move {
                    chat.send(&room, text.as_str().to_owned()).await;
                    // Until then the draft is what would survive a crash.
                    if draft(&me, room.as_str()).as_deref() == Some(typed.as_str()) {
                        keep_draft(&me, room.as_str(), "");
                    }
                });
            }
            // The button or the key by mistake.
            Err(TextError::Empty) if area.value().trim().is_empty() => {}
            Err(refused) => error.set(Some(refused.to_string())),
        }
        // Where a button was pressed, the next message is typed at once too.
        let _ = area.focus();
    };
    let by_key = send.clone();
    let on_submit = move |event: SubmitEvent| {
        // Before the live connection has begun, the form goes the plain way.
        if chat.is_live() {
            event.prevent_default();
            send();
        }
    };
    let on_keydown = move |event: KeyboardEvent| {
        let sends = event.key() == "Enter"
            && !event.shift_key()
            && !event.is_composing()
            // Safari ends a composition before the Enter that ended it, and marks that with 229.
            && event.key_code() != 229
            && !has_coarse_pointer();
        if sends && chat.is_live() {
            event.prevent_default();
            by_key();
        }
    };
    view! {
        <form class="composer" method="post" action=action on:submit=on_submit>
            <PageOf />
            {move || error.get().map(|error| view! { <p class="form-error" role="alert">{error}</p> })}
            <div class="box">
                <input type="hidden" name="ulid" value=first.with(|page| page.form_ulid.clone()) />
                // No autocomplete="off": with it a browser forgets what was written when one goes back.
                <textarea
                    name="text"
                    rows="1"
                    aria-label=label.clone()
                    placeholder=label
                    node_ref=text_box
                    on:keydown=on_keydown
                    on:input=on_input
                >
                    {refused.text}
                </textarea>
                <button type="submit" class="primary send">
                    <SendIcon />
                    {words::SEND}
                </button>
            </div>
            <p class="hint without-scripts">{words::MESSAGE_LIMIT}</p>
        </form>
    }
}
