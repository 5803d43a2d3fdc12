//! A form that is one button.

use leptos::prelude::*;

use super::page_of::PageOf;

/// A button that posts fields to an address. It works with scripts off.
#[component]
pub(in super::super) fn Act(
    /// Where to.
    action: String,
    /// What is posted: names and values.
    fields: Vec<(&'static str, String)>,
    /// What the button says.
    label: &'static str,
    /// What it is about, for who cannot see what it stands beside.
    #[prop(optional, into)]
    about: String,
    /// "primary", "secondary" or "danger".
    #[prop(default = "secondary")]
    class: &'static str,
) -> impl IntoView {
    let name = (!about.is_empty()).then(|| format!("{label} {about}"));
    let fields = fields.into_iter().map(|(name, value)| {
        view! { <input type="hidden" name=name value=value /> }
    });
    view! {
        <form method="post" action=action>
            <PageOf />
            {fields.collect_view()}
            <button class=class aria-label=name>
                {label}
            </button>
        </form>
    }
}
