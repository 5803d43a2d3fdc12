//! The surroundings of a client in a page: its signals, the session asked over HTTP, the browser's
//! clock, and where unsent posts are kept.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::Chat;
use super::posts::{self, Posts};
use crate::app::words;
use crate::client::{
    Change, ChatClient, Farewell, KeptPost, Model, RoomState, SessionAnswer, Shell,
};
use crate::domain::{Key, RoomId, Timestamp, Username, with_next};
use crate::nats::ConnectOptions;
use crate::nats::runtime::{self, BoxFuture};

/// How long the browser may take to count or delete stored posts.
const PATIENCE: Duration = Duration::from_secs(1);

struct Page {
    chat: Chat,
    posts: Posts,
}

/// The number of this person's unsent posts in all tabs; 0 if the browser does not answer.
pub(in super::super) async fn count_unsent(uid: &str) -> usize {
    let counted = pin!(posts::count_all_of(uid));
    match select(counted, pin!(runtime::sleep(PATIENCE))).await {
        Either::Left((count, _)) => count,
        Either::Right(_) => 0,
    }
}

/// Deletes this person’s unsent posts at sign-out, so that the next person cannot read them.
pub(in super::super) async fn forget_unsent(uid: &str) {
    select(
        pin!(posts::forget_all_of(uid)),
        pin!(runtime::sleep(PATIENCE)),
    )
    .await;
}

/// Begins the client of a page.
pub(super) fn start(chat: Chat, first: Model) -> Option<ChatClient> {
    let posts = Posts::of(&first.me().uid);
    let options = ConnectOptions {
        servers: vec![address()?.parse().ok()?],
        name: "natter page".into(),
        ..ConnectOptions::default()
    };
    let client = ChatClient::start(first, options, Arc::new(Page { chat, posts }))?;
    let looked_at = client.clone();
    chat.is_shown.set(!document().hidden());
    // For as long as there is a page.
    let _ = window_event_listener_untyped("visibilitychange", move |_| {
        let is_shown = !document().hidden();
        if is_shown {
            looked_at.look();
        }
        chat.is_shown.set(is_shown);
    });
    attend(chat);
    Some(client)
}

/// Follows whether somebody uses the page.
fn attend(chat: Chat) {
    let look = move || {
        let has_focus = document().has_focus().unwrap_or(true);
        chat.is_attended.set(has_focus && !document().hidden());
    };
    look();
    for event in ["focus", "blur", "visibilitychange"] {
        let _ = window_event_listener_untyped(event, move |_| look());
    }
    for event in ["keydown", "pointerdown", "wheel"] {
        let _ = window_event_listener_untyped(event, move |_| {
            chat.inputs.update(|inputs| *inputs += 1);
        });
    }
}

impl Page {
    /// Shows what has changed.
    fn show(&self, model: &Model, change: &Change) {
        match change {
            Change::Rooms => self.chat.rooms.set(model.rooms().to_vec()),
            Change::Invitations => self.chat.invitations.set(model.invitations()),
            Change::Unread => self.chat.unread.set(model.all_unread()),
            Change::People => self.chat.people.set(model.people().clone()),
            Change::Room(room) => self.show_room(room, model.logs().get(room)),
            Change::Outbox => self.chat.outbox.set(model.outbox().clone()),
            Change::Connection => {
                self.chat.connection.set(model.connection());
                self.chat.broker.set(model.broker().cloned());
            }
            Change::Removed { room, by } => {
                let name = self.chat.title_of(room, &[]);
                let told = words::removed_from(&name, &self.name_of(by));
                self.chat.notice.set(Some(told));
            }
            Change::Invited { room, by } => {
                let told = words::asked_into(&words::title_outside(room), &self.name_of(by));
                self.chat.notice.set(Some(told));
            }
            Change::Outdated | Change::SignedOut(_) => {}
        }
    }

    fn name_of(&self, uid: &str) -> String {
        // Said once, whatever the person is called later.
        untrack(|| {
            Username::parse(uid).map_or_else(|_| uid.to_owned(), |uid| self.chat.called(&uid))
        })
    }

    fn show_room(&self, room: &RoomId, state: Option<&RoomState>) {
        let Some(state) = state.cloned() else { return };
        let shown = self
            .chat
            .logs
            .with_untracked(|logs| logs.get(room).cloned());
        match shown {
            Some(shown) => shown.set(state),
            None => self.chat.logs.update(|logs| {
                logs.insert(room.clone(), ArcRwSignal::new(state));
            }),
        }
    }
}

impl Shell for Page {
    fn changed(&self, client: &ChatClient, change: Change) {
        match change {
            // What is in the outbox is kept. Where the browser refuses, the next look asks again.
            Change::Outdated => drop(window().location().reload()),
            Change::SignedOut(why) => leave(why),
            change => client.read(|model| self.show(model, &change)),
        }
    }

    fn now(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation)]
        Timestamp(js_sys::Date::now() as i64)
    }

    fn session(&self) -> BoxFuture<SessionAnswer> {
        let me = Username::parse(&self.chat.me.with_value(|me| me.uid.clone()));
        Box::pin(async move {
            match me {
                Ok(me) => ask_session(me).await.unwrap_or(SessionAnswer::GoOn),
                Err(_) => SessionAnswer::GoOn,
            }
        })
    }

    fn is_offline(&self) -> bool {
        !window().navigator().on_line()
    }

    fn keep(&self, post: KeptPost) -> BoxFuture<()> {
        self.posts.keep(post)
    }

    fn forget(&self, key: &Key) {
        self.posts.forget(key.clone());
    }

    fn adopt(&self) -> BoxFuture<Vec<KeptPost>> {
        self.posts.adopt()
    }
}

/// Where the tunnel is: at the page's own host.
fn address() -> Option<String> {
    let location = window().location();
    let scheme = match location.protocol().ok()?.as_str() {
        "https:" => "wss",
        _ => "ws",
    };
    Some(format!("{scheme}://{}/nats", location.host().ok()?))
}

/// What GET /session says; `None` when natter cannot be reached.
async fn ask_session(me: Username) -> Option<SessionAnswer> {
    let response = JsFuture::from(window().fetch_with_str("/session"))
        .await
        .ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    let header = |name| response.headers().get(name).ok().flatten();
    Some(SessionAnswer::of(&me, response.status(), header))
}

/// To where one signs in, which says why, and from there back to this page. What was typed is kept, as a
/// draft or in the outbox.
fn leave(why: Farewell) {
    let why = match why {
        Farewell::Ended => "ended",
        Farewell::Suspended => "suspended",
    };
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    let asked = path + &location.search().unwrap_or_default();
    let address = with_next(&format!("/login?why={why}"), &asked);
    // Where the browser refuses to go, the page stays as it is, and the next question asks again.
    let _ = location.set_href(&address);
}
