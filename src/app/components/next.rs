//! A hidden field in the forms of the ways in: the page that the person asked for.

use leptos::prelude::*;

use crate::domain::NEXT;

/// The field, where something was asked for.
#[component]
pub(in super::super) fn NextField(
    /// The page's path; may be empty.
    next: String,
) -> impl IntoView {
    (!next.is_empty()).then(|| view! { <input type="hidden" name=NEXT value=next /> })
}
