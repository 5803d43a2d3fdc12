//! The rules that keep messages from being lost, each held against a client or a server without it.

use std::time::Duration;

use async_nats::jetstream;
use natter::client::Rules;
use natter::domain::RoomId;
use natter::server::broker::ServiceUser;
use natter::wire::v1;
use prost::Message as _;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::headless::Headless;
use crate::support::{A_MOMENT, Natter, Person, SOON, ulid};

/// Changes how the broker keeps LOG.
async fn change_log(natter: &Natter, change: impl FnOnce(&mut jetstream::stream::Config)) {
    let chat = natter.as_service(ServiceUser::Chat).await;
    let js = jetstream::new(chat);
    let mut log = js.get_stream("LOG").await.unwrap();
    let mut config = log.info().await.unwrap().config.clone();
    change(&mut config);
    js.update_stream(config).await.unwrap();
}

fn shows(person: &Headless, room: &RoomId, text: &str) -> bool {
    let is_it = |entry: &natter::domain::LogEntry| matches!(&entry.what, natter::domain::What::Message { text: said } if **said == *text);
    person
        .log(room)
        .is_some_and(|log| log.entries().iter().any(is_it))
}

async fn soon_shows(person: &Headless, room: &RoomId, text: &str) {
    let shown = async {
        while !shows(person, room, text) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let shown = tokio::time::timeout(SOON, shown).await;
    shown.unwrap_or_else(|_| panic!("{} does not see {text:?}", person.uid));
}

#[tokio::test]
async fn a_quiet_rooms_last_message_is_found_by_who_asks_for_the_heads() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let id = ada.general(&client).await;
    let room = RoomId::parse(&id).unwrap();
    let without = Rules {
        heads: false,
        ..Rules::default()
    };
    let mut people = Vec::new();
    for (uid, rules) in [("ben", Rules::default()), ("cleo", without)] {
        let person = Person::sign_up(&natter, uid).await;
        let rooms = vec![room.clone()];
        people.push(Headless::begin(
            uid,
            &person.cookie,
            natter.addr(),
            rooms,
            rules,
        ));
    }
    ada.post(&client, &id, "heard").await.unwrap();
    for person in &people {
        soon_shows(person, &room, "heard").await;
    }
    // The broker takes a message and tells nobody, as when a leader dies in between.
    let mut republish = None;
    change_log(&natter, |config| republish = config.republish.take()).await;
    ada.post(&client, &id, "not heard").await.unwrap();
    change_log(&natter, |config| config.republish = republish).await;
    let [ben, cleo] = people.as_slice() else {
        panic!("two people");
    };
    ben.wake();
    cleo.wake();
    soon_shows(ben, &room, "not heard").await;
    tokio::time::sleep(A_MOMENT).await;
    assert!(!shows(cleo, &room, "not heard"), "heads are not needed");
    // The next message shows the gap, to who looks for gaps.
    ada.post(&client, &id, "and after").await.unwrap();
    for person in &people {
        soon_shows(person, &room, "and after").await;
        soon_shows(person, &room, "not heard").await;
    }
    people.iter().for_each(Headless::end);
}

#[tokio::test]
async fn a_room_that_nobody_answered_about_is_there_when_somebody_does() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let id = ada.general(&client).await;
    ada.post(&client, &id, "said before").await.unwrap();
    let room = RoomId::parse(&id).unwrap();
    let way = FaultProxy::start(natter.addr()).await;
    way.set(Fault::Refuse);
    let rooms = vec![room.clone()];
    let ada = Headless::begin("ada", &ada.cookie, way.addr(), rooms, Rules::default());
    // It takes the client a while to say so.
    let given_up = async {
        while !ada.state(&room).contains("NoAnswer") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(3 * SOON, given_up)
        .await
        .expect("it is told");
    way.set(Fault::Pass);
    soon_shows(&ada, &room, "said before").await;
    ada.end();
}

#[tokio::test]
async fn a_message_sent_again_long_after_is_still_one() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let post = v1::PostRequest {
        room_id: ada.general(&client).await,
        ulid: ulid(),
        text: "once".into(),
    };
    let first: v1::PostResponse = ada.ask(&client, "post", &post).await.unwrap();
    // The broker remembers ids for a tenth of a second, and an hour goes by.
    let short = Duration::from_millis(100);
    change_log(&natter, |config| config.duplicate_window = short).await;
    tokio::time::sleep(5 * short).await;
    let before = natter.log_length().await;
    let again: v1::PostResponse = ada.ask(&client, "post", &post).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(natter.log_length().await, before);
}

/// Messages at once: applying them takes longer than asking for a page.
const BURST: usize = 1_000;

#[tokio::test]
async fn what_was_posted_through_one_natter_is_in_the_next_answer_of_another() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let without = natter
        .start_beside_in(tempfile::tempdir().unwrap(), |options| {
            options.without_barrier = true;
        })
        .await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let id = ada.general(&client).await;
    let mut readers = Vec::new();
    for other in [&beside, &without] {
        readers.push((natter_page(&ada, other), 0));
    }
    let chat = natter.as_service(ServiceUser::Chat).await;
    let js = jetstream::new(chat);
    // Without it a page is often in time all the same: until it was not.
    for round in 0..40 {
        if round >= 8 && readers[1].1 > 0 {
            break;
        }
        // A lively room: as natter writes it, many at once.
        let text = format!("round {round}.");
        let mut acks = Vec::new();
        for number in 0..BURST {
            let last = number == BURST - 1;
            let said = if last { text.as_str() } else { "…" };
            let subject = format!("natter.log.open.{id}");
            let event = posted(said).encode_to_vec();
            acks.push(js.publish(subject, event.into()).await.unwrap());
        }
        for ack in acks {
            ack.await.unwrap();
        }
        let pages = readers.iter().map(async |((http, url), _)| {
            let page = http.get(url).send().await.unwrap();
            page.text().await.unwrap().contains(&text)
        });
        let found = futures::future::join_all(pages).await;
        for ((_, missing), found) in readers.iter_mut().zip(found) {
            *missing += usize::from(!found);
        }
    }
    assert_eq!(readers[0].1, 0, "a page rendered after a post has it");
    assert!(readers[1].1 > 0, "the barrier is not needed");
}

fn posted(text: &str) -> v1::Event {
    let key = v1::Key {
        uid: "ada".into(),
        ulid: ulid(),
    };
    let posted = v1::MessagePosted {
        text: text.into(),
        tree: None,
    };
    v1::Event {
        key: Some(key),
        at_ms: 1_700_000_000_000,
        body: Some(v1::event::Body::MessagePosted(posted)),
    }
}

/// Ada's browser at another natter.
fn natter_page(ada: &Person, natter: &Natter) -> (reqwest::Client, String) {
    let mut headers = reqwest::header::HeaderMap::new();
    let cookie = &ada.cookie;
    headers.insert("cookie", cookie.parse().unwrap());
    let http = reqwest::Client::builder().default_headers(headers);
    (http.build().unwrap(), natter.url("/"))
}
