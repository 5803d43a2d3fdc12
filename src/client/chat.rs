//! The client as a whole: a handle on a model that is kept true, and what a person does with it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, Shared, select};

use super::pace::Pace;
use super::shell::{KeptPost, Rules, Shell};
use super::wire::Wires;
use super::{AskError, Model, ask, connection, fetch, heads, meeting, reading, sending, wire};
use crate::domain::{Key, RoomId, Sequence, Timestamp, Ulid, Username, subject};
use crate::nats::{self, runtime};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Without an answer for so long, the same is asked once more.
const AGAIN: Duration = Duration::from_millis(1_500);

/// A client of the chat, which goes on until [`close`](Self::close). Clones are handles on the same
/// one.
#[derive(Clone)]
pub struct ChatClient {
    pub(super) inner: Arc<Inner>,
}

/// What its tasks share.
pub(super) struct Inner {
    pub me: Username,
    pub wires: Wires,
    pub shell: Arc<dyn Shell>,
    model: Mutex<Model>,
    /// Wakes the sender. Its one place is enough: it looks at everything when it wakes.
    wake: mpsc::Sender<()>,
    /// Wakes who tells natter what was read, likewise.
    wake_reading: mpsc::Sender<()>,
    /// Wakes who looks at the heads, likewise.
    wake_heads: mpsc::Sender<()>,
    /// Wakes who asks for names, likewise.
    wake_meeting: mpsc::Sender<()>,
    /// Those whose names are to be asked for.
    pub strangers: Mutex<BTreeSet<String>>,
    /// Slows down requests that follow from each other.
    pub pace: Pace,
    /// The rooms that are being fetched from; the fetch goes on until nothing heard of is missing.
    pub catching_up: Mutex<HashSet<RoomId>>,
    /// The rooms that are being loaded; true: and once more after that.
    pub loading: Mutex<HashMap<RoomId, bool>>,
    /// Is somebody waiting for the connection to come back?
    pub is_away: Mutex<bool>,
    /// Is a request to `/session` under way?
    pub is_asking_session: Mutex<bool>,
    /// Dropped, it ends the tasks.
    going_on: Mutex<Option<oneshot::Sender<()>>>,
    stopped: Shared<oneshot::Receiver<()>>,
}

impl ChatClient {
    /// Connects as the person of `model`, and keeps it true from here on. `options` name the
    /// servers and how to be let in; the inbox is the person’s own. `None`: the person has no
    /// username.
    #[must_use]
    pub fn start(
        model: Model,
        options: nats::ConnectOptions,
        shell: Arc<dyn Shell>,
    ) -> Option<Self> {
        let me = Username::parse(&model.me().uid).ok()?;
        let (wake, woken) = mpsc::channel(1);
        let (wake_reading, has_read) = mpsc::channel(1);
        let (wake_heads, looks) = mpsc::channel(1);
        let (wake_meeting, meets) = mpsc::channel(1);
        let (going_on, stopped) = oneshot::channel();
        let options = nats::ConnectOptions {
            inbox_prefix: subject::inbox_prefix(&me),
            ..options
        };
        let client = Self {
            inner: Arc::new(Inner {
                me,
                wires: Wires::start(options),
                shell,
                model: Mutex::new(model),
                wake,
                wake_reading,
                wake_heads,
                wake_meeting,
                strangers: Mutex::default(),
                pace: Pace::start(),
                catching_up: Mutex::default(),
                loading: Mutex::default(),
                is_away: Mutex::default(),
                is_asking_session: Mutex::default(),
                going_on: Mutex::new(Some(going_on)),
                stopped: stopped.shared(),
            }),
        };
        client.spawn(sending::run(client.clone(), woken));
        client.spawn(reading::run(client.clone(), has_read));
        client.spawn(connection::follow(
            client.clone(),
            client.inner.wires.client(),
            0,
        ));
        client.spawn(wire::renew(client.clone()));
        client.spawn(heads::run(client.clone(), looks));
        client.spawn(meeting::run(client.clone(), meets));
        wire::listen(&client);
        Some(client)
    }

