//! Being sent away while coming in: whoever was removed reads nothing that was said after the
//! removal was answered, however their connections fall.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use natter::domain::{Role, RoomId, Standing, Username, rights_for};
use natter::nats::{Client, Event, Subscription};
use natter::server::broker::{
    AuthRequest, BrokerKeys, CALLOUT_SUBJECT, Permissions, SERVER_XKEY_HEADER, ServiceUser,
    UserLimits,
};
use natter::wire::v1::{self, FailureKind, RoomKind, event::Body};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::support::{Natter, Person, SOON, failure_in, ulid};

/// Pairs of somebody who removes and somebody who is removed. Each person may connect and change
/// rooms so often and no more, so there are many.
const PAIRS: usize = 64;

/// Removals of each pair: fewer than one person can be removed at once.
const ROUNDS: usize = 8;

/// Removals of one person from one room: after that they would have to be asked.
const IN_A_ROOM: usize = 2;

/// Pairs at work at once.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_reads_nothing_however_they_come_back() {
    let natter = Arc::new(Natter::start().await);
    let beside = Arc::new(natter.start_beside().await);
    let heard_before = Arc::new(AtomicUsize::new(0));
    // Rooms are made before anybody is cut: what is asked once must not be asked twice.
    let made = futures::stream::iter(0..PAIRS).map(|n| pair(n, &natter, &beside));
    let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
    let pairs = futures::stream::iter(made).map(|pair| {
        let natter = Arc::clone(&natter);
        let heard_before = Arc::clone(&heard_before);
        async move {
            let Pair {
                n,
                maker,
                maker_client,
                other,
                rooms,
            } = pair;
            let mut leaked = Vec::new();
            for round in 0..ROUNDS {
                let secret = format!("secret {n}.{round}");
                let room = &rooms[round / IN_A_ROOM];
                let read = race(&natter, &maker, &maker_client, &other, room, &secret).await;
                heard_before.fetch_add(usize::from(read.any), Ordering::Relaxed);
                leaked.extend(read.texts.into_iter().filter(|t| t.starts_with("secret")));
            }
            leaked
        }
    });
    let leaked: Vec<Vec<String>> = pairs.buffer_unordered(AT_ONCE).collect().await;
    let leaked: Vec<_> = leaked.into_iter().flatten().collect();
    let rounds = PAIRS * ROUNDS;
    let heard = heard_before.load(Ordering::Relaxed);
    println!("{rounds} removals; the removed were listening in {heard}; read after: {leaked:?}");
    assert!(
        leaked.is_empty(),
        "{} of {rounds}: {leaked:?}",
        leaked.len()
    );
    // Else nothing was tried.
    assert!(
        heard > rounds / 20,
        "they were listening in {heard} of {rounds} alone"
    );
}

/// Somebody who removes, and somebody who is removed.
struct Pair {
    n: usize,
    maker: Person,
    maker_client: Client,
    other: Person,
    rooms: Vec<String>,
}

/// One comes in through one natter, and is removed through the other.
async fn pair(n: usize, natter: &Natter, beside: &Natter) -> Pair {
    let maker = Person::sign_up(natter, &format!("maker-{n}")).await;
    let other = Person::sign_up(beside, &format!("other-{n}")).await;
    let maker_client = maker.connect().await;
    let mut rooms = Vec::new();
    for number in 0..ROUNDS.div_ceil(IN_A_ROOM) {
        let name = format!("Room {n}-{number}");
        let made = maker.make_room(&maker_client, RoomKind::Closed, &name);
        rooms.push(made.await);
    }
    Pair {
        n,
        maker,
        maker_client,
        other,
        rooms,
    }
}

/// What the removed has read in a round.
struct Read {
    any: bool,
    texts: Vec<String>,
}

