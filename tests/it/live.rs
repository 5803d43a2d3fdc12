//! From one page to the other: post, log, republish, sync.

use futures::StreamExt as _;
use natter::client::logged_event;
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, FailureKind, event::Body};
use prost::Message as _;
use tokio::time::timeout;

use crate::support::{Natter, Person, SOON, ulid};

fn text_of(event: &v1::LoggedEvent) -> &str {
    match event.event.as_ref().and_then(|event| event.body.as_ref()) {
        Some(Body::MessagePosted(posted)) => &posted.text,
        _ => "",
    }
}

#[tokio::test]
async fn what_one_writes_the_other_hears_with_its_place() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let room = ada.general(&a).await;
    let mut feed = b.subscribe("natter.evt.open.*").await.unwrap();
    b.flush().await.unwrap();
    let first = ada.post(&a, &room, "one").await.unwrap();
    let second = ada.post(&a, &room, "two").await.unwrap();
    let one = timeout(SOON, feed.next()).await.unwrap().unwrap();
    assert_eq!(one.subject.as_str(), format!("natter.evt.open.{room}"));
    let one = logged_event(&one).unwrap();
    let two = logged_event(&feed.next().await.unwrap()).unwrap();
    assert_eq!((one.sequence, text_of(&one)), (first.sequence, "one"));
    assert_eq!(
        (two.sequence, two.previous),
        (second.sequence, first.sequence)
    );
    assert_eq!(two.event.unwrap().key.unwrap().uid, "ada");
}

#[tokio::test]
async fn the_same_key_is_the_same_message_and_another_text_a_conflict() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let mut request = v1::PostRequest {
        room_id: room,
        ulid: ulid(),
        text: "once".into(),
    };
    let first: v1::PostResponse = ada.ask(&client, "post", &request).await.unwrap();
    let length = natter.log_length().await;
    for _ in 0..5 {
        let again: v1::PostResponse = ada.ask(&client, "post", &request).await.unwrap();
        assert_eq!(again, first);
    }
    request.text = "something else".into();
    let other: Result<v1::PostResponse, _> = ada.ask(&client, "post", &request).await;
    assert_eq!(other.unwrap_err().kind(), FailureKind::Conflict);
    assert_eq!(natter.log_length().await, length);
}

#[tokio::test]
async fn twenty_at_once_of_one_key_are_one_message() {
    let natter = Natter::start().await;
    // Each request is worked on by one of two natters, whichever.
    let _beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let one = ada.connect().await;
    let room = ada.general(&one).await;
    let length = natter.log_length().await;
    let request = v1::PostRequest {
        room_id: room,
        ulid: ulid(),
        text: "once".into(),
    };
    let tries = (0..20).map(|_| ada.ask::<v1::PostResponse>(&one, "post", &request));
    let answers = futures::future::join_all(tries).await;
    let first = answers[0].clone().unwrap().sequence;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().sequence == first)
    );
    assert_eq!(natter.log_length().await, length + 1);
}

#[tokio::test]
async fn sync_brings_what_happened_since_and_knows_another_past() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let key = ulid();
    let request = v1::PostRequest {
        room_id: room.clone(),
        ulid: key.clone(),
        text: "seen".into(),
    };
    let seen: v1::PostResponse = ada.ask(&client, "post", &request).await.unwrap();
    ada.post(&client, &room, "missed 1").await.unwrap();
    let last = ada.post(&client, &room, "missed 2").await.unwrap();
    let position = |uid: &str| v1::Position {
        room_id: room.clone(),
        sequence: seen.sequence,
        key: Some(v1::Key {
            uid: uid.into(),
            ulid: key.clone(),
        }),
    };
    let asked = v1::SyncRequest {
        positions: vec![position("ada")],
    };
    let answer: v1::SyncResponse = ada.ask(&client, "sync", &asked).await.unwrap();
    assert!(answer.through >= last.sequence, "behind the barrier");
    let texts: Vec<_> = answer.rooms[0].events.iter().map(text_of).collect();
    assert_eq!(texts, ["missed 1", "missed 2"]);
    assert!(!answer.rooms[0].reset);
    let asked = v1::SyncRequest {
        positions: vec![position("ben")],
    };
    let answer: v1::SyncResponse = ada.ask(&client, "sync", &asked).await.unwrap();
    assert!(answer.rooms[0].reset, "the key of that place is another");
}

