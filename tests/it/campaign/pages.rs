//! People with real pages, in Chromium. `pages.mjs` has them open; it is told what to do a line at a
//! time, and answers a line at a time.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use natter::domain::RoomId;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::Sent;
use crate::headless::text_of;

/// A browser that answers nothing for so long is broken.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Somebody's username and session, and the way that they take to natter.
pub type Reader = ((String, String), SocketAddr);

/// The pages, all in the same room.
pub struct Pages {
    room: RoomId,
    /// Who has each page, and how much they have sent.
    people: Vec<(String, u64)>,
    browser: Option<Browser>,
}

struct Browser {
    child: Child,
    say: mpsc::Sender<String>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Pages {
    pub async fn open(readers: Vec<Reader>, room: RoomId) -> Self {
        let people = readers
            .iter()
            .map(|((uid, _), _)| (uid.clone(), 0))
            .collect();
        let browser = match readers.as_slice() {
            [] => None,
            readers => Some(Browser::open(readers, &room).await),
        };
        Self {
            room,
            people,
            browser,
        }
    }

    pub fn room(&self) -> RoomId {
        self.room.clone()
    }

    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// How many each has sent.
    pub fn sent(&self) -> impl Iterator<Item = (String, u64)> {
        self.people.clone().into_iter()
    }

    /// Types a message, when the browser is not still at the ones before.
    pub fn say(&mut self, page: usize) -> Option<(String, u64)> {
        let (uid, sent) = self.people.get_mut(page)?;
        let line = json!({ "say": text_of(uid, *sent + 1), "page": page });
        let browser = self.browser.as_ref()?;
        browser.say.try_send(line.to_string()).ok()?;
        *sent += 1;
        Some((uid.clone(), *sent))
    }

    /// The messages that a page shows, oldest first.
    pub async fn shown(&mut self, page: usize) -> Vec<String> {
        let Some(browser) = &mut self.browser else {
            return Vec::new();
        };
        let answer = browser.ask(&json!({ "shown": page })).await;
        let texts = answer["shown"].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Does every page show all of this, with nothing on its way?
    pub async fn are_settled(&mut self, wanted: &Sent) -> bool {
        let wanted = wanted.iter().filter(|((room, _), _)| *room == self.room);
        let wanted: Vec<_> = wanted
            .map(|((_, author), number)| text_of(author, *number))
            .collect();
        for page in 0..self.count() {
            let shown = self.shown(page).await;
            if !wanted.iter().all(|text| shown.contains(text)) {
                return false;
            }
        }
        true
    }

    pub async fn close(&mut self) {
        if let Some(mut browser) = self.browser.take() {
            drop(browser.say);
            let _ = tokio::time::timeout(ANSWERED_WITHIN, browser.child.wait()).await;
        }
    }
}

impl Browser {
    async fn open(readers: &[Reader], room: &RoomId) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/campaign/pages.mjs");
        let pages: Vec<_> = readers
            .iter()
            .map(|((_, cookie), way)| {
                json!({ "cookie": cookie, "url": format!("http://{way}/r/{room}") })
            })
            .collect();
        let mut child = Command::new("node")
            .arg(script)
            .arg(Value::Array(pages).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs the pages");
        let (say, lines) = mpsc::channel(16);
        tokio::spawn(hand_on(lines, child.stdin.take().unwrap()));
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut browser = Self {
            child,
            say,
            answers,
        };
        assert_eq!(browser.answer().await, json!({ "open": readers.len() }));
        browser
    }

    async fn ask(&mut self, question: &Value) -> Value {
        self.say.send(question.to_string()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Value {
        let line = tokio::time::timeout(ANSWERED_WITHIN, self.answers.next_line()).await;
        let line = line.expect("the browser answers").unwrap();
        serde_json::from_str(&line.expect("the browser is there")).unwrap()
    }
}

async fn hand_on(mut lines: mpsc::Receiver<String>, mut to: ChildStdin) {
    while let Some(line) = lines.recv().await {
        if to.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
