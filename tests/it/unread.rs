//! How much somebody has not read: exact whatever happened, told to them alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use async_nats::jetstream;
use natter::client::Rules;
use natter::domain::RoomId;
use natter::nats::Client;
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, RoomKind, event::Body};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::headless::Headless;
use crate::support::{A_MOMENT, Natter, Person, SOON, ulid};

/// Within this a person's other clients know what was read.
const A_SECOND: Duration = Duration::from_secs(1);

async fn heads(person: &Person, client: &Client) -> BTreeMap<String, v1::RoomHead> {
    let asked = v1::HeadsRequest::default();
    let heads: v1::HeadsResponse = person.ask(client, "heads", &asked).await.unwrap();
    let by_id = |head: v1::RoomHead| Some((head.room.clone()?.id, head));
    heads.rooms.into_iter().filter_map(by_id).collect()
}

async fn unread(person: &Person, client: &Client, room: &str) -> Option<u32> {
    let heads = heads(person, client).await;
    heads.get(room).map(|head| head.unread)
}

async fn mark(
    person: &Person,
    client: &Client,
    markers: &[(&str, u64)],
) -> Result<v1::ReadState, v1::Failure> {
    let marker = |(room, sequence): &(&str, u64)| v1::ReadMarker {
        room_id: (*room).into(),
        sequence: *sequence,
    };
    let asked = v1::MarkReadRequest {
        markers: markers.iter().map(marker).collect(),
    };
    person.ask(client, "mark-read", &asked).await
}

/// Says something, and gives its sequence.
pub async fn say(person: &Person, client: &Client, room: &str) -> u64 {
    let posted = person.post(client, room, "something").await;
    posted.unwrap().sequence
}

/// Writes messages as natter does, many at once.
pub async fn write(natter: &Natter, room: &str, keys: impl IntoIterator<Item = (&str, String)>) {
    let chat = natter.as_service(ServiceUser::Chat).await;
    let js = jetstream::new(chat);
    let mut acks = Vec::new();
    for (uid, ulid) in keys {
        let event = v1::Event {
            key: Some(v1::Key {
                uid: uid.into(),
                ulid,
            }),
            at_ms: 1_700_000_000_000,
            body: Some(Body::MessagePosted(v1::MessagePosted {
                text: "something".into(),
                tree: None,
            })),
        };
        let subject = format!("natter.log.open.{room}");
        acks.push(js.publish(subject, event.encode_to_vec().into()).await);
    }
    for ack in acks {
        ack.unwrap().await.unwrap();
    }
}

pub fn begin(person: &Person, way: SocketAddr, rooms: &[&RoomId]) -> Headless {
    let rooms = rooms.iter().map(|room| (*room).clone()).collect();
    Headless::begin(&person.uid, &person.cookie, way, rooms, Rules::default())
}

/// It comes to this count, and stays there.
async fn comes_to(person: &Headless, room: &RoomId, count: u32, within: Duration) {
    let come = timeout(within, async {
        while person.unread(room) != count {
            sleep(Duration::from_millis(5)).await;
        }
    });
    let come = come.await;
    let is = person.unread(room);
    assert!(come.is_ok(), "{is} are unread, not {count}");
}

/// Everything that was said in a room is here.
pub async fn is_here(person: &Headless, room: &RoomId, end: u64) {
    let here = timeout(SOON, async {
        while person.log(room).map(|log| log.position().sequence.0) < Some(end) {
            sleep(Duration::from_millis(5)).await;
        }
    });
    here.await.expect("it arrives");
}