#[tokio::test]
async fn history_comes_in_pages() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    for n in 0..60 {
        ada.post(&client, &room, &format!("message {n}"))
            .await
            .unwrap();
    }
    let asked = v1::HistoryRequest {
        room: "general".into(),
        before: 0,
        limit: 0,
    };
    let newest: v1::HistoryResponse = ada.ask(&client, "history", &asked).await.unwrap();
    let view = newest.view.unwrap();
    assert_eq!((view.events.len(), view.has_earlier), (50, true));
    assert_eq!(text_of(view.events.last().unwrap()), "message 59");
    let asked = v1::HistoryRequest {
        before: view.events[0].sequence,
        ..asked
    };
    let older: v1::HistoryResponse = ada.ask(&client, "history", &asked).await.unwrap();
    let view = older.view.unwrap();
    // Ten messages, and the entry that opened the room.
    assert_eq!((view.events.len(), view.has_earlier), (11, false));
    assert_eq!(text_of(view.events.last().unwrap()), "message 9");
}

#[tokio::test]
async fn what_cannot_be_posted_is_refused_with_the_reason() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let length = natter.log_length().await;
    for (room, text, kind) in [
        (room.as_str(), "", FailureKind::Invalid),
        (room.as_str(), &"x".repeat(4_001), FailureKind::Invalid),
        ("nowhere", "hello", FailureKind::NotFound),
        ("a.b.>", "hello", FailureKind::Invalid),
    ] {
        let failure = ada.post(&client, room, text).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure:?}");
        assert!(!failure.reason.is_empty());
    }
    let reply = ada
        .ask_raw(&client, "post", b"\xff\xff not protobuf".to_vec())
        .await
        .unwrap();
    assert_eq!(reply.headers.last("Nats-Service-Error-Code"), Some("422"));
    let failure = v1::Failure::decode(reply.payload).unwrap();
    assert_eq!(failure.kind(), FailureKind::Invalid);
    assert_eq!(natter.log_length().await, length, "nothing was written");
}

#[tokio::test]
async fn whoever_floods_is_told_to_wait_and_nobody_else_waits() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let question = v1::HeadsRequest::default();
    let flood = (0..300).map(|_| ada.ask::<v1::HeadsResponse>(&a, "heads", &question));
    let answers = futures::future::join_all(flood).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(refused.len() > 100, "{} refused", refused.len());
    assert!(
        refused
            .iter()
            .all(|failure| failure.kind() == FailureKind::TooMany)
    );
    assert!(refused.iter().all(|failure| failure.retry_after_ms > 0));
    let heard = ben.ask::<v1::HeadsResponse>(&b, "heads", &question).await;
    assert!(heard.is_ok());
}

#[tokio::test]
async fn of_a_forged_place_the_brokers_own_counts() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let mut feed = client.subscribe("natter.evt.open.*").await.unwrap();
    client.flush().await.unwrap();
    // No user can publish to the log; were something there with headers of its own, the broker
    // would append to them.
    let service = natter.as_service(ServiceUser::Chat).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Sequence", "1");
    headers.insert("Nats-Last-Sequence", "0");
    let js = async_nats::jetstream::new(service);
    let payload = v1::Event::default().encode_to_vec();
    let subject = format!("natter.log.open.{room}");
    let ack = js
        .publish_with_headers(subject, headers, payload.into())
        .await
        .unwrap();
    let sequence = ack.await.unwrap().sequence;
    let message = timeout(SOON, feed.next()).await.unwrap().unwrap();
    let forged: Vec<_> = message.headers.values("Nats-Sequence").collect();
    assert_eq!(forged, ["1", &sequence.to_string()]);
    assert_eq!(logged_event(&message).unwrap().sequence, sequence);
}

#[tokio::test]
async fn echo_says_the_same() {
    use natter::wire::echo::{EchoRequest, EchoResponse};
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let payload = EchoRequest {
        message: "hello world".into(),
    };
    let reply = client
        .request("ada.echo", payload.encode_to_vec().into(), SOON)
        .await
        .unwrap();
    assert_eq!(
        EchoResponse::decode(reply.payload).unwrap().message,
        "hello world"
    );
}

#[tokio::test]
async fn the_echo_server_function_goes_through_the_broker() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let response = ada.submit("/api/echo", &[("message", "hello")]).await;
    assert_eq!(response.status(), 200);
    let report: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(report["text"], "hello");
    assert!(
        report["version"].as_str().unwrap().starts_with("2."),
        "{report}"
    );
}
