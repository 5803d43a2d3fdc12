//! Asks for the people whose names are not known yet: one request at a time, and the next one a second
//! later, with all who came up meanwhile.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::select;

use super::ChatClient;
use super::chat::lock;
use crate::domain::limits;
use crate::nats::runtime;
use crate::wire::v1;

/// Between two requests.
const PAUSE: Duration = Duration::from_secs(1);

/// A wake comes before.
const NOBODY: Duration = Duration::from_secs(3_600);

/// Somebody comes up whose name may not be known.
pub(super) fn meet<'a>(chat: &ChatClient, uids: impl IntoIterator<Item = &'a str>) {
    let mut strangers = chat.read(|model| model.strangers(uids));
    if !strangers.is_empty() {
        lock(&chat.inner.strangers).append(&mut strangers);
        chat.wake_meeting();
    }
}

pub(super) async fn run(chat: ChatClient, mut woken: mpsc::Receiver<()>) {
    loop {
        let uids = next(&chat);
        if uids.is_empty() {
            select(woken.next(), pin!(runtime::sleep(NOBODY))).await;
            continue;
        }
        ask(&chat, uids).await;
        runtime::sleep(PAUSE).await;
    }
}

/// As many as one request may name; the rest has the next turn.
fn next(chat: &ChatClient) -> Vec<String> {
    let mut wanted = lock(&chat.inner.strangers);
    let uids: Vec<_> = wanted.iter().take(limits::PEOPLE_ASKED).cloned().collect();
    wanted.retain(|uid| !uids.contains(uid));
    drop(wanted);
    // They may have become known meanwhile.
    let unknown = chat.read(|model| model.strangers(uids.iter().map(String::as_str)));
    unknown.into_iter().collect()
}

async fn ask(chat: &ChatClient, uids: Vec<String>) {
    let mut asked = v1::PeopleRequest {
        uids,
        after: String::new(),
    };
    // What is not answered is asked again when they come up again.
    while let Ok(answer) = chat.ask::<_, v1::PeopleResponse>("people", &asked).await {
        chat.update(|model| model.meet(&answer.people));
        // Each part has later usernames than the one before, so this ends.
        if answer.more <= asked.after {
            return;
        }
        asked.after = answer.more;
        runtime::sleep(PAUSE).await;
    }
}