#[tokio::test]
async fn the_count_is_exact_after_an_absence_through_any_natter() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    // What was said before somebody came is not theirs to read.
    say(&ada, &a, &general).await;
    let ben = Person::sign_up(&natter, "ben").await;
    let mut b = ben.connect().await;
    assert_eq!(unread(&ben, &b, &general).await, Some(0));
    let first = say(&ada, &a, &general).await;
    say(&ada, &a, &general).await;
    assert_eq!(unread(&ben, &b, &general).await, Some(2));
    let state = mark(&ben, &b, &[(&general, first)]).await.unwrap();
    assert_eq!((state.rooms[0].marker, state.rooms[0].unread), (first, 1));

    // Ben goes, and much happens: his own from elsewhere, notes, and a key a second time.
    b.close();
    let twice = ulid();
    let ada_says = (0..540).map(|_| ("ada", ulid()));
    let keys = ada_says
        .chain((0..30).map(|_| ("ben", ulid())))
        .chain([("ada", twice.clone()), ("ada", twice)]);
    write(&natter, &general, keys).await;
    let topic = v1::ChangeRoomRequest {
        room_id: general.clone(),
        topic: Some("Everything".into()),
        ..v1::ChangeRoomRequest::default()
    };
    let _: v1::RoomResponse = ada.ask(&a, "change-room", &topic).await.unwrap();
    b = ben.connect().await;
    let at_beside = ben.dial_to(&format!("ws://{}/nats", beside.addr()), beside.addr());
    at_beside.connected().await.unwrap();
    let through_both = [b, at_beside];
    for client in &through_both {
        assert_eq!(unread(&ben, client, &general).await, Some(1 + 541));
    }
    let [b, at_beside] = &through_both;
    assert_eq!(unread(&ada, &a, &general).await, Some(30), "ben's to ada");
    let page = reqwest::Client::new()
        .get(beside.url("/"))
        .header("cookie", &ben.cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("542 unread"), "the first page says so");

    // What was marked through one is so through the other, at once.
    let end = heads(&ben, b).await[&general]
        .head
        .clone()
        .unwrap()
        .sequence;
    mark(&ben, at_beside, &[(&general, end)]).await.unwrap();
    assert_eq!(unread(&ben, b, &general).await, Some(0));
    write(&natter, &general, (0..1_200).map(|_| ("ada", ulid()))).await;
    assert_eq!(unread(&ben, b, &general).await, Some(1_000), "or more");
}

#[tokio::test]
async fn a_marker_grows_to_the_end_of_a_room_that_one_is_in_and_is_ones_own() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let lobby = ada.make_room(&a, RoomKind::Open, "Lobby").await;
    let board = ada.make_room(&a, RoomKind::Closed, "Board").await;
    say(&ada, &a, &board).await;
    let link = ada.invitation("guest", "Lobby").await;
    let guest = Person::accept(&natter, "guest", &link).await;
    let ben = Person::sign_up(&natter, "ben").await;
    ada.invite(&a, &board, &["ben"]).await;
    let (b, g) = (ben.connect().await, guest.connect().await);
    let first = say(&ada, &a, &board).await;
    let second = say(&ada, &a, &board).await;
    assert_eq!(unread(&ben, &b, &board).await, Some(2), "since he came");

    for (asked, marker, left) in [
        (second, second, 0),
        (first, second, 0),
        (0, second, 0),
        (u64::MAX, second, 0),
    ] {
        let state = mark(&ben, &b, &[(&board, asked)]).await.unwrap();
        let reading = &state.rooms[0];
        assert_eq!((reading.marker, reading.unread), (marker, left), "{asked}");
    }
    say(&ada, &a, &board).await;
    assert_eq!(unread(&ben, &b, &board).await, Some(1), "nor past the end");
    assert_eq!(heads(&ada, &a).await[&board].unread, 0);

    // A guest marks where they are, and nowhere else.
    let said = say(&ada, &a, &lobby).await;
    assert_eq!(unread(&guest, &g, &lobby).await, Some(1));
    let both = [(board.as_str(), 9_999), (lobby.as_str(), said)];
    let state = mark(&guest, &g, &both).await.unwrap();
    assert_eq!(state.rooms.len(), 1);
    assert_eq!(state.rooms[0].room_id, lobby);
    assert_eq!(unread(&guest, &g, &lobby).await, Some(0));
    for nowhere in [&[(board.as_str(), 9)][..], &[("no-such-room", 9)], &[]] {
        let refused = mark(&guest, &g, nowhere).await.unwrap_err();
        assert_eq!(refused.kind(), v1::FailureKind::NotFound);
    }
    let many: Vec<_> = (0..201).map(|_| (board.as_str(), 1)).collect();
    let refused = mark(&ben, &b, &many).await.unwrap_err();
    assert_eq!(refused.kind(), v1::FailureKind::Invalid);
    let refused = mark(&ben, &b, &[("a room", 1)]).await.unwrap_err();
    assert_eq!(refused.kind(), v1::FailureKind::Invalid);

    // Who was sent away hears nothing more of the room; who is back begins where they came back.
    ada.remove(&a, &board, "ben").await;
    say(&ada, &a, &board).await;
    let b = ben.connect().await;
    assert_eq!(unread(&ben, &b, &board).await, None);
    assert!(mark(&ben, &b, &[(&board, second)]).await.is_err());
    ada.invite(&a, &board, &["ben"]).await;
    assert_eq!(unread(&ben, &b, &board).await, Some(0));
    say(&ada, &a, &board).await;
    assert_eq!(unread(&ben, &b, &board).await, Some(1));

    // Nobody marks for another.
    let subject = "natter.svc.ben.mark-read";
    let asked = v1::MarkReadRequest {
        markers: vec![v1::ReadMarker {
            room_id: board.clone(),
            sequence: 9_999,
        }],
    };
    let payload = asked.encode_to_vec();
    let as_ben = guest_asks(&g, subject, payload).await;
    assert!(as_ben.is_err(), "{as_ben:?}");
    assert_eq!(unread(&ben, &b, &board).await, Some(1));
}

