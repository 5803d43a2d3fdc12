//! /settings/sessions: where the person is signed in.

use leptos::prelude::*;

use crate::app::components::{Act, FormError, Moment, Pane};
use crate::app::first_page::FirstPage;
use crate::app::words;
use crate::domain::Timestamp;
use crate::wire::v1;

/// The page.
#[component]
pub(in super::super) fn Sessions() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let error = first.form().error;
    let places = first.with(|page| page.places.clone());
    let has_others = places.len() > 1;
    view! {
        <Pane title=words::WHERE_SIGNED_IN back="/settings">
            <p>{words::WHERE_SIGNED_IN_HELP}</p>
            <FormError error />
            <ul class="lines">
                {places.into_iter().map(|place| view! { <Place place /> }).collect_view()}
            </ul>
            {has_others
                .then(|| {
                    view! {
                        <Act
                            action="/settings/sessions".into()
                            fields=vec![("session", "others".to_owned())]
                            label=words::SIGN_OUT_OTHERS
                        />
                    }
                })}
        </Pane>
    }
}

#[component]
fn Place(place: v1::SignedInPlace) -> impl IntoView {
    let browser = words::browser(&place.agent);
    let (name, label) = (browser.clone(), browser.clone());
    let fields = vec![("session", place.id)];
    view! {
        <li class="line" aria-label=label>
            <div class="line-text">
                <b>{browser}</b>
                {place.is_this.then(|| view! { <span class="tag">{words::THIS_BROWSER}</span> })}
                <p class="hint">
                    {place.address} " · " {words::LAST_USED} " "
                    <Moment at=Timestamp(place.used_at_ms) /> " · " {words::SINCE} " "
                    <Moment at=Timestamp(place.began_at_ms) />
                </p>
            </div>
            <div class="line-actions">
                {(!place.is_this)
                    .then(|| {
                        view! {
                            <Act
                                action="/settings/sessions".into()
                                fields
                                label=words::SIGN_OUT
                                about=name
                            />
                        }
                    })}
            </div>
        </li>
    }
}
