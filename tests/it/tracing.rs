//! What nats-server's message tracing (ADR-41) tells a person. It cannot be switched off, so this checks
//! what `docs/protocol.md` says of it, and fails when a later nats-server tells more.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use natter::nats::{Client, Headers, Outgoing, Subscription};
use serde_json::Value;
use tokio::time::timeout;

use crate::support::{A_MOMENT, Natter, Person, SOON};

/// Publishes, and asks for a trace of it.
async fn trace(client: &Client, subject: &str, destination: &str) {
    let mut headers = Headers::new();
    headers.append("Nats-Trace-Dest", destination).unwrap();
    headers.append("Nats-Trace-Only", "true").unwrap();
    let message = Outgoing {
        subject: subject.into(),
        headers,
        payload: "x".into(),
        ..Outgoing::default()
    };
    client.publish_message(message).await.unwrap();
    client.flush().await.unwrap();
}

async fn next(events: &mut Subscription) -> Value {
    let event = timeout(SOON, events.next()).await.unwrap().unwrap();
    serde_json::from_slice(&event.payload).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_trace_tells_of_the_server_and_of_connections_and_of_nobody() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (adas, bens) = (ada.connect().await, ben.connect().await);
    let _hello = bens.subscribe("hello").await.unwrap();
    bens.flush().await.unwrap();
    let mut traces = adas.subscribe("hello.trace").await.unwrap();
    adas.flush().await.unwrap();

    let mut names = BTreeSet::new();
    for (subject, receivers) in [
        ("hello", 1),
        ("hello.nobody", 0),
        ("natter.svc.ada.heads", 1),
        ("ada.ping", 1),
        // What one may not publish is refused, and that is traced.
        ("natter.evt.open.x", 0),
        ("natter.log.open.x", 0),
        ("ben.ping", 0),
        ("$JS.API.INFO", 0),
        ("$SYS.REQ.SERVER.PING", 0),
    ] {
        trace(&adas, subject, "hello.trace").await;
        let told = next(&mut traces).await;
        assert_eq!(keys(&told), ["events", "request", "server"], "{subject}");
        let server = [
            "feature_flags",
            "flags",
            "host",
            "id",
            "jetstream",
            "name",
            "seq",
            "time",
            "ver",
        ];
        assert_eq!(keys(&told["server"]), server);
        let events = told["events"].as_array().unwrap();
        assert_eq!(events.len(), 1 + receivers, "{subject}: {told}");
        for event in events {
            let known = [
                "acc", "cid", "error", "kind", "name", "queue", "sub", "subj", "ts", "type",
            ];
            assert!(keys(event).iter().all(|key| known.contains(key)), "{event}");
            names.extend(event["name"].as_str().map(str::to_owned));
        }
        let told = told.to_string();
        let secrets = [ben.uid.as_str(), ada.token.as_str(), ben.token.as_str()];
        let is_own = |secret: &&&str| !subject.contains(**secret);
        for secret in secrets.iter().filter(is_own) {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    assert_eq!(names, BTreeSet::from(["natter reader".to_owned()]));
}

#[tokio::test]
async fn a_trace_goes_only_where_one_may_publish() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let link = ada.invitation("guest", "general").await;
    let guest = Person::accept(&natter, "guest", &link).await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (guests, bens) = (guest.connect().await, ben.connect().await);
    let mut heard = Vec::new();
    for subject in ["_INBOX.ben.>", "natter.evt.open.*", "ben.ping", "hello.>"] {
        heard.push(bens.subscribe(subject).await.unwrap());
    }
    let mut own = guests.subscribe("guest.ping").await.unwrap();
    for client in [&bens, &guests] {
        client.flush().await.unwrap();
    }
    for destination in [
        "_INBOX.ben.x",
        "natter.evt.open.x",
        "ben.ping",
        "hello.x",
        "natter.log.dir.x",
    ] {
        trace(&guests, "guest.echo", destination).await;
    }
    // One that is let through, so that nothing of those before is under way.
    trace(&guests, "guest.echo", "guest.ping").await;
    next(&mut own).await;
    for subscription in &mut heard {
        let nothing = timeout(A_MOMENT, subscription.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");
    }
}