async fn guest_asks(
    client: &Client,
    subject: &str,
    payload: Vec<u8>,
) -> Result<natter::nats::Message, natter::nats::RequestError> {
    client.request(subject, payload.into(), A_MOMENT).await
}

#[tokio::test]
async fn a_member_who_was_a_guest_has_general_from_then_on_and_a_muted_room_counts_on() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    ada.make_room(&a, RoomKind::Open, "Lobby").await;
    let link = ada.invitation("guest", "Lobby").await;
    let cleo = Person::accept(&natter, "cleo", &link).await;
    say(&ada, &a, &general).await;
    ada.act("cleo", "member").await;
    let c = cleo.connect().await;
    assert_eq!(unread(&cleo, &c, &general).await, Some(0));
    let mute = v1::MuteRequest {
        room_id: general.clone(),
        muted: true,
    };
    say(&ada, &a, &general).await;
    let _: v1::RoomResponse = cleo.ask(&c, "mute", &mute).await.unwrap();
    say(&ada, &a, &general).await;
    assert_eq!(unread(&cleo, &c, &general).await, Some(2));
}

#[tokio::test]
async fn what_one_client_reads_is_clear_in_the_others_within_a_second() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let a = ada.connect().await;
    let general = ada.general(&a).await;
    let room = RoomId::parse(&general).unwrap();
    let here = begin(&ben, natter.addr(), &[&room]);
    let mut there = begin(&ben, beside.addr(), &[&room]);
    let mut end = say(&ada, &a, &general).await;
    for client in [&here, &there] {
        is_here(client, &room, end).await;
        comes_to(client, &room, 1, SOON).await;
    }
    end = say(&ada, &a, &general).await;
    for client in [&here, &there] {
        comes_to(client, &room, 2, A_SECOND).await;
        is_here(client, &room, end).await;
    }
    here.read(&room);
    assert_eq!(here.unread(&room), 0, "here at once");
    comes_to(&there, &room, 0, A_SECOND).await;
    // Who crashes has it from natter again.
    say(&ada, &a, &general).await;
    there.crash();
    comes_to(&there, &room, 1, SOON).await;
    here.end();
    there.end();
}

#[tokio::test]
async fn who_listens_and_who_only_asks_agree_whatever_happens() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let proxy = FaultProxy::start(natter.addr()).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let a = ada.connect().await;
    let mut rooms = vec![ada.general(&a).await];
    for name in ["One", "Two"] {
        let room = ada.make_room(&a, RoomKind::Closed, name).await;
        ada.invite(&a, &room, &["ben"]).await;
        rooms.push(room);
    }
    let ids: Vec<_> = rooms.iter().map(|id| RoomId::parse(id).unwrap()).collect();
    // He looks at two of the three, through a bad network.
    let mut listener = begin(&ben, proxy.addr(), &[&ids[0], &ids[1]]);
    let asker = ben.dial_to(&format!("ws://{}/nats", beside.addr()), beside.addr());
    let mut seed = 7_u64;
    let mut chance = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for round in 0..12 {
        for _ in 0..12 {
            let at = usize::try_from(chance(3)).unwrap();
            match chance(10) {
                0..=5 => drop(say(&ada, &a, &rooms[at]).await),
                6 => listener.say(&ids[at]).await,
                7 => listener.read(&ids[at % 2]),
                8 => proxy.cut(),
                _ => {
                    let fault = Fault::Delay(Duration::from_millis(chance(30)));
                    proxy.set(fault);
                }
            }
        }
        if round % 5 == 4 {
            listener.crash();
        }
        proxy.set(Fault::Pass);
        listener.wake();
        agree(&listener, &ben, &asker, &rooms, &ids).await;
    }
    listener.end();
}

async fn agree(
    listener: &Headless,
    ben: &Person,
    asker: &Client,
    rooms: &[String],
    ids: &[RoomId],
) {
    let mut seen = Vec::new();
    let agreed = timeout(SOON, async {
        loop {
            let heads = heads(ben, asker).await;
            let asked: Vec<_> = rooms.iter().map(|room| heads[room].unread).collect();
            let shown: Vec<_> = ids.iter().map(|id| listener.unread(id)).collect();
            if asked == shown && listener.is_all_sent() {
                return;
            }
            seen = vec![asked, shown];
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(agreed.await.is_ok(), "asked and shown: {seen:?}");
}
