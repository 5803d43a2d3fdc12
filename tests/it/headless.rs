//! A client without a page: the real client of the chat, with a disk that outlives it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use natter::client::{
    Change, ChatClient, ConnectionState, KeptPost, Model, RoomState, Rules, SessionAnswer, Shell,
};
use natter::domain::{Key, LogEntry, RoomId, RoomLog, Timestamp, Username, What};
use natter::nats::ConnectOptions;
use natter::wire::v1;

/// Entries that come in at once, at most: what one `sync` brings.
const AT_ONCE: usize = natter::domain::limits::SYNC_ENTRIES as usize;

/// What survives a client: a browser’s database.
pub type Disk = Arc<Mutex<BTreeMap<Key, KeptPost>>>;

/// What somebody sees of the rooms: of each author in each room, the last of their texts.
pub type Seen = Arc<Mutex<HashMap<RoomId, HashMap<String, u64>>>>;

/// What somebody notices of what goes wrong.
#[derive(Debug, Default)]
struct Notices {
    /// They were told that they are not connected.
    was_told: bool,
    /// The longest that a message was on its way.
    longest_wait: Duration,
}

/// Somebody with a client, which can crash and be begun again.
pub struct Headless {
    pub uid: String,
    pub rooms: Vec<RoomId>,
    pub cookie: String,
    way: SocketAddr,
    rules: Rules,
    disk: Disk,
    pub seen: Seen,
    notices: Arc<Mutex<Notices>>,
    client: ChatClient,
    next: u64,
}

impl Headless {
    /// Begins a client that has `rooms` open and reaches natter by `way`.
    pub fn begin(
        uid: &str,
        cookie: &str,
        way: SocketAddr,
        rooms: Vec<RoomId>,
        rules: Rules,
    ) -> Self {
        let (disk, seen, notices) = (Disk::default(), Seen::default(), Arc::default());
        let client = start(uid, cookie, way, &disk, &seen, &notices, rules);
        let headless = Self {
            uid: uid.into(),
            cookie: cookie.into(),
            way,
            rooms,
            rules,
            disk,
            seen,
            notices,
            client,
            next: 0,
        };
        headless.open_rooms();
        headless
    }

    fn open_rooms(&self) {
        for room in &self.rooms {
            self.client.load(room);
        }
    }

    /// Ends at once, as a browser that crashes does, and begins anew with what is on its disk.
    pub fn crash(&mut self) {
        self.client.close();
        self.client = start(
            &self.uid,
            &self.cookie,
            self.way,
            &self.disk,
            &self.seen,
            &self.notices,
            self.rules,
        );
        self.open_rooms();
    }

    /// The machine woke up: somebody looks.
    pub fn wake(&self) {
        self.client.connection().probe();
        self.client.connection().retry_now();
        self.client.look();
    }

    /// Sends the next message, whose text is like no other.
    pub async fn say(&mut self, room: &RoomId) {
        self.next += 1;
        let text = text_of(&self.uid, self.next);
        self.client.send(room, text).await;
    }

    /// Was it ever told that it is not connected?
    pub fn was_told(&self) -> bool {
        self.notices.lock().unwrap().was_told
    }

    /// The longest that a message was on its way.
    pub fn longest_wait(&self) -> Duration {
        self.notices.lock().unwrap().longest_wait
    }

    /// How many it has sent.
    pub fn sent(&self) -> u64 {
        self.next
    }

    /// Is there nothing that natter does not have?
    pub fn is_all_sent(&self) -> bool {
        self.client.read(|model| model.outbox().posts().is_empty())
    }

    pub fn posts(&self) -> Vec<String> {
        let line = |post: &natter::domain::Post| format!("{:?} {}", post.state, post.text);
        self.client
            .read(|model| model.outbox().posts().iter().map(line).collect())
    }

    /// A room as it is shown here.
    pub fn log(&self, room: &RoomId) -> Option<Arc<RoomLog>> {
        self.client.read(|model| model.log(room).cloned())
    }

    /// How many messages of others are unread in a room, as it is shown here.
    pub fn unread(&self, room: &RoomId) -> u32 {
        self.client.read(|model| model.unread(room))
    }

    /// The rooms of the sidebar, as they are shown here.
    pub fn sidebar(&self) -> Vec<v1::RoomHead> {
        self.client.read(|model| model.rooms().to_vec())
    }

    /// Reads further up in a room from here on: nothing of it is let go.
    pub fn hold(&self, room: &RoomId) {
        self.client.hold(room, true);
    }

    /// Asks for the page before the oldest entry here.
    pub fn load_earlier(&self, room: &RoomId) {
        self.client.load_earlier(room);
    }