    /// Reads something of the model. It must not call the client.
    pub fn read<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.lock())
    }

    /// The connection to the broker as it is now.
    #[must_use]
    pub fn connection(&self) -> nats::Client {
        self.inner.wires.client()
    }

    /// Takes a message that the person sent. It is in the outbox at once, and goes out as soon as
    /// it can; done when it would survive a crash.
    pub async fn send(&self, room: &RoomId, text: String) {
        let Some(key) = self.fresh_key() else { return };
        let post = KeptPost {
            key,
            room: room.clone(),
            text,
            written_at: self.now(),
            refusal: None,
        };
        let kept = self.inner.shell.keep(post.clone());
        self.update(|model| model.with_outbox(|outbox| outbox.push(post.into())));
        self.wake();
        kept.await;
    }

    /// Sends a refused message again, under a new key.
    pub fn retry(&self, key: &Key) {
        let Some(fresh) = self.fresh_key() else {
            return;
        };
        let now = self.now();
        sending::update(self, |outbox| outbox.retry(key, fresh, now));
        self.wake();
    }

    /// Gives a refused message up, and hands its text back.
    #[must_use]
    pub fn discard(&self, key: &Key) -> Option<String> {
        sending::update(self, |outbox| outbox.discard(key))
    }

    /// Somebody reads further up in a room, or no longer does: what is there stays meanwhile. Else the
    /// newest entries are kept, and what is older is fetched when it is asked for.
    pub fn hold(&self, room: &RoomId, is_held: bool) {
        self.update(|model| model.hold(room, is_held));
    }

    /// Fetches a room anew.
    pub fn load(&self, room: &RoomId) {
        self.spawn(fetch::load(self.clone(), room.clone()));
    }

    /// Fetches the page before the oldest entry here.
    pub fn load_earlier(&self, room: &RoomId) {
        self.spawn(fetch::load_earlier(self.clone(), room.clone()));
    }

    /// The person has read a room of theirs up to this entry: it is clear here at once, and in their
    /// other clients as soon as natter knows.
    pub fn read_up_to(&self, room: &RoomId, sequence: Sequence) {
        if self.update(|model| model.read_up_to(room, sequence)) {
            // Full means that it is woken already.
            let _ = self.inner.wake_reading.clone().try_send(());
        }
    }

    /// Somebody looks: what was missed is fetched now.
    pub fn look(&self) {
        self.wake_heads();
        let chat = self.clone();
        self.spawn(async move { sending::adopt(&chat).await });
    }

    /// Ends at once. What is in the outbox stays kept.
    pub fn close(&self) {
        drop(lock(&self.inner.going_on).take());
        self.connection().close();
    }

    /// Changes the model, and tells of what changed.
    pub(super) fn update<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        let (done, changes) = {
            let mut model = self.lock();
            let done = act(&mut model);
            (done, model.take_changes())
        };
        for change in changes {
            self.inner.shell.changed(self, change);
        }
        done
    }

    /// Asks natter, as the person; and once more when there is no answer for a while, since a
    /// server of a cluster that is lost takes a question or its answer with it. Whichever comes
    /// counts: all that is asked here may be asked twice.
    pub(super) async fn ask<Q: prost::Message, A: prost::Message + Default>(
        &self,
        verb: &str,
        question: &Q,
    ) -> Result<A, AskError> {
        let connection = self.connection();
        let ask = |patience| ask(&connection, &self.inner.me, verb, question, patience);
        let first = pin!(ask(PATIENCE));
        let first = match select(first, pin!(runtime::sleep(AGAIN))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), first)) => first,
        };
        match select(first, pin!(ask(PATIENCE))).await {
            Either::Left((Err(AskError::NoAnswer(_)), second)) => second.await,
            Either::Right((Err(AskError::NoAnswer(_)), first)) => first.await,
            Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
        }
    }

    /// Starts a task that ends with this client.
    pub(super) fn spawn(&self, task: impl runtime::Task) {
        let stopped = self.inner.stopped.clone();
        runtime::spawn(async move {
            select(pin!(task), stopped).await;
        });
    }

    pub(super) fn wake(&self) {
        // Full means that it is woken already.
        let _ = self.inner.wake.clone().try_send(());
    }

    /// Looks at the heads, at once or a moment after the last look.
    pub(super) fn wake_heads(&self) {
        let _ = self.inner.wake_heads.clone().try_send(());
    }

    pub(super) fn wake_meeting(&self) {
        let _ = self.inner.wake_meeting.clone().try_send(());
    }

    pub(super) fn rules(&self) -> Rules {
        self.inner.shell.rules()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.shell.now()
    }

    /// A key that no message had before. `None`: the system has no randomness to give.
    pub(super) fn fresh_key(&self) -> Option<Key> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).ok()?;
        let ulid = Ulid::new(u64::try_from(self.now().0).ok()?, random);
        Some(Key {
            author: self.inner.me.clone(),
            ulid,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        lock(&self.inner.model)
    }
}

/// A panic elsewhere while it was held leaves what is behind it as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