async fn race(
    natter: &Natter,
    maker: &Person,
    maker_client: &Client,
    other: &Person,
    room: &str,
    secret: &str,
) -> Read {
    let stop = Arc::new(AtomicBool::new(false));
    let texts = Arc::new(Mutex::new(Vec::new()));
    insist(maker, maker_client, "invite", || v1::InviteRequest {
        room_id: room.into(),
        uids: vec![other.uid.clone()],
    })
    .await;
    let comings = tokio::spawn(keep_coming(
        dialer(natter, other),
        format!("natter.evt.closed.{room}"),
        Arc::clone(&stop),
        Arc::clone(&texts),
    ));
    // Somewhere between before the first connection and after it.
    let pause = u64::from(ulid().bytes().last().unwrap_or_default()) % 24;
    sleep(Duration::from_millis(pause)).await;
    insist(maker, maker_client, "post", || post(room, "before")).await;
    insist(maker, maker_client, "remove", || v1::RemoveRequest {
        room_id: room.into(),
        uid: other.uid.clone(),
    })
    .await;
    insist(maker, maker_client, "post", || post(room, secret)).await;
    sleep(Duration::from_millis(40)).await;
    stop.store(true, Ordering::Relaxed);
    let any = timeout(SOON, comings).await.unwrap().unwrap();
    let texts = texts.lock().unwrap().clone();
    Read { any, texts }
}

fn post(room: &str, text: &str) -> v1::PostRequest {
    v1::PostRequest {
        room_id: room.into(),
        ulid: ulid(),
        text: text.into(),
    }
}

/// Asks until there is an answer.
async fn insist<Q: prost::Message>(
    person: &Person,
    client: &Client,
    verb: &str,
    question: impl Fn() -> Q,
) {
    let done = async {
        loop {
            let payload = question().encode_to_vec();
            let Ok(reply) = person.ask_raw(client, verb, payload).await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            match failure_in(&reply) {
                Some(failure) if failure.kind() == FailureKind::TooMany => {
                    sleep(Duration::from_millis(u64::from(failure.retry_after_ms))).await;
                }
                Some(failure) => panic!("{verb}: {failure:?}"),
                None => return,
            }
        }
    };
    timeout(3 * SOON, done).await.expect(verb);
}

fn dialer(natter: &Natter, person: &Person) -> impl Fn() -> Client + Send + use<> {
    let broker = natter.server.broker().unwrap().websocket_addr();
    let (url, site) = (format!("ws://{broker}/"), natter.addr());
    let (uid, cookie) = (person.uid.clone(), person.cookie.clone());
    move || Person::dial_as(&uid, &cookie, &url, site)
}

/// Connects again and again, and listens on each connection. True: it was let in and heard
/// something at least once.
async fn keep_coming(
    dial: impl Fn() -> Client + Send,
    feed: String,
    stop: Arc<AtomicBool>,
    texts: Arc<Mutex<Vec<String>>>,
) -> bool {
    let mut clients = Vec::new();
    let mut listeners = Vec::new();
    for _ in 0..3 {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let client = dial();
        let mut heard = client.subscribe(&feed).await.unwrap();
        let texts = Arc::clone(&texts);
        listeners.push(tokio::spawn(async move {
            let mut any = false;
            while let Some(message) = heard.next().await {
                any = true;
                let event = v1::Event::decode(message.payload).unwrap();
                if let Some(Body::MessagePosted(posted)) = event.body {
                    texts.lock().unwrap().push(posted.text);
                }
            }
            any
        }));
        clients.push(client);
        sleep(Duration::from_millis(12)).await;
    }
    while !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(5)).await;
    }
    for client in clients {
        client.close();
    }
    let mut any = false;
    for listener in listeners {
        any |= listener.await.unwrap();
    }
    any
}

