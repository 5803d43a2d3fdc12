//! What a signed-in person's own NATS client may not do.

use futures::StreamExt as _;
use natter::nats::{Client, Event, Operation, Outgoing, RequestError, SubscribeError};
use natter::wire::v1;
use prost::Message as _;
use tokio::time::timeout;

use crate::support::{A_MOMENT, Natter, Person, SOON};

async fn may_not_publish(client: &Client, subject: &str) {
    let mut events = client.events();
    client.publish(subject, "x".into()).await.unwrap();
    let denied = async {
        loop {
            if let Event::PermissionDenied { operation, subject } = events.next().await.unwrap() {
                return (operation, subject);
            }
        }
    };
    let denied = timeout(SOON, denied).await;
    assert_eq!(
        denied.unwrap(),
        (Operation::Publish, subject.to_owned()),
        "{subject}"
    );
}

#[tokio::test]
async fn nothing_that_a_stream_captures_can_be_published() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let length = natter.log_length().await;
    for subject in [
        &format!("natter.log.open.{room}"),
        "natter.log.dir.person.eve",
        "natter.log.user.ada",
        &format!("natter.evt.open.{room}"),
        "natter.sig.open.x",
        "natter.prs.ada",
        "natter.svc.ben.post",
        "ben.echo",
        "$KV.natter-sessions.x",
        "$KV.natter-credentials.x",
        "$JS.API.STREAM.PURGE.LOG",
        "$JS.API.CONSUMER.CREATE.LOG",
        "$JS.API.STREAM.MSG.GET.LOG",
        "$JS.API.DIRECT.GET.LOG",
        "$SYS.REQ.SERVER.PING",
        "_INBOX.ben.x",
        "_INBOX.x",
    ] {
        may_not_publish(&client, subject).await;
    }
    assert_eq!(natter.log_length().await, length);
}

#[tokio::test]
async fn nothing_of_others_can_be_heard() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    for subject in [
        ">",
        "*.>",
        "_INBOX.>",
        "_INBOX.*",
        "_INBOX.ben.>",
        "natter.>",
        "natter.log.>",
        "natter.evt.>",
        "natter.evt.dir.>",
        "natter.evt.*.*",
        "natter.evt.closed.*",
        "natter.evt.user.ben",
        "natter.evt.dm.*.*",
        "natter.svc.>",
        "natter.svc.ada.post",
        "ben.echo",
        "ada.echo",
        "$JS.>",
        "$KV.>",
        "$SYS.>",
    ] {
        let mut feed = client.subscribe(subject).await.unwrap();
        let ended = timeout(SOON, feed.next()).await;
        assert!(ended.unwrap().is_none(), "{subject}");
        assert_eq!(
            feed.error(),
            Some(SubscribeError::PermissionDenied),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn requests_where_one_may_not_ask_fail_at_once() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    for subject in [
        "natter.svc.ben.post",
        "$JS.API.STREAM.INFO.LOG",
        "$SYS.REQ.USER.INFO",
    ] {
        let refused = client.request(subject, "".into(), SOON).await;
        assert_eq!(
            refused.unwrap_err(),
            RequestError::PermissionDenied,
            "{subject}"
        );
    }
}

#[tokio::test]
async fn an_answer_goes_to_the_own_inbox_and_a_request_for_elsewhere_is_not_worked_on() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let room = ada.general(&a).await;
    let mut inbox = b.subscribe("_INBOX.ben.>").await.unwrap();
    b.flush().await.unwrap();
    let length = natter.log_length().await;
    let request = v1::PostRequest {
        room_id: room.clone(),
        ulid: crate::support::ulid(),
        text: "not this way".into(),
    };
    for reply in [
        "_INBOX.ben.x".to_owned(),
        "_INBOX.ada".into(),
        format!("natter.log.open.{room}"),
        format!("natter.evt.open.{room}"),
        "$JS.API.STREAM.PURGE.LOG".into(),
        "$KV.natter-sessions.x".into(),
        "hello".into(),
    ] {
        for (subject, payload) in [
            ("natter.svc.ada.post", request.encode_to_vec()),
            ("natter.svc.ada.heads", Vec::new()),
            ("ada.echo", Vec::new()),
        ] {
            a.publish_message(Outgoing {
                subject: subject.into(),
                reply: Some(reply.clone()),
                payload: payload.into(),
                ..Outgoing::default()
            })
            .await
            .unwrap();
        }
    }
    a.flush().await.unwrap();
    // What was asked after all of that has been answered, so that has been seen.
    ada.general(&a).await;
    assert!(
        timeout(A_MOMENT, inbox.next()).await.is_err(),
        "ben heard something"
    );
    assert_eq!(natter.log_length().await, length, "something was written");
}

#[tokio::test]
async fn the_sandbox_is_everybodys() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let mut hello = b.subscribe("hello.>").await.unwrap();
    b.flush().await.unwrap();
    a.publish("hello.world", "hi".into()).await.unwrap();
    let heard = timeout(SOON, hello.next()).await.unwrap().unwrap();
    assert_eq!(heard.payload, "hi");
}
