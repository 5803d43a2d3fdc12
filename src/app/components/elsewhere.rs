//! The way in through an identity provider.

use leptos::prelude::*;

use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::domain::with_next;

/// A link to the provider, where there is one; with the invitation that led here and the page to go on
/// to, if any.
#[component]
pub(in super::super) fn SignInElsewhere() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let (label, token) = first.with(|page| {
        let token = page.invited.as_ref().map(|invited| invited.token.clone());
        (page.oidc_label.clone(), token)
    });
    let href = match token {
        Some(token) => format!("/login/oidc?invite={token}"),
        None => "/login/oidc".to_owned(),
    };
    let href = with_next(&href, &first.form().next);
    // A link and no form: `form-action` of the page would stop one on its way to another site.
    (!label.is_empty()).then(|| {
        view! {
            <p class="or">{words::OR}</p>
            <a class="button secondary" href=href rel="external">
                {words::sign_in_with(&label)}
            </a>
        }
    })
}
