//! What a client asks natter by itself has a bound that does not depend on how much others write
//! (docs/protocol.md, "What a client asks by itself").

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use natter::domain::RoomId;
use natter::nats::Client;
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, RoomKind, event::Body};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::headless::Headless;
use crate::support::{Natter, Person, SOON, ulid};
use crate::unread::{begin, is_here, say, write};

/// How often a client looks at the heads where nothing happens.
const LOOKS: Duration = Duration::from_secs(30);

/// Every request that natter's people make, from now on.
#[derive(Clone)]
struct Requests(Arc<Mutex<Vec<(String, String)>>>);

impl Requests {
    async fn of(natter: &Natter) -> Self {
        let chat = natter.as_service(ServiceUser::Chat).await;
        let mut heard = chat.subscribe("natter.svc.>").await.unwrap();
        chat.flush().await.unwrap();
        let requests = Self(Arc::default());
        let told = requests.clone();
        tokio::spawn(async move {
            // The subscription ends with its client.
            let _chat = chat;
            while let Some(request) = heard.next().await {
                let mut parts = request.subject.split('.').skip(2).map(str::to_owned);
                let (uid, verb) = (parts.next().unwrap(), parts.next().unwrap());
                told.0.lock().unwrap().push((uid, verb));
            }
        });
        requests
    }

    fn all(&self, uid: &str) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (_, verb) in self.0.lock().unwrap().iter().filter(|(by, _)| by == uid) {
            *counts.entry(verb.clone()).or_default() += 1;
        }
        counts
    }

    fn count(&self, uid: &str, verb: &str) -> u64 {
        self.all(uid).get(verb).copied().unwrap_or_default()
    }

    /// Waits until somebody has asked this so often.
    async fn come(&self, uid: &str, verb: &str, count: u64) {
        let come = timeout(2 * SOON, async {
            while self.count(uid, verb) < count {
                sleep(Duration::from_millis(5)).await;
            }
        });
        come.await.expect("they ask");
    }

    /// Waits until somebody has just looked at the heads, and looks again in half a minute.
    async fn settle(&self, uid: &str) {
        let before = self.count(uid, "heads");
        let come = timeout(2 * LOOKS, async {
            while self.count(uid, "heads") == before {
                sleep(Duration::from_millis(5)).await;
            }
        });
        come.await.expect("it looks now and then");
        sleep(Duration::from_secs(2)).await;
    }
}

async fn change_room(ada: &Person, client: &Client, change: v1::ChangeRoomRequest) {
    let _: v1::RoomResponse = ada.ask(client, "change-room", &change).await.unwrap();
}

