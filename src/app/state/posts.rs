//! Unsent posts where they outlive the page: in IndexedDB, each under the care of one tab. A tab
//! holds a Web Lock for as long as it lives, so that what a dead one left is found, and what a
//! living one has is left to it. Where the browser keeps nothing (a private window, no secure
//! context for the locks), posts live as long as the page, or may be sent by two tabs; the key makes
//! one message of them all the same.

use futures::StreamExt as _;
use futures::channel::{mpsc, oneshot};
use idb::{Database, Factory, KeyRange, ObjectStore, ObjectStoreParams, Query, TransactionMode};
use js_sys::Uint8Array;
use prost::Message as _;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::tabs;
use crate::client::KeptPost;
use crate::domain::{Key, RoomId, Timestamp, Ulid, Username};
use crate::nats::runtime::BoxFuture;
use crate::wire::v1;

const DATABASE: &str = "natter";
const STORE: &str = "outbox";

/// What a tab's lock is called, before its name.
const TAB: &str = "natter-tab-";

/// Jobs that wait; what does not fit is not kept, as in a browser that keeps nothing.
const JOBS: usize = 1_024;

/// The posts of one person that this browser keeps. Jobs are done in the order of the calls.
pub(super) struct Posts {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Keep(KeptPost, oneshot::Sender<()>),
    Forget(Key),
    Adopt(oneshot::Sender<Vec<KeptPost>>),
}

impl Posts {
    pub fn of(uid: &str) -> Self {
        let (jobs, todo) = mpsc::channel(JOBS);
        spawn_local(work(uid.to_owned(), todo));
        Self { jobs }
    }

    /// Done when it is kept, or never will be.
    pub fn keep(&self, post: KeptPost) -> BoxFuture<()> {
        let (done, kept) = oneshot::channel();
        let _ = self.jobs.clone().try_send(Job::Keep(post, done));
        Box::pin(async { kept.await.unwrap_or_default() })
    }

    pub fn forget(&self, key: Key) {
        let _ = self.jobs.clone().try_send(Job::Forget(key));
    }

    pub fn adopt(&self) -> BoxFuture<Vec<KeptPost>> {
        let (done, found) = oneshot::channel();
        let _ = self.jobs.clone().try_send(Job::Adopt(done));
        Box::pin(async { found.await.unwrap_or_default() })
    }
}

/// What a browser says of a database that it will not open, or of what it will not write.
type Refusal = idb::Error;

async fn work(uid: String, mut todo: mpsc::Receiver<Job>) {
    let Ok(shelf) = Shelf::open(uid).await else {
        leptos::logging::warn!("this browser keeps nothing: unsent messages end with the page");
        return;
    };
    while let Some(job) = todo.next().await {
        // Whoever waits is told by the end of the channel that it was not kept.
        match job {
            Job::Keep(post, done) => {
                if shelf.keep(&post).await.is_ok() {
                    let _ = done.send(());
                }
            }
            Job::Forget(key) => drop(shelf.forget(&key).await),
            Job::Adopt(done) => {
                let _ = done.send(shelf.adopt().await.unwrap_or_default());
            }
        }
    }
}

struct Shelf {
    database: Database,
    uid: String,
    tab: String,
}

impl Shelf {
    async fn open(uid: String) -> Result<Self, Refusal> {
        let tab = format!("{TAB}{}", tabs::fresh_name());
        // Before anything is kept in its name.
        let _ = tabs::hold(&tab).await;
        let database = open().await?;
        Ok(Self { database, uid, tab })
    }

    async fn keep(&self, post: &KeptPost) -> Result<(), Refusal> {
        let record = v1::KeptPost {
            room_id: post.room.to_string(),
            text: post.text.clone(),
            written_at_ms: post.written_at.0,
            refusal: post.refusal.clone().unwrap_or_default(),
            tab: self.tab.clone(),
        };
        let (transaction, store) = self.begin()?;
        store
            .put(&bytes(&record), Some(&self.name(&post.key)))?
            .await?;
        transaction.commit()?.await?;
        Ok(())
    }

