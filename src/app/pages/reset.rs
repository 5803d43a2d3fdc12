//! /reset/<token>: a new password, by a link that an administrator gave.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Field, FormError};
use crate::app::first_page::FirstPage;
use crate::app::words;

/// The page.
#[component]
pub(in super::super) fn Reset() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let error = first.form().error;
    let link = first.with(|page| page.invited.clone());
    view! {
        <Title text=words::NEW_PASSWORD />
        <main class="card-page">
            {match link {
                Some(link) => {
                    let action = format!("/reset/{}", link.token);
                    view! {
                        <form class="card" method="post" action=action>
                            <span class="mark" aria-hidden="true">
                                "N"
                            </span>
                            <h1>{words::NEW_PASSWORD}</h1>
                            <p>{words::new_password_for(&link.uid)}</p>
                            <FormError error />
                            <input
                                type="text"
                                name="username"
                                autocomplete="username"
                                value=link.uid
                                hidden
                                readonly
                            />
                            <Field
                                label=words::NEW_PASSWORD
                                name="password"
                                kind="password"
                                autocomplete="new-password"
                                hint=words::PASSWORD_HINT
                                autofocus=true
                            />
                            <button class="primary">{words::SAVE}</button>
                        </form>
                    }
                        .into_any()
                }
                None => {
                    view! {
                        <div class="card">
                            <h1>{words::NEW_PASSWORD}</h1>
                            <FormError error />
                            <a href="/login" rel="external">
                                {words::SIGN_IN}
                            </a>
                        </div>
                    }
                        .into_any()
                }
            }}
        </main>
    }
}