fn id(room: &str) -> RoomId {
    RoomId::parse(room).unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = timeout(2 * SOON, async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    so.await.expect(what);
}

/// A room as somebody's sidebar has it.
fn in_sidebar(person: &Headless, room: &str) -> Option<v1::Room> {
    let rooms = person.sidebar().into_iter().filter_map(|head| head.room);
    rooms.into_iter().find(|known| known.id == room)
}

#[tokio::test]
async fn what_is_written_in_rooms_costs_those_who_are_not_in_them_no_request() {
    let natter = Natter::start().await;
    let requests = Requests::of(&natter).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    let elsewhere = ada.make_room(&a, RoomKind::Open, "Elsewhere").await;
    let (ben, cleo) = (
        Person::sign_up(&natter, "ben").await,
        Person::sign_up(&natter, "cleo").await,
    );
    let both = [&ben, &cleo].map(|person| begin(person, natter.addr(), &[&id(&general)]));
    // Now they know Ada, who wrote something.
    let said = say(&ada, &a, &general).await;
    for person in &both {
        is_here(person, &id(&general), said).await;
        requests.come(&person.uid, "heads", 2).await;
    }

    for try_number in 1.. {
        requests.settle("ben").await;
        let before = both.each_ref().map(|person| requests.all(&person.uid));
        let begun = Instant::now();
        let posts = (0..100).map(|n| {
            if n % 2 == 0 {
                ("ada", ulid())
            } else {
                ("dora", ulid())
            }
        });
        write(&natter, &elsewhere, posts).await;
        for topic in ["one", "two", "three"] {
            let change = v1::ChangeRoomRequest {
                room_id: elsewhere.clone(),
                topic: Some(format!("{topic} {try_number}")),
                ..v1::ChangeRoomRequest::default()
            };
            change_room(&ada, &a, change).await;
        }
        // A hundred in a room that they have open cost no more.
        write(&natter, &general, (0..100).map(|_| ("ada", ulid()))).await;
        let last = say(&ada, &a, &general).await;
        for person in &both {
            is_here(person, &id(&general), last).await;
        }
        // The look of every half a minute is none of this.
        let took = begun.elapsed();
        let after = both.each_ref().map(|person| requests.all(&person.uid));
        let heads_of = |all: &[BTreeMap<String, u64>; 2]| all.each_ref().map(|of| of["heads"]);
        if heads_of(&before) != heads_of(&after) && (took > LOOKS / 3 || try_number < 3) {
            continue;
        }
        assert_eq!(before, after, "within {took:?}");
        break;
    }
}

#[tokio::test]
async fn what_a_note_says_is_taken_from_the_note() {
    let natter = Natter::start().await;
    let requests = Requests::of(&natter).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let lobby = ada.make_room(&a, RoomKind::Open, "Lobby").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let b = ben.connect().await;
    let join = v1::JoinRequest {
        room_id: lobby.clone(),
    };
    let _: v1::RoomResponse = ben.ask(&b, "join", &join).await.unwrap();
    let bens = begin(&ben, natter.addr(), &[&id(&lobby)]);
    until("the room is here", || in_sidebar(&bens, &lobby).is_some()).await;
    requests.come("ben", "heads", 2).await;

    let change =
        |topic: Option<&str>, name: Option<&str>, archived: Option<bool>| v1::ChangeRoomRequest {
            room_id: lobby.clone(),
            topic: topic.map(str::to_owned),
            name: name.map(str::to_owned),
            archived,
        };
    for try_number in 1.. {
        requests.settle("ben").await;
        let (begun, before) = (Instant::now(), requests.all("ben"));
        let (topic, name) = (format!("topic {try_number}"), format!("Lobby {try_number}"));
        change_room(&ada, &a, change(Some(&topic), None, None)).await;
        change_room(&ada, &a, change(None, Some(&name), None)).await;
        change_room(&ada, &a, change(None, None, Some(true))).await;
        let is_changed = || {
            let room = in_sidebar(&bens, &lobby).unwrap_or_default();
            room.topic == topic && room.name == name && room.archived
        };
        until("the notes are taken", is_changed).await;
        change_room(&ada, &a, change(None, None, Some(false))).await;
        let is_open = || in_sidebar(&bens, &lobby).is_some_and(|room| !room.archived);
        until("it is open again", is_open).await;
        let (took, after) = (begun.elapsed(), requests.all("ben"));
        if before["heads"] != after["heads"] && (took > LOOKS / 3 || try_number < 3) {
            continue;
        }
        assert_eq!(before, after, "within {took:?}");
        break;
    }
}

#[tokio::test]
async fn a_direct_message_shows_its_room_for_a_look_or_two() {
    let natter = Natter::start().await;
    let requests = Requests::of(&natter).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = begin(&ben, natter.addr(), &[]);
    requests.come("ben", "heads", 2).await;
    let talk = v1::TalkToRequest {
        uids: vec!["ben".into()],
    };
    let room: v1::RoomResponse = ada.ask(&a, "talk-to", &talk).await.unwrap();
    let room = room.room.unwrap().id;
    let (begun, before) = (Instant::now(), requests.count("ben", "heads"));
    for _ in 0..50 {
        say(&ada, &a, &room).await;
    }
    until("the room is here", || in_sidebar(&bens, &room).is_some()).await;
    sleep(Duration::from_secs(2)).await;
    let looks = requests.count("ben", "heads") - before;
    let seconds = begun.elapsed().as_secs();
    assert!(looks <= 2 + seconds, "{looks} in {seconds} s");
}

#[tokio::test]
async fn a_hundred_strangers_are_asked_for_once_a_second() {
    let natter = Natter::start().await;
    let requests = Requests::of(&natter).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = begin(&ben, natter.addr(), &[&id(&general)]);
    requests.come("ben", "heads", 2).await;
    let begun = Instant::now();
    let uids: Vec<_> = (0..100).map(|n| format!("stranger-{n}")).collect();
    for _ in 0..3 {
        write(
            &natter,
            &general,
            uids.iter().map(|uid| (uid.as_str(), ulid())),
        )
        .await;
    }
    let last = say(&ada, &a, &general).await;
    is_here(&bens, &id(&general), last).await;
    sleep(Duration::from_secs(2)).await;
    let asked = requests.count("ben", "people");
    let seconds = begun.elapsed().as_secs();
    assert!((1..=2 + seconds).contains(&asked), "{asked} in {seconds} s");
}

/// An event of the live feed that natter's LOG does not have.
async fn pretend(chat: &async_nats::Client, room: &str, sequence: u64, previous: u64) {
    let event = v1::Event {
        key: Some(v1::Key {
            uid: "ada".into(),
            ulid: ulid(),
        }),
        at_ms: 1_700_000_000_000,
        body: Some(Body::MessagePosted(v1::MessagePosted {
            text: "not in LOG".into(),
            tree: None,
        })),
    };
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Sequence", sequence.to_string());
    headers.insert("Nats-Last-Sequence", previous.to_string());
    let subject = format!("natter.evt.open.{room}");
    let sent = chat.publish_with_headers(subject, headers, event.encode_to_vec().into());
    sent.await.unwrap();
}

#[tokio::test]
async fn a_feed_full_of_gaps_and_resets_is_fetched_ninety_times_a_minute_at_most() {
    let natter = Natter::start().await;
    let requests = Requests::of(&natter).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = begin(&ben, natter.addr(), &[&id(&general)]);
    let said = say(&ada, &a, &general).await;
    is_here(&bens, &id(&general), said).await;
    requests.come("ben", "heads", 2).await;
    let chat = natter.as_service(ServiceUser::Chat).await;
    let begun = Instant::now();
    let is_busy = || begun.elapsed() < Duration::from_secs(8);
    let mut sent = 0;
    while is_busy() {
        for _ in 0..20 {
            sent += 1;
            // Further up than anything, with something missing before it; and one below all that is shown, which is
            // no reason to load the room again.
            pretend(&chat, &general, 1_000_000 + 2 * sent, 999_999 + 2 * sent).await;
            pretend(&chat, &general, 1, 0).await;
        }
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(1)).await;
    let all = requests.all("ben");
    let bound = 31 + begun.elapsed().as_secs();
    for (verb, least) in [("sync", 10), ("history", 1)] {
        let asked = all.get(verb).copied().unwrap_or_default();
        assert!(
            (least..=bound).contains(&asked),
            "{verb}: {asked} of {bound}, after {sent} events"
        );
    }
}