    async fn forget(&self, key: &Key) -> Result<(), Refusal> {
        let (transaction, store) = self.begin()?;
        store.delete(self.name(key))?.await?;
        transaction.commit()?.await?;
        Ok(())
    }

    /// In one transaction, so that of two tabs that find the same post one has it.
    async fn adopt(&self) -> Result<Vec<KeptPost>, Refusal> {
        let alive = tabs::held().await.unwrap_or_default();
        let (transaction, store) = self.begin()?;
        let keys = store.get_all_keys(Some(all_of(&self.uid)?), None)?.await?;
        let mut found = Vec::new();
        for name in keys {
            let Some(value) = store.get(name.clone())?.await? else {
                continue;
            };
            let value = Uint8Array::new(&value).to_vec();
            let Ok(mut record) = v1::KeptPost::decode(value.as_slice()) else {
                continue;
            };
            let is_left = record.tab != self.tab && !alive.contains(&record.tab);
            let post = name.as_string().and_then(|name| read(&name, &record));
            if let (true, Some(post)) = (is_left, post) {
                record.tab.clone_from(&self.tab);
                store.put(&bytes(&record), Some(&name))?.await?;
                found.push(post);
            }
        }
        transaction.commit()?.await?;
        found.sort_by_key(|post| (post.written_at, post.key.ulid));
        Ok(found)
    }

    fn begin(&self) -> Result<(idb::Transaction, ObjectStore), Refusal> {
        let transaction = self
            .database
            .transaction(&[STORE], TransactionMode::ReadWrite)?;
        let store = transaction.object_store(STORE)?;
        Ok((transaction, store))
    }

    fn name(&self, key: &Key) -> JsValue {
        JsValue::from_str(&format!("{}.{}", self.uid, key.ulid))
    }
}

/// The keys of one person's posts. `/` is the character after `.`, and no username contains a `.`.
fn all_of(uid: &str) -> Result<Query, Refusal> {
    let bound = |end: char| JsValue::from_str(&format!("{uid}{end}"));
    let range = KeyRange::bound(&bound('.'), &bound('/'), None, Some(true))?;
    Ok(Query::KeyRange(range))
}

async fn open() -> Result<Database, Refusal> {
    let mut opening = Factory::new()?.open(DATABASE, Some(1))?;
    opening.on_upgrade_needed(|event| {
        if let Ok(database) = idb::DatabaseEvent::database(&event) {
            // Should it fail, so does everything after it.
            let _ = database.create_object_store(STORE, ObjectStoreParams::new());
        }
    });
    opening.await
}

/// The number of stored posts of one person, whichever tab sends them.
pub(super) async fn count_all_of(uid: &str) -> usize {
    let counted = async {
        let database = open().await?;
        let transaction = database.transaction(&[STORE], TransactionMode::ReadOnly)?;
        let store = transaction.object_store(STORE)?;
        let count = store.count(Some(all_of(uid)?))?.await;
        database.close();
        count
    };
    counted
        .await
        .map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Deletes the posts of one person, whichever tab sends them.
pub(super) async fn forget_all_of(uid: &str) {
    let forgotten = async {
        let database = open().await?;
        let transaction = database.transaction(&[STORE], TransactionMode::ReadWrite)?;
        let store = transaction.object_store(STORE)?;
        store.delete(all_of(uid)?)?.await?;
        transaction.commit()?.await
    };
    let _ = forgotten.await;
}

fn bytes(record: &v1::KeptPost) -> JsValue {
    Uint8Array::from(record.encode_to_vec().as_slice()).into()
}

fn read(name: &str, record: &v1::KeptPost) -> Option<KeptPost> {
    let (uid, ulid) = name.split_once('.')?;
    Some(KeptPost {
        key: Key {
            author: Username::parse(uid).ok()?,
            ulid: Ulid::parse(ulid).ok()?,
        },
        room: RoomId::parse(&record.room_id).ok()?,
        text: record.text.clone(),
        written_at: Timestamp(record.written_at_ms),
        refusal: Some(record.refusal.clone()).filter(|reason| !reason.is_empty()),
    })
}
