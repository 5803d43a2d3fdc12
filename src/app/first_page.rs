//! The state that the first page was rendered from, on the server and again in the browser.

use codee::binary::ProstCodec;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::wire::v1;

/// What the server gathered for the page; it gives it in context.
#[derive(Debug, Clone)]
pub struct InitialPage(pub v1::Page);

/// The same on both sides: the server writes it into the page, as protobuf, and the browser reads
/// it from there.
#[derive(Clone, Copy)]
pub(super) struct FirstPage(StoredValue<v1::Page>);

impl FirstPage {
    /// To be called once, at the same place on both sides.
    pub(super) fn share() -> (Self, v1::Page) {
        let page = SharedValue::<v1::Page, ProstCodec>::new_with_encoding(|| {
            use_context::<InitialPage>().map_or_else(v1::Page::default, |InitialPage(page)| page)
        })
        .into_inner();
        (Self(StoredValue::new(page.clone())), page)
    }

    /// Reads something of it.
    pub(super) fn with<T>(&self, read: impl FnOnce(&v1::Page) -> T) -> T {
        self.0.with_value(read)
    }

    /// The id of the room that the server found at this address, by id or name. Names are compared by
    /// the server alone: the tables for that are large.
    pub(super) fn room_at(&self, path: &str) -> Option<String> {
        self.with(|page| {
            let shown = page.view.as_ref().and_then(|view| view.room.as_ref());
            let details = page.details.as_ref();
            let room = shown.or(details.and_then(|details| details.room.as_ref()));
            room.filter(|_| page.path == path)
                .map(|room| room.id.clone())
        })
    }

    /// Somebody has gone to another page: what a form had to say is said.
    pub(super) fn forget_form(&self) {
        self.0.update_value(|page| page.form = None);
    }

    /// What a form has to say, on the page that it was rendered into and on no later one.
    pub(super) fn form(&self) -> v1::FormState {
        let here = use_location().pathname.get_untracked();
        self.with(|page| {
            let form = page.form.clone().filter(|_| page.path == here);
            form.unwrap_or_default()
        })
    }
}