    /// Reads all that is shown of a room.
    pub fn read(&self, room: &RoomId) {
        let end = self.log(room).map(|log| log.position().sequence);
        self.client.read_up_to(room, end.unwrap_or_default());
    }

    pub fn state(&self, room: &RoomId) -> String {
        self.client.read(|model| match model.logs().get(room) {
            Some(RoomState::Loaded(log)) => format!("here up to {:?}", log.position().sequence),
            other => format!("{other:?}"),
        })
    }

    pub fn end(&self) {
        self.client.close();
    }
}

/// `ada 000017`: the author’s number orders what they wrote.
pub fn text_of(uid: &str, number: u64) -> String {
    format!("{uid} {number:06}")
}

/// Whose text it is, and which.
pub fn number_of(entry: &LogEntry) -> Option<(String, u64)> {
    let What::Message { text } = &entry.what else {
        return None;
    };
    let (uid, number) = text.split_once(' ')?;
    Some((uid.into(), number.parse().ok()?))
}

fn start(
    uid: &str,
    cookie: &str,
    way: SocketAddr,
    disk: &Disk,
    seen: &Seen,
    notices: &Arc<Mutex<Notices>>,
    rules: Rules,
) -> ChatClient {
    let me = v1::Person {
        uid: uid.into(),
        role: v1::Role::Member.into(),
        ..v1::Person::default()
    };
    let options = ConnectOptions {
        servers: vec![format!("ws://{way}/nats").parse().unwrap()],
        ws_headers: vec![
            ("Cookie".into(), cookie.into()),
            ("Origin".into(), format!("http://{way}")),
        ],
        ..ConnectOptions::default()
    };
    let shell = Body {
        me: Username::parse(uid).unwrap(),
        way,
        cookie: cookie.into(),
        rules,
        disk: Arc::clone(disk),
        adopted: Mutex::default(),
        seen: Arc::clone(seen),
        notices: Arc::clone(notices),
        http: reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap(),
    };
    ChatClient::start(Model::new(me), options, Arc::new(shell)).unwrap()
}

struct Body {
    me: Username,
    way: SocketAddr,
    cookie: String,
    rules: Rules,
    disk: Disk,
    /// The disk is read once: its posts are this client’s from then on.
    adopted: Mutex<bool>,
    seen: Seen,
    notices: Arc<Mutex<Notices>>,
    http: reqwest::Client,
}

impl Shell for Body {
    fn changed(&self, client: &ChatClient, change: Change) {
        match change {
            Change::Room(room) => {
                let log = client.read(|model| model.log(&room).cloned());
                let mut seen = self.seen.lock().unwrap();
                let last = seen.entry(room).or_default();
                // More than come in at once; what was there before has been seen.
                let entries = log
                    .iter()
                    .flat_map(|log| log.entries().iter().rev().take(AT_ONCE));
                for entry in entries.collect::<Vec<_>>().into_iter().rev() {
                    last.extend(number_of(entry));
                }
            }
            Change::Connection => {
                let state = client.read(Model::connection);
                let is_fine =
                    matches!(state, ConnectionState::Connected | ConnectionState::Unknown);
                self.notices.lock().unwrap().was_told |= !is_fine;
            }
            Change::SignedOut(why) => panic!("signed out: {why:?}"),
            _ => {}
        }
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    }

    fn session(&self) -> BoxFuture<'static, SessionAnswer> {
        let request = self.http.get(format!("http://{}/session", self.way));
        let request = request.header("cookie", &self.cookie);
        let me = self.me.clone();
        Box::pin(async move {
            let Ok(answer) = request.send().await else {
                return SessionAnswer::GoOn;
            };
            let header = |name| {
                let value = answer.headers().get(name)?;
                Some(value.to_str().ok()?.to_owned())
            };
            SessionAnswer::of(&me, answer.status().as_u16(), header)
        })
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    fn keep(&self, post: KeptPost) -> BoxFuture<'static, ()> {
        self.disk.lock().unwrap().insert(post.key.clone(), post);
        Box::pin(std::future::ready(()))
    }

    fn forget(&self, key: &Key) {
        if let Some(sent) = self.disk.lock().unwrap().remove(key) {
            let waited = u64::try_from(self.now().since(sent.written_at)).unwrap_or_default();
            let mut notices = self.notices.lock().unwrap();
            notices.longest_wait = notices.longest_wait.max(Duration::from_millis(waited));
        }
    }

    fn adopt(&self) -> BoxFuture<'static, Vec<KeptPost>> {
        let is_done = std::mem::replace(&mut *self.adopted.lock().unwrap(), true);
        let found: Vec<_> = match is_done {
            true => Vec::new(),
            false => self.disk.lock().unwrap().values().cloned().collect(),
        };
        Box::pin(std::future::ready(found))
    }
}
