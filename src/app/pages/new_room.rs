//! /rooms/new.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Field, FormError, PageOf};
use crate::app::first_page::FirstPage;
use crate::app::icons::BackIcon;
use crate::app::words;
use crate::wire::v1::RoomKind;

/// The page for making a room.
#[component]
pub(in super::super) fn NewRoom() -> impl IntoView {
    let typed = expect_context::<FirstPage>().form();
    let is_closed = typed.room_kind() == RoomKind::Closed;
    view! {
        <Title text=words::NEW_ROOM />
        <main class="plain">
            <a class="icon-button back" href="/" aria-label=words::BACK_TO_ROOMS>
                <BackIcon />
            </a>
            <h1>{words::NEW_ROOM}</h1>
            <form method="post" action="/rooms/new">
                <PageOf />
                <FormError error=typed.error />
                <Field
                    label=words::ROOM_NAME
                    name="name"
                    hint=words::ROOM_NAME_HINT
                    value=typed.room_name
                    autofocus=true
                />
                <Field
                    label=words::TOPIC
                    name="topic"
                    hint=words::TOPIC_HINT
                    value=typed.topic
                    required=false
                />
                <fieldset>
                    <legend>{words::WHO_CAN_READ}</legend>
                    <label class="check">
                        <input type="radio" name="kind" value="open" checked=!is_closed />
                        {words::OPEN_ROOM}
                    </label>
                    <label class="check">
                        <input type="radio" name="kind" value="closed" checked=is_closed />
                        {words::CLOSED_ROOM}
                    </label>
                </fieldset>
                <button class="primary">{words::CREATE_ROOM}</button>
            </form>
        </main>
    }
}
