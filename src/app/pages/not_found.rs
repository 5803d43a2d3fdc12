//! An address that is nothing's.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::Pane;
use crate::app::words;

/// Says so, and where to go, to who is not signed in.
#[component]
pub(in super::super) fn NotFound() -> impl IntoView {
    view! {
        <Title text=words::NOT_FOUND />
        <main class="card-page">
            <div class="card">
                <span class="mark" aria-hidden="true">"N"</span>
                <h1>{words::NOT_FOUND}</h1>
                <p>{words::NOT_FOUND_HELP}</p>
                <p>
                    <a href="/" rel="external">
                        {words::GO_HOME}
                    </a>
                </p>
            </div>
        </main>
    }
}

/// The same beside the sidebar.
#[component]
pub(in super::super) fn NothingHere() -> impl IntoView {
    view! {
        <Pane title=words::NOT_FOUND>
            <p>{words::NOT_FOUND_HELP}</p>
            <p>
                <a href="/" rel="external">
                    {words::GO_HOME}
                </a>
            </p>
        </Pane>
    }
}
