//! /people: everybody, to talk to.

use leptos::prelude::*;

use crate::app::components::{Act, Field, FormError, PageOf, Pane, PersonLine};
use crate::app::first_page::FirstPage;
use crate::app::state::Chat;
use crate::app::words;

/// The page.
#[component]
pub(in super::super) fn People() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let first = expect_context::<FirstPage>();
    let typed = first.form();
    let me = chat.me.with_value(|me| me.uid.clone());
    let people = first.with(|page| page.everybody.clone());
    let others = people.into_iter().filter(move |person| person.uid != me);
    let lines = others.map(|person| {
        let fields = vec![("uids", person.uid.clone())];
        let about = person.display_name.clone();
        view! {
            <PersonLine person>
                <Act action="/people".into() fields label=words::MESSAGE about />
            </PersonLine>
        }
    });
    view! {
        <Pane title=words::PEOPLE>
            <FormError error=typed.error />
            <ul class="lines">{lines.collect_view()}</ul>
            <h2>{words::NEW_GROUP}</h2>
            <form method="post" action="/people">
                <PageOf />
                <Field
                    label=words::USERNAMES
                    name="uids"
                    hint=words::NEW_GROUP_HINT
                    value=typed.uids
                />
                <button class="secondary">{words::BEGIN_GROUP}</button>
            </form>
        </Pane>
    }
}
