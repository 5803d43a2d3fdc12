//! Signing out. The browser may keep unsent messages and drafts of the person, which the next person at
//! this browser must not be able to read. So the person is asked what to do with them, and then they are
//! deleted. With scripts off nothing is kept, and nothing is asked.

use std::time::Duration;

use leptos::ev::SubmitEvent;
use leptos::html::Form;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::page_of::PageOf;
use crate::app::drafts;
use crate::app::state::{Chat, count_unsent, forget_unsent};
use crate::app::words;
use crate::domain::PostState;
use crate::nats::runtime;

/// How often to count unsent messages again before asking about them: a message that the server has
/// accepted is deleted from the browser's store a moment later.
const LOOKS: usize = 10;

/// Between two counts.
const PAUSE: Duration = Duration::from_millis(200);

/// How far the sign-out has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It has not begun.
    Staying,
    /// The person is asked what to do with unsent messages and drafts.
    Asked,
    /// The person is signed out once their messages are sent.
    Sending,
}

/// The button, and the question that it may lead to.
#[component]
pub(in super::super) fn SignOut() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let form = NodeRef::<Form>::new();
    let step = RwSignal::new(Step::Staying);
    let in_drafts = RwSignal::new(0);
    // The larger of the counts in this tab and in the store that all tabs share.
    let kept = RwSignal::new(0);
    let unsent = Memo::new(move |_| {
        let here = chat.outbox.with(|outbox| outbox.posts().len());
        here.max(kept.get())
    });
    let on_its_way = Memo::new(move |_| {
        chat.outbox.with(|outbox| {
            let posts = outbox.posts().iter();
            let refused = posts.filter(|post| matches!(post.state, PostState::Refused { .. }));
            outbox.posts().len() - refused.count()
        })
    });
    let leave = move || {
        let Some(form) = form.get_untracked() else {
            return;
        };
        // A client that goes on would store its unsent messages again.
        chat.end();
        let me = chat.me.with_value(|me| me.uid.clone());
        drafts::forget_all_of(&me);
        spawn_local(async move {
            forget_unsent(&me).await;
            // If the browser refuses, the button can be pressed again.
            let _ = form.submit();
        });
    };
    let count = move || async move {
        let me = chat.me.with_value(|me| me.uid.clone());
        kept.set(count_unsent(&me).await);
        unsent.get_untracked()
    };
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        in_drafts.set(chat.me.with_value(|me| drafts::count(&me.uid)));
        spawn_local(async move {
            match count().await + in_drafts.get_untracked() {
                0 => leave(),
                _ => step.set(Step::Asked),
            }
        });
    };
    Effect::new(move |_| {
        if step.get() == Step::Sending && on_its_way.get() == 0 {
            spawn_local(async move {
                let mut left = count().await;
                for _ in 0..LOOKS {
                    if left > 0 {
                        runtime::sleep(PAUSE).await;
                        left = count().await;
                    }
                }
                match left {
                    // The person has chosen to stay signed in.
                    _ if step.get_untracked() != Step::Sending => {}
                    0 => leave(),
                    // These were refused, or belong to another tab.
                    _ => step.set(Step::Asked),
                }
            });
        }
    });
    view! {
        <form method="post" action="/logout" node_ref=form on:submit=on_submit>
            <PageOf />
            <Show when=move || { unsent.get() > 0 }>
                <p role="alert">{move || words::unsent(unsent.get())}</p>
            </Show>
            <Show when=move || { in_drafts.get() > 0 }>
                <p role="alert">{move || words::drafts(in_drafts.get())}</p>
            </Show>
            {move || match step.get() {
                Step::Staying => {
                    view! { <button class="secondary">{words::SIGN_OUT}</button> }.into_any()
                }
                Step::Asked => {
                    view! {
                        <div class="acts">
                            <Show when=move || { on_its_way.get() > 0 }>
                                <button
                                    type="button"
                                    class="primary"
                                    on:click=move |_| step.set(Step::Sending)
                                >
                                    {words::SEND_AND_SIGN_OUT}
                                </button>
                            </Show>
                            <button type="button" class="danger" on:click=move |_| leave()>
                                {words::DISCARD_AND_SIGN_OUT}
                            </button>
                            <Stay step in_drafts kept />
                        </div>
                    }
                        .into_any()
                }
                Step::Sending => {
                    view! {
                        <p role="status">{words::SIGNING_OUT_WHEN_SENT}</p>
                        <div class="acts">
                            <Stay step in_drafts kept />
                        </div>
                    }
                        .into_any()
                }
            }}
        </form>
    }
}

#[component]
fn Stay(step: RwSignal<Step>, in_drafts: RwSignal<usize>, kept: RwSignal<usize>) -> impl IntoView {
    let stay = move |_| {
        in_drafts.set(0);
        kept.set(0);
        step.set(Step::Staying);
    };
    view! {
        <button type="button" class="secondary" on:click=stay>
            {words::STAY_SIGNED_IN}
        </button>
    }
}
