//! In a page: local storage for the drafts, session storage for the tab's name, which a reload keeps.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use web_sys::{Storage, StorageEvent};

use super::{DraftKey, PREFIX};
use crate::app::tabs;
use crate::nats::runtime;

/// Where a tab finds its own name.
const TAB: &str = "natter.tab";

/// What a tab's lock is called, before its name.
const LOCK: &str = "natter-drafts-";

/// How often to try for the lock of a tab's name: the page before a reload may hold it a moment longer.
const TRIES: u32 = 5;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

thread_local! {
    static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What stands in the box of one room in this tab.
#[derive(Debug, Clone)]
pub(in super::super) struct Draft {
    uid: String,
    room: String,
    /// Made with its first letter.
    name: Option<String>,
}

impl Draft {
    /// A draft that has not begun.
    pub fn of(uid: &str, room: &str) -> Self {
        // The name of the tab is known before there is something to keep.
        let _ = tab();
        Self {
            uid: uid.into(),
            room: room.into(),
            name: None,
        }
    }

    /// Keeps what stands in the box. Where the browser keeps nothing, it is in the box alone.
    pub fn keep(&mut self, text: &str) {
        let Some(storage) = local() else { return };
        if text.is_empty() {
            if let Some(name) = self.name.take() {
                let _ = storage.remove_item(&self.key(tab(), name).to_string());
            }
            return;
        }
        let name = self.name.get_or_insert_with(tabs::fresh_name).clone();
        let _ = storage.set_item(&self.key(tab(), name).to_string(), text);
    }

    /// What this tab kept before a reload.
    pub fn find(&mut self) -> Option<String> {
        let own = tab();
        let kept = self.kept();
        let of_tab = |wanted| kept.iter().find(move |key| key.tab() == wanted);
        let found = of_tab(Some(own.as_str())).or_else(|| of_tab(None))?;
        self.take(found)
    }

    /// What a tab left that is gone. From here on it is this one's.
    pub async fn adopt(mut self) -> Option<(Self, String)> {
        if self.kept().is_empty() {
            return None;
        }
        let alive = tabs::held().await.unwrap_or_default();
        let own = tab();
        // Only now: another tab may have taken it meanwhile.
        let kept = self.kept();
        let left = kept.iter().find(|key| {
            let tab = key.tab().unwrap_or_default();
            tab != own && !alive.contains(&format!("{LOCK}{tab}"))
        })?;
        let text = self.take(left)?;
        Some((self, text))
    }

    /// Its text goes out: what is typed from here on is another draft.
    pub fn let_go(&mut self) -> Self {
        let sent = self.clone();
        self.name = None;
        sent
    }

    /// This text of it was sent: it is gone in every tab. What somebody typed further stays.
    pub fn forget(&self, text: &str) {
        let Some(storage) = local() else { return };
        for key in self
            .kept()
            .iter()
            .filter(|key| key.name() == self.name.as_deref())
        {
            let key = key.to_string();
            if storage.get_item(&key).ok().flatten().as_deref() == Some(text) {
                let _ = storage.remove_item(&key);
            }
        }
    }

    /// Makes a stored draft this tab's.
    fn take(&mut self, key: &DraftKey) -> Option<String> {
        let storage = local()?;
        let text = storage.get_item(&key.to_string()).ok().flatten()?;
        let name = key.name().map_or_else(tabs::fresh_name, str::to_owned);
        let own = self.key(tab(), name.clone());
        // In this order, so that it is always there.
        if own != *key && storage.set_item(&own.to_string(), &text).is_ok() {
            let _ = storage.remove_item(&key.to_string());
        }
        self.name = Some(name);
        Some(text)
    }

    fn key(&self, tab: String, name: String) -> DraftKey {
        DraftKey {
            uid: self.uid.clone(),
            room: self.room.clone(),
            place: Some((tab, name)),
        }
    }

    /// The drafts of this room in all tabs.
    fn kept(&self) -> Vec<DraftKey> {
        let all = all_of(&self.uid).into_iter();
        all.filter(|key| key.room == self.room).collect()
    }

    /// The text that another tab has sent, if it is this draft's.
    fn text_gone(&self, event: &StorageEvent) -> Option<String> {
        let key = DraftKey::parse(&event.key()?)?;
        let is_it =
            key.uid == self.uid && key.room == self.room && key.name() == self.name.as_deref();
        let has_name = self.name.is_some();
        let is_kept = || self.kept().iter().any(|kept| kept.name() == key.name());
        let is_gone = has_name && is_it && event.new_value().is_none() && !is_kept();
        event.old_value().filter(|_| is_gone)
    }
}

/// Calls `act` with the text of this draft when another tab has sent it. For as long as the owner
/// lives.
pub(in super::super) fn on_gone(draft: StoredValue<Draft>, act: impl Fn(String) + 'static) {
    let handle = window_event_listener_untyped("storage", move |event| {
        let Some(event) = event.dyn_ref::<StorageEvent>() else {
            return;
        };
        let gone = draft.try_with_value(|draft| draft.text_gone(event));
        if let Some(text) = gone.flatten() {
            act(text);
        }
    });
    on_cleanup(move || handle.remove());
}

/// The number of rooms in which this person has a draft.
pub(in super::super) fn count(uid: &str) -> usize {
    let rooms = all_of(uid).into_iter().map(|key| key.room);
    rooms.collect::<BTreeSet<_>>().len()
}

/// Deletes this person's drafts at sign-out, so that the next person at this browser cannot read them.
pub(in super::super) fn forget_all_of(uid: &str) {
    let Some(storage) = local() else { return };
    for key in all_of(uid) {
        let _ = storage.remove_item(&key.to_string());
    }
}

fn all_of(uid: &str) -> Vec<DraftKey> {
    let Some(storage) = local() else {
        return Vec::new();
    };
    let own = format!("{PREFIX}{uid}.");
    let length = storage.length().unwrap_or_default();
    let keys = (0..length).filter_map(|at| storage.key(at).ok().flatten());
    let own = keys.filter(|key| key.starts_with(&own));
    own.filter_map(|key| DraftKey::parse(&key)).collect()
}

fn local() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn session() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// The name of this tab.
fn tab() -> String {
    if let Some(name) = NAME.with_borrow(Clone::clone) {
        return name;
    }
    let before = session().and_then(|storage| storage.get_item(TAB).ok().flatten());
    let name = before.unwrap_or_else(tabs::fresh_name);
    set_tab(&name);
    spawn_local(claim(name.clone()));
    name
}

fn set_tab(name: &str) {
    NAME.set(Some(name.to_owned()));
    if let Some(storage) = session() {
        let _ = storage.set_item(TAB, name);
    }
}

/// Holds the lock of this tab. A duplicated tab begins with the name of the other one, which holds
/// the lock, and takes a name of its own.
async fn claim(name: String) {
    for _ in 0..TRIES {
        if tabs::hold(&format!("{LOCK}{name}")).await != Some(false) {
            return;
        }
        runtime::sleep(PAUSE).await;
    }
    let name = tabs::fresh_name();
    set_tab(&name);
    let _ = tabs::hold(&format!("{LOCK}{name}")).await;
}