/// What natter answers while somebody is in the room.
fn rights_of_a_member(
    request: &async_nats::Message,
    keys: &BrokerKeys,
    uid: &str,
    room: &str,
) -> Vec<u8> {
    let xkey = request
        .headers
        .as_ref()
        .and_then(|headers| headers.get(SERVER_XKEY_HEADER));
    let xkey = xkey.map(ToString::to_string);
    let request = AuthRequest::open(&request.payload, xkey.as_deref(), keys).unwrap();
    let rights = rights_for(&Standing {
        uid: Username::parse(uid).unwrap(),
        role: Role::Member,
        closed_rooms: vec![RoomId::parse(room).unwrap()],
        open_rooms: Vec::new(),
        people: Vec::new(),
    });
    let permissions = Permissions {
        publish_allow: rights.publish,
        subscribe_allow: rights.subscribe,
    };
    let in_an_hour = std::time::SystemTime::now() + Duration::from_secs(3_600);
    let end = in_an_hour.duration_since(std::time::UNIX_EPOCH).unwrap();
    let limits = UserLimits::default();
    let jwt = keys
        .sign_chat_user(
            &request.user_nkey,
            &format!("{uid}.x"),
            &permissions,
            &limits,
            end.as_secs(),
        )
        .unwrap();
    request.allow(keys, &jwt).unwrap()
}

/// Somebody connects until a second callout beside natter's is asked about it, which keeps the answer:
/// where it answers, what it was asked, and the connections with what they listen to. The last of them
/// is the one that waits.
async fn come_and_wait(
    natter: &Natter,
    who: &Person,
    feed: &str,
) -> (
    async_nats::Client,
    async_nats::Message,
    Vec<(Client, Subscription)>,
) {
    let auth = natter.as_service(ServiceUser::Callout).await;
    let mut asked = auth
        .queue_subscribe(CALLOUT_SUBJECT, "natter".into())
        .await
        .unwrap();
    auth.flush().await.unwrap();
    let mut comings = Vec::new();
    let request = loop {
        assert!(comings.len() < 50, "natter answers every time");
        let coming = dialer(natter, who)();
        let heard = coming.subscribe(feed).await.unwrap();
        comings.push((coming, heard));
        if let Ok(Some(request)) = timeout(Duration::from_millis(300), asked.next()).await {
            break request;
        }
    };
    asked.unsubscribe().await.unwrap();
    (auth, request, comings)
}

/// Somebody is connecting at the moment when another is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_else_is_connecting_when_somebody_is_removed_gets_in() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let cleo = Person::sign_up(&natter, "cleo").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    ada.invite(&client, &room, &["ben"]).await;
    ben.connect().await;

    let (auth, request, mut comings) = come_and_wait(&natter, &cleo, "natter.evt.user.cleo").await;
    let (waiting, _) = comings.pop().unwrap();
    let mut events = waiting.events();
    let keys = BrokerKeys::load(&natter.folder.path().join("keys")).unwrap();
    let answer = rights_of_a_member(&request, &keys, "cleo", "another");
    let removal = ada.remove(&client, &room, "ben");
    let answering = async {
        // The removal has been written, and cleo's connection seen, before the answer comes.
        sleep(Duration::from_millis(400)).await;
        auth.publish(request.reply.unwrap(), answer.into())
            .await
            .unwrap();
        auth.flush().await.unwrap();
    };
    tokio::join!(removal, answering);
    let first = timeout(SOON, events.next()).await.unwrap();
    assert!(matches!(first, Some(Event::Connected(_))), "{first:?}");
    waiting.flush().await.unwrap();
}

/// An answer of the callout from before a removal, which reaches the broker after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_lands_late_lets_nobody_read() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    ada.invite(&client, &room, &["ben"]).await;

    let feed = format!("natter.evt.closed.{room}");
    let (auth, request, comings) = come_and_wait(&natter, &ben, &feed).await;
    let keys = BrokerKeys::load(&natter.folder.path().join("keys")).unwrap();
    let answer = rights_of_a_member(&request, &keys, "ben", &room);

    ada.remove(&client, &room, "ben").await;
    auth.publish(request.reply.unwrap(), answer.into())
        .await
        .unwrap();
    auth.flush().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    ada.post(&client, &room, "for those who stayed")
        .await
        .unwrap();
    sleep(Duration::from_millis(300)).await;
    for (coming, mut heard) in comings {
        coming.close();
        while let Some(message) = heard.next().await {
            let event = v1::Event::decode(message.payload).unwrap();
            let is_secret = matches!(event.body, Some(Body::MessagePosted(_)));
            assert!(!is_secret, "who was removed has read {event:?}");
        }
    }
}
