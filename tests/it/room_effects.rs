//! What a person does in a room takes effect only while they have the right to it: in LOG, none of it
//! stands after the entry that took the right.

use futures::future::join_all;
use natter::domain::{RoomId, subject};
use natter::nats::Client;
use natter::wire::v1::{self, FailureKind, RoomKind, event::Body};
use prost::Message as _;

use crate::effects::{log_of, name, place};
use crate::support::{Natter, Person, failure_in, ulid};

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Asks again and again, several times at once, until natter refuses or ends the connection. The first
/// answer is there when `while_asking` begins.
async fn ask_until_refused(
    who: &Person,
    client: &Client,
    verb: &str,
    question: impl Fn(usize) -> Vec<u8>,
    while_asking: impl Future<Output = ()>,
) {
    let (question, (begun, begins)) = (&question, futures::channel::oneshot::channel());
    let begun = std::sync::Mutex::new(Some(begun));
    let begun = &begun;
    let asking = (0..AT_ONCE).map(|asker| async move {
        for number in 0..1_000 {
            let asked = who.ask_raw(client, verb, question(asker + number * AT_ONCE));
            let Ok(reply) = asked.await else { return };
            match failure_in(&reply).map(|failure| failure.kind()) {
                // Somebody else of the askers was first.
                Some(FailureKind::Unavailable) => {}
                Some(_) => return,
                None => drop(begun.lock().unwrap().take().map(|begun| begun.send(()))),
            }
        }
        panic!("{verb} was never refused");
    });
    let acting = async {
        begins.await.unwrap();
        while_asking.await;
    };
    tokio::join!(join_all(asking), acting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_not_changed_after_the_removal_of_who_changes_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let as_ada = ada.connect().await;
    let log = log_of(&natter).await;
    for round in 0..9 {
        let ben = Person::sign_up(&natter, &format!("ben-{round}")).await;
        let as_ben = ben.connect().await;
        let room = format!("Room {round}");
        let room = ben.make_room(&as_ben, RoomKind::Closed, &room).await;
        ben.invite(&as_ben, &room, &["ada"]).await;
        let change = |number: usize| {
            let asked = v1::ChangeRoomRequest {
                room_id: room.clone(),
                ..v1::ChangeRoomRequest::default()
            };
            let asked = match round % 3 {
                0 => v1::ChangeRoomRequest {
                    name: Some(format!("Room {round}-{number}")),
                    ..asked
                },
                1 => v1::ChangeRoomRequest {
                    topic: Some(format!("Topic {number}")),
                    ..asked
                },
                _ => v1::ChangeRoomRequest {
                    archived: Some((number / AT_ONCE).is_multiple_of(2)),
                    ..asked
                },
            };
            asked.encode_to_vec()
        };
        let removal = ada.remove(&as_ada, &room, &ben.uid);
        ask_until_refused(&ben, &as_ben, "change-room", change, removal).await;
        let id = RoomId::parse(&room).unwrap();
        let removed = place(&log, subject::log_member(&id, &name(&ben.uid))).await;
        let changed = place(&log, subject::log_room(&id)).await;
        assert!(
            changed < removed,
            "round {round}: {changed} after {removed}"
        );
    }
}

#[tokio::test]
async fn an_archived_room_keeps_its_topic() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    let change = async |archived: Option<bool>, topic: &str| {
        let asked = v1::ChangeRoomRequest {
            room_id: room.clone(),
            archived,
            topic: Some(topic.into()),
            ..v1::ChangeRoomRequest::default()
        };
        let changed: Result<v1::RoomResponse, _> = ada.ask(&client, "change-room", &asked).await;
        changed.map(|changed| changed.room.unwrap_or_default().topic)
    };
    assert_eq!(change(Some(true), "one").await.unwrap(), "one");
    assert!(change(None, "two").await.is_err());
    assert_eq!(change(Some(false), "three").await.unwrap(), "three");
}

fn post(room_id: &str) -> Vec<u8> {
    let asked = v1::PostRequest {
        room_id: room_id.into(),
        ulid: ulid(),
        text: "still here".into(),
    };
    asked.encode_to_vec()
}

/// How many messages of somebody stand in LOG after an entry.
async fn posts_after(natter: &Natter, uid: &str, after: u64) -> usize {
    let log = log_of(natter).await;
    let last = log.get_info().await.unwrap().state.last_sequence;
    let mut found = 0;
    for sequence in after + 1..=last {
        let entry = log.get_raw_message(sequence).await.unwrap();
        let event = v1::Event::decode(entry.payload).unwrap();
        let is_post = matches!(event.body, Some(Body::MessagePosted(_)));
        found += usize::from(is_post && event.key.unwrap().uid == uid);
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_written_after_the_removal_of_its_author() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let as_ada = ada.connect().await;
    let log = log_of(&natter).await;
    // Three changes of rooms each, of the thirty that ada has at once.
    for round in 0..8 {
        let ben = Person::sign_up(&natter, &format!("ben-{round}")).await;
        let room = format!("Room {round}");
        let room = ada.make_room(&as_ada, RoomKind::Closed, &room).await;
        ada.invite(&as_ada, &room, &[&ben.uid]).await;
        let as_ben = ben.connect().await;
        let removal = ada.remove(&as_ada, &room, &ben.uid);
        ask_until_refused(&ben, &as_ben, "post", |_| post(&room), removal).await;
        let id = RoomId::parse(&room).unwrap();
        let removed = place(&log, subject::log_member(&id, &name(&ben.uid))).await;
        let late = posts_after(&natter, &ben.uid, removed).await;
        assert_eq!(late, 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_written_in_an_open_room_after_the_suspension_of_its_author() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let log = log_of(&natter).await;
    for round in 0..8 {
        let ben = Person::sign_up(&natter, &format!("ben-{round}")).await;
        let as_ben = ben.connect().await;
        let general = ben.general(&as_ben).await;
        let suspension = async {
            ada.act(&ben.uid, "suspend").await;
        };
        ask_until_refused(&ben, &as_ben, "post", |_| post(&general), suspension).await;
        let suspended = place(&log, subject::log_person(&name(&ben.uid))).await;
        let late = posts_after(&natter, &ben.uid, suspended).await;
        assert_eq!(late, 0, "round {round}");
    }
}

/// A person who changes their profile or mutes a room meanwhile is not refused for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_written_although_its_author_mutes_the_room_meanwhile() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    let before = natter.log_length().await;
    let posts = join_all((0..30).map(|_| ada.ask_raw(&client, "post", post(&room))));
    let mutes = async {
        for muted in [true, false].into_iter().cycle().take(20) {
            let mute = v1::MuteRequest {
                room_id: room.clone(),
                muted,
            };
            let muted: Result<v1::RoomResponse, _> = ada.ask(&client, "mute", &mute).await;
            muted.unwrap();
        }
    };
    let (posts, ()) = tokio::join!(posts, mutes);
    for posted in posts {
        let failure = failure_in(&posted.unwrap());
        assert_eq!(failure, None);
    }
    assert_eq!(posts_after(&natter, "ada", before).await, 30);
}
