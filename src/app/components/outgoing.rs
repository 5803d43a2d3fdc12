//! What the person sent and the log does not have yet.

use leptos::prelude::*;

use super::avatar::Avatar;
use super::message::{author_name, author_picture};
use super::names::AuthorName;
use crate::app::state::Chat;
use crate::app::words;
use crate::domain::{Key, Post, PostState, RoomId};

/// The posts of one room, after its log.
#[component]
pub(super) fn Outgoing(
    /// The room.
    room: RoomId,
    /// May the person write here?
    is_writable: Memo<bool>,
    /// Takes the text of a refused message to be changed, where the person may write.
    on_edit: Callback<String>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let posts = Memo::new(move |_| {
        chat.outbox.with(|outbox| {
            let here = outbox.posts().iter().filter(|post| post.room == room);
            here.cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <For each=move || posts.get() key=|post| post.key.clone() let:post>
            <OutgoingPost post posts is_writable on_edit />
        </For>
    }
}

#[component]
fn OutgoingPost(
    post: Post,
    posts: Memo<Vec<Post>>,
    is_writable: Memo<bool>,
    on_edit: Callback<String>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let key = post.key.clone();
    let now =
        Memo::new(move |_| posts.with(|posts| posts.iter().find(|post| post.key == key).cloned()));
    let state = Memo::new(move |_| now.with(|post| post.as_ref().map(|post| post.state.clone())));
    let trouble = Memo::new(move |_| now.with(|post| post.as_ref()?.trouble.clone()));
    let is_on_its_way = move || {
        matches!(
            state.get(),
            Some(PostState::Waiting { .. } | PostState::InFlight)
        )
    };
    let refusal = move || match state.get() {
        Some(PostState::Refused { reason }) => Some(reason),
        _ => None,
    };
    let uid = post.key.author.to_string();
    let name = author_name(post.key.author.clone());
    let picture = author_picture(post.key.author.clone());
    let author = post.key.author.clone();
    let key = post.key;
    view! {
        <article class="message outgoing" class:on-its-way=is_on_its_way>
            <Avatar uid name picture />
            <div class="said">
                <p class="by">
                    <AuthorName author />
                </p>
                <p class="text" dir="auto">{post.text}</p>
                <Show when=is_on_its_way>
                    <p class="sending">
                        {move || match chat.other_user().is_some() {
                            true => words::KEPT_HERE,
                            false => words::SENDING,
                        }} {move || trouble.get().map(|reason| format!(" {reason}"))}
                    </p>
                </Show>
                {move || {
                    let key = key.clone();
                    refusal().map(|reason| view! { <Refusal post=key reason is_writable on_edit /> })
                }}
            </div>
        </article>
    }
}

#[component]
fn Refusal(
    post: Key,
    reason: String,
    is_writable: Memo<bool>,
    on_edit: Callback<String>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let (again, edited) = (post.clone(), post.clone());
    let edit = move |_| {
        if let Some(text) = chat.discard(&edited) {
            on_edit.run(text);
        }
    };
    view! {
        <div class="refusal" role="alert">
            <p>{format!("{} {reason}", words::NOT_SENT)}</p>
            <button type="button" on:click=move |_| chat.retry(&again)>
                {words::TRY_AGAIN}
            </button>
            <Show when=move || is_writable.get()>
                <button type="button" on:click=edit.clone()>
                    {words::EDIT}
                </button>
            </Show>
            <button type="button" on:click=move |_| drop(chat.discard(&post))>
                {words::DISCARD}
            </button>
        </div>
    }
}
