//! What a broker says in headers, read by the client: ADR-4, ADR-28, and many answers (ADR-47).

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, Republish};
use futures::StreamExt as _;
use natter::nats::{Client, ConnectOptions, Headers, Many, Outgoing, RequestError, Subscription};
use tokio::time::timeout;

use crate::plain_nats::Broker;
use crate::support::{A_MOMENT, SOON};

async fn connect(url: &str) -> Client {
    let client = Client::connect(ConnectOptions {
        servers: vec![url.parse().unwrap()],
        ..ConnectOptions::default()
    });
    client.connected().await.unwrap();
    client
}

async fn next(feed: &mut Subscription) -> natter::nats::Message {
    let message = timeout(SOON, feed.next()).await;
    message.expect("in time").expect("a message")
}

#[tokio::test]
async fn what_the_broker_says_of_a_republished_message_stands_last() {
    let store = tempfile::tempdir().unwrap();
    let config = format!("jetstream {{ store_dir: {:?} }}", store.path());
    let broker = Broker::start_with(&config).await;
    let js = jetstream::new(async_nats::connect(&broker.nats).await.unwrap());
    let stream = Config {
        name: "LOG".into(),
        subjects: vec!["log.>".into()],
        republish: Some(Republish {
            source: "log.>".into(),
            destination: "evt.>".into(),
            headers_only: false,
        }),
        ..Config::default()
    };
    js.create_stream(stream).await.unwrap();
    for url in [&broker.nats, &broker.ws] {
        let client = connect(url).await;
        let mut feed = client.subscribe("evt.>").await.unwrap();
        client.flush().await.unwrap();
        // A publisher that claims to be the broker.
        let mut headers = Headers::new();
        for (name, value) in [
            ("Nats-Stream", "FORGED"),
            ("Nats-Subject", "forged"),
            ("Nats-Sequence", "999"),
            ("Nats-Last-Sequence", "998"),
            ("Own", "kept"),
        ] {
            headers.append(name, value).unwrap();
        }
        for _ in 0..2 {
            let message = Outgoing {
                subject: "log.room".into(),
                headers: headers.clone(),
                payload: "hi".into(),
                ..Outgoing::default()
            };
            client.publish_message(message).await.unwrap();
        }
        let heard = [next(&mut feed).await, next(&mut feed).await];
        let number = |n: usize, name: &str| -> u64 {
            let value = heard[n].headers.last(name).unwrap();
            value.parse().unwrap()
        };
        assert_eq!(number(1, "Nats-Sequence"), number(0, "Nats-Sequence") + 1);
        assert_eq!(
            number(1, "Nats-Last-Sequence"),
            number(0, "Nats-Sequence"),
            "the one before on the same subject"
        );
        for message in &heard {
            assert_eq!(message.subject.as_str(), "evt.room");
            assert_eq!(message.payload, "hi");
            assert_eq!(message.headers.last("Nats-Stream"), Some("LOG"));
            assert_eq!(message.headers.last("Nats-Subject"), Some("log.room"));
            assert_eq!(message.headers.last("Own"), Some("kept"));
            let first = message.headers.values("Nats-Sequence").next();
            assert_eq!(first, Some("999"), "which is why the last counts");
        }
    }
}

/// Answers with its name.
async fn answering(client: &Client, name: &'static str) {
    let mut asked = client.subscribe("who").await.unwrap();
    client.flush().await.unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(question) = asked.next().await {
            let reply = question.reply_str().unwrap_or_default();
            let _ = client.publish(reply, name.into()).await;
        }
    });
}

#[tokio::test]
async fn all_who_listen_answer_one_request() {
    for transport in ["nats", "ws"] {
        let broker = Broker::start().await;
        let url = if transport == "ws" {
            &broker.ws
        } else {
            &broker.nats
        };
        let (asker, other) = (connect(url).await, connect(url).await);
        for name in ["ada", "ben", "eve"] {
            answering(&other, name).await;
        }
        let many = Many {
            stall: Some(A_MOMENT),
            ..Many::default()
        };
        let mut replies = asker.request_many("who", "".into(), many).await.unwrap();
        let mut names = Vec::new();
        while let Some(reply) = timeout(SOON, replies.next()).await.unwrap() {
            names.push(String::from_utf8(reply.payload.to_vec()).unwrap());
        }
        names.sort();
        assert_eq!(names, ["ada", "ben", "eve"]);
        assert_eq!(replies.end(), Some(Ok(())));

        let two = Many {
            most: Some(2),
            ..Many::default()
        };
        let replies = asker.request_many("who", "".into(), two).await.unwrap();
        assert_eq!(timeout(SOON, replies.count()).await.unwrap(), 2);

        let nobody = asker.request_many("nobody", "".into(), many).await;
        let mut nobody = nobody.unwrap();
        assert!(
            timeout(Duration::from_secs(2), nobody.next())
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(nobody.end(), Some(Err(RequestError::NoResponders)));
    }
}
