//! Where messages are written. It is a form that works with scripts off; with scripts, the message
//! goes out over the live connection, and what is typed before the page is alive stays.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::page_of::PageOf;
use crate::app::browser::{has_coarse_pointer, has_focus};
use crate::app::drafts::{self, Draft};
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
    label: Memo<String>,
    /// May the person write here? If not, nothing is sent, and what was typed stays in sight.
    is_writable: Memo<bool>,
    /// The box, for whoever puts a text back into it.
    text_box: NodeRef<Textarea>,
    /// What stands in it, as it is kept.
    draft: StoredValue<Draft>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let first = expect_context::<FirstPage>();
    let refused = first.form();
    let error = RwSignal::new(Some(refused.error).filter(|error| !error.is_empty()));
    // Shown where the person may not write: there is something in it, or they are about to type.
    let is_in_use = RwSignal::new(!refused.text.is_empty());
    Effect::new(move |_| {
        if !is_writable.get()
            && let Some(area) = text_box.get()
        {
            is_in_use.set(!area.value().is_empty() || has_focus(&area));
        }
    });
    let action = format!("/r/{room}");
    // What stands in the box already was typed before the page was alive, or was refused.
    let restore = move |text: Option<String>| {
        if let (Some(area), Some(text)) = (text_box.get_untracked(), text)
            && area.value().is_empty()
        {
            area.set_value(&text);
            is_in_use.set(true);
        }
    };
    Effect::new(move |_| {
        // Whoever comes back to this tab may have closed the one where they typed.
        let is_shown = chat.is_shown.get();
        let Some(area) = text_box.get() else { return };
        if !area.value().is_empty() {
            // Typed before the page was alive: from here on it is kept.
            draft.update_value(|draft| draft.keep(&area.value()));
            return;
        }
        if !is_shown {
            return;
        }
        if let Some(text) = draft.try_update_value(Draft::find).flatten() {
            return restore(Some(text));
        }
        spawn_local(async move {
            let Some(adopting) = draft.try_get_value().map(Draft::adopt) else {
                return;
            };
            if let Some((adopted, text)) = adopting.await {
                let is_free = text_box
                    .try_get_untracked()
                    .flatten()
                    .is_some_and(|area| area.value().is_empty());
                if is_free {
                    draft.set_value(adopted);
                    restore(Some(text));
                }
            }
        });
    });
    drafts::on_gone(draft, move |gone| {
        if let Some(area) = text_box.get_untracked()
            && area.value() == gone
        {
            area.set_value("");
            let _ = draft.try_update_value(Draft::let_go);
        }
    });
    let on_input = move |_| {
        error.set(None);
        if let Some(area) = text_box.get_untracked() {
            draft.update_value(|draft| draft.keep(&area.value()));
        }
    };
    let send = move || {
        let Some(area) = text_box.get_untracked() else {
            return;
        };
        match MessageText::parse(&area.value()) {
            // The room says beside the box why it is not sent.
            Ok(_) if !is_writable.get_untracked() => {}
            Ok(text) => {
                let (room, typed) = (room.clone(), area.value());
                let sent = draft.try_update_value(Draft::let_go);
                area.set_value("");
                error.set(None);
                spawn_local(async move {
                    chat.send(&room, text.as_str().to_owned()).await;
                    // Until then the draft is what would survive a crash.
                    if let Some(sent) = sent {
                        sent.forget(&typed);
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
        <form
            class="composer"
            method="post"
            action=action
            hidden=move || !is_writable.get() && !is_in_use.get()
            on:submit=on_submit
        >
            <PageOf />
            {move || error.get().map(|error| view! { <p class="form-error" role="alert">{error}</p> })}
            <div class="box">
                <input type="hidden" name="ulid" value=first.with(|page| page.form_ulid.clone()) />
                // No autocomplete="off": with it a browser forgets what was written when one goes back.
                <textarea
                    name="text"
                    rows="1"
                    dir="auto"
                    aria-label=move || label.get()
                    placeholder=move || label.get()
                    node_ref=text_box
                    on:keydown=on_keydown
                    on:input=on_input
                >
                    {refused.text}
                </textarea>
                <button type="submit" class="primary send" disabled=move || !is_writable.get()>
                    <SendIcon />
                    {words::SEND}
                </button>
            </div>
            <p class="hint without-scripts">{words::MESSAGE_LIMIT}</p>
        </form>
    }
}
