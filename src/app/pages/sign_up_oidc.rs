//! /signup/oidc: who comes from an identity provider for the first time says what they want to be
//! called.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Field, FormError};
use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::domain::with_next;

/// The page.
#[component]
pub(in super::super) fn SignUpOidc() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let typed = first.form();
    let proven_as = first.with(|page| words::proven_as(&page.oidc_label, &page.proven_as));
    let first_run = first.with(|page| page.first_run);
    let needs_token = first.with(|page| page.setup_token_needed);
    let sign_in = with_next("/login", &typed.next);
    view! {
        <Title text=words::CREATE_ACCOUNT />
        <main class="card-page">
            <form class="card" method="post" action="/signup/oidc">
                <span class="mark" aria-hidden="true">"N"</span>
                <h1>{words::CREATE_ACCOUNT}</h1>
                {first_run.then(|| view! { <p>{words::FIRST_RUN}</p> })}
                <p class="proven">{proven_as}</p>
                <FormError error=typed.error />
                <Field
                    label=words::USERNAME
                    name="username"
                    autocomplete="username"
                    hint=words::USERNAME_HINT
                    value=typed.username
                    autofocus=true
                />
                <Field
                    label=words::DISPLAY_NAME
                    name="display_name"
                    autocomplete="name"
                    hint=words::DISPLAY_NAME_HINT
                    value=typed.display_name
                    required=false
                />
                {needs_token
                    .then(|| {
                        view! {
                            <Field
                                label=words::SETUP_TOKEN
                                name="setup_token"
                                hint=words::SETUP_TOKEN_HINT
                            />
                        }
                    })}
                <button class="primary">{words::CREATE_ACCOUNT}</button>
                {(!first_run)
                    .then(|| {
                        view! {
                            <p class="aside">
                                {words::HAVE_ACCOUNT} " "
                                <a href=sign_in rel="external">
                                    {words::SIGN_IN}
                                </a> " " {words::CONNECT_INSTEAD}
                            </p>
                        }
                    })}
            </form>
        </main>
    }
}
