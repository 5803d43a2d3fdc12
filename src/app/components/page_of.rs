//! Whose page it is: a field of every form of somebody who is signed in, so that what a page does is
//! done by the person it was made for, or not at all.

use leptos::prelude::*;

use crate::app::state::Chat;

/// The field's name in a form, and in the body of a server function.
pub const PAGE_OF: &str = "page_of";

/// The field. A form that it is missing from is refused by the server.
#[component]
pub(in super::super) fn PageOf() -> impl IntoView {
    let me = expect_context::<Chat>().me.with_value(|me| me.uid.clone());
    view! { <input type="hidden" name=PAGE_OF value=me /> }
}
