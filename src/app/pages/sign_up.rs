//! /signup.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Field, FormError, NextField, SignInElsewhere};
use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::domain::with_next;
use crate::wire::v1;

/// The page for making an account.
#[component]
pub(in super::super) fn SignUp() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let typed = first.form();
    let page = first.with(|page| v1::Page {
        first_run: page.first_run,
        signup_open: page.signup_open,
        setup_token_needed: page.setup_token_needed,
        invited: page.invited.clone(),
        signup_domains: page.signup_domains.clone(),
        ..v1::Page::default()
    });
    let action = match &page.invited {
        Some(invited) => format!("/invite/{}", invited.token),
        None => "/signup".to_owned(),
    };
    let invited = page.invited.as_ref().map(words::invited);
    let sign_in = with_next("/login", &typed.next);
    view! {
        <Title text=words::CREATE_ACCOUNT />
        <main class="card-page">
            <form class="card" method="post" action=action>
                <span class="mark" aria-hidden="true">"N"</span>
                <h1>{words::CREATE_ACCOUNT}</h1>
                {page.first_run.then(|| view! { <p>{words::FIRST_RUN}</p> })}
                {invited.map(|invited| view! { <p>{invited}</p> })}
                <FormError error=typed.error.clone() />
                <NextField next=typed.next.clone() />
                {if page.signup_open {
                    view! { <SignUpFields
                            typed
                            needs_token=page.setup_token_needed
                            domains=page.signup_domains
                        /> }.into_any()
                } else {
                    view! { <p>{words::SIGN_UP_CLOSED}</p> }.into_any()
                }}
                <SignInElsewhere />
                // Where nobody has an account, there is nothing to sign in to.
                {(!page.first_run)
                    .then(|| {
                        view! {
                            <p class="aside">
                                {words::HAVE_ACCOUNT} " "
                                <a href=sign_in rel="external">
                                    {words::SIGN_IN}
                                </a>
                            </p>
                        }
                    })}
            </form>
        </main>
    }
}

#[component]
fn SignUpFields(typed: v1::FormState, needs_token: bool, domains: Vec<String>) -> impl IntoView {
    view! {
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
        <Field
            label=words::PASSWORD
            name="password"
            kind="password"
            autocomplete="new-password"
            hint=words::PASSWORD_HINT
        />
        {(!domains.is_empty())
            .then(|| {
                view! {
                    <Field
                        label=words::EMAIL
                        name="email"
                        kind="email"
                        autocomplete="email"
                        hint=words::email_hint(&domains)
                        value=typed.email
                    />
                }
            })}
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
    }
}
