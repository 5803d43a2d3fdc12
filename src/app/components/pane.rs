//! The frame of a page beside the sidebar.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::first_page::FirstPage;
use crate::app::icons::BackIcon;
use crate::app::words;

/// A heading, the way back on narrow screens, and what the page has to say of what was done.
#[component]
pub(in super::super) fn Pane(
    /// The heading.
    #[prop(into)]
    title: String,
    /// Where the way back leads.
    #[prop(default = "/".to_owned(), into)]
    back: String,
    /// What stands below.
    children: Children,
) -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let notice = words::notice(first.with(|page| page.notice()));
    view! {
        <Title text=title.clone() />
        <main class="plain">
            <a class="icon-button back" href=back rel="external" aria-label=words::BACK>
                <BackIcon />
            </a>
            <h1>{title}</h1>
            {notice.map(|notice| view! { <p class="done" role="status">{notice}</p> })}
            {children()}
        </main>
    }
}
