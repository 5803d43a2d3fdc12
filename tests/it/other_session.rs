//! A live client of one person in a browser that is now signed in as another person.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use natter::client::{Change, ChatClient, ConnectionState, KeptPost, Model, SessionAnswer, Shell};
use natter::domain::{Key, RoomId, Timestamp, Username};
use natter::nats::{ConnectOptions, Status};
use natter::wire::v1;
use tokio::time::timeout;

use crate::support::{A_MOMENT, Natter, Person, SOON};

/// A page: what it keeps, and how often it asked whose session it is.
#[derive(Default)]
struct Page {
    url: String,
    me: String,
    cookie: String,
    kept: Mutex<Vec<Key>>,
    asked: Mutex<usize>,
}

impl Shell for Page {
    fn changed(&self, _: &ChatClient, _: Change) {}

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    }

    fn session(&self) -> BoxFuture<'static, SessionAnswer> {
        *self.asked.lock().unwrap() += 1;
        let request = reqwest::Client::new().get(&self.url);
        let request = request.header("cookie", &self.cookie);
        let me = Username::parse(&self.me).unwrap();
        Box::pin(async move {
            let answer = request.send().await.unwrap();
            let header = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
            SessionAnswer::of(&me, answer.status().as_u16(), header)
        })
    }

    fn keep(&self, post: KeptPost) -> BoxFuture<'static, ()> {
        self.kept.lock().unwrap().push(post.key);
        Box::pin(std::future::ready(()))
    }

    fn forget(&self, key: &Key) {
        self.kept.lock().unwrap().retain(|kept| kept != key);
    }
}

/// The client of `uid`’s page with the cookie of the person who is signed in.
fn open(natter: &Natter, uid: &str, signed_in: &Person) -> (ChatClient, Arc<Page>) {
    let page = Arc::new(Page {
        url: natter.url("/session"),
        me: uid.into(),
        cookie: signed_in.cookie.clone(),
        ..Page::default()
    });
    let options = ConnectOptions {
        servers: vec![format!("ws://{}/nats", natter.addr()).parse().unwrap()],
        ws_headers: vec![
            ("Cookie".into(), signed_in.cookie.clone()),
            ("Origin".into(), format!("http://{}", natter.addr())),
        ],
        ..ConnectOptions::default()
    };
    let me = v1::Person {
        uid: uid.into(),
        role: v1::Role::Member.into(),
        ..v1::Person::default()
    };
    let client = ChatClient::start(Model::new(me), options, Arc::clone(&page) as _).unwrap();
    (client, page)
}

async fn comes_to(client: &ChatClient, wanted: &ConnectionState) {
    let comes = async {
        while client.read(Model::connection) != *wanted {
            tokio::time::sleep(A_MOMENT / 10).await;
        }
    };
    let came = timeout(SOON, comes).await;
    came.unwrap_or_else(|_| panic!("{:?}", client.read(Model::connection)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_somebody_else_says_so_and_sends_nothing() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let room = ada.general(&ada.connect().await).await;
    let room = RoomId::parse(&room).unwrap();
    let before = natter.log_length().await;

    let (client, page) = open(&natter, "ada", &ben);
    client.send(&room, "in whose name?".into()).await;
    let now = ConnectionState::OtherUser(Username::parse("ben").unwrap());
    comes_to(&client, &now).await;
    // Typed afterwards.
    client.send(&room, "and this?".into()).await;
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(client.read(Model::connection), now);
    assert_eq!(
        client.connection().status(),
        Status::Closed,
        "it tries again"
    );
    assert_eq!(natter.log_length().await, before, "something was sent");
    assert_eq!(client.read(|model| model.outbox().posts().len()), 2);
    assert_eq!(page.kept.lock().unwrap().len(), 2);
    let asked = *page.asked.lock().unwrap();
    // The inbox, four feeds and the message are refused, most of them at once.
    assert!((1..=6).contains(&asked), "asked {asked} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_who_is_signed_in_asks_nothing() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let room = RoomId::parse(&room).unwrap();
    let (client, page) = open(&natter, "ada", &ada);
    comes_to(&client, &ConnectionState::Connected).await;
    client.send(&room, "in my own".into()).await;
    let sent = async {
        while !page.kept.lock().unwrap().is_empty() {
            tokio::time::sleep(A_MOMENT / 10).await;
        }
    };
    timeout(SOON, sent).await.expect("natter has it");
    assert_eq!(
        *page.asked.lock().unwrap(),
        0,
        "a connection costs no request"
    );
}
