//! /login, and what came to nothing at /login/oidc.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::{Field, FormError, NextField, SignInElsewhere};
use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::domain::with_next;

/// The page for signing in.
#[component]
pub(in super::super) fn SignIn() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let typed = first.form();
    let notice = words::notice(first.with(|page| page.notice()));
    let can_sign_up = first.with(|page| page.signup_open);
    // Who is signed in comes here when an identity could not be connected.
    if first.with(|page| page.me.is_some()) {
        return view! { <NotConnected error=typed.error /> }.into_any();
    }
    let sign_up = with_next("/signup", &typed.next);
    view! {
        <Title text=words::SIGN_IN />
        <main class="card-page">
            <form class="card" method="post" action="/login">
                <span class="mark" aria-hidden="true">"N"</span>
                <h1>{words::SIGN_IN}</h1>
                {notice.map(|notice| view! { <p class="done" role="status">{notice}</p> })}
                <FormError error=typed.error />
                <NextField next=typed.next />
                <Field
                    label=words::USERNAME
                    name="username"
                    autocomplete="username"
                    value=typed.username
                    autofocus=true
                />
                <Field
                    label=words::PASSWORD
                    name="password"
                    kind="password"
                    autocomplete="current-password"
                />
                <button class="primary">{words::SIGN_IN}</button>
                <SignInElsewhere />
                {can_sign_up
                    .then(|| {
                        view! {
                            <p class="aside">
                                {words::NO_ACCOUNT} " "
                                <a href=sign_up rel="external">
                                    {words::CREATE_ACCOUNT}
                                </a>
                            </p>
                        }
                    })}
            </form>
        </main>
    }
    .into_any()
}

#[component]
fn NotConnected(error: String) -> impl IntoView {
    view! {
        <Title text=words::OTHER_SIGN_IN />
        <main class="card-page">
            <div class="card">
                <h1>{words::OTHER_SIGN_IN}</h1>
                <FormError error />
                <a href="/settings/account" rel="external">
                    {words::BACK_TO_ACCOUNT}
                </a>
            </div>
        </main>
    }
}
