//! A hidden field in every form of a signed-in page: the person that the page was made for. The server
//! refuses the form when somebody else is signed in by the time it is sent.

use leptos::prelude::*;

use crate::app::state::Chat;

/// The field's name in a form, and in the body of a server function.
pub const PAGE_OF: &str = "page_of";

/// The field. The server refuses a form without it.
#[component]
pub(in super::super) fn PageOf() -> impl IntoView {
    let me = expect_context::<Chat>().me.with_value(|me| me.uid.clone());
    view! { <input type="hidden" name=PAGE_OF value=me /> }
}
