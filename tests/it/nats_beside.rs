//! Our client beside async-nats: the same script with both, each way round, over both transports,
//! sees the same.

mod async_nats_peer;
mod our_peer;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use crate::plain_nats::Broker;
use crate::support::{A_MOMENT, SOON};

/// What the script needs of a client.
trait Peer: Sized {
    type Feed;

    async fn connect(url: &str) -> Self;
    async fn subscribe(&self, subject: &str, queue: Option<&str>) -> Self::Feed;
    /// Whether it was taken.
    async fn publish(&self, message: &Said<'_>) -> bool;
    async fn flush(&self);
    async fn request(&self, subject: &str, payload: &str, within: Duration) -> Answer;
    /// Ends it after so many more, besides those that it has had.
    async fn end_after(feed: &mut Self::Feed, had: u64, more: u64);
    async fn next(feed: &mut Self::Feed) -> Option<Heard>;
}

#[derive(Debug, Clone, Default)]
struct Said<'a> {
    subject: &'a str,
    reply: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    payload: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    subject: String,
    reply: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Came(Vec<u8>),
    NobodyThere,
    NotInTime,
    Refused,
}

fn said<'a>(subject: &'a str, payload: &str) -> Said<'a> {
    Said {
        subject,
        payload: payload.into(),
        ..Said::default()
    }
}

async fn next<P: Peer>(feed: &mut P::Feed) -> Option<Heard> {
    timeout(SOON, P::next(feed)).await.expect("in time")
}

async fn all<P: Peer>(feed: &mut P::Feed, count: usize) -> Vec<Heard> {
    let mut heard = Vec::new();
    while heard.len() < count {
        heard.push(next::<P>(feed).await.expect("one more"));
    }
    heard
}

async fn is_silent<P: Peer>(feed: &mut P::Feed) -> bool {
    timeout(A_MOMENT, P::next(feed)).await.is_err()
}

/// Everything that can be seen, in words.
async fn script<A: Peer, B: Peer>(url: &str) -> Vec<String> {
    let (a, b) = (A::connect(url).await, B::connect(url).await);
    let mut seen = Vec::new();
    order_and_wildcards(&a, &b, &mut seen).await;
    headers(&a, &b, &mut seen).await;
    sizes(&a, &b, &mut seen).await;
    groups(&a, &b, &mut seen).await;
    limits(&a, &b, &mut seen).await;
    questions(&a, &b, &mut seen).await;
    seen
}

async fn order_and_wildcards<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut one = b.subscribe("a.*", None).await;
    let mut rest = b.subscribe("a.>", None).await;
    b.flush().await;
    for n in 0..30 {
        let subject = ["a.x", "a.y", "a.x.z", "b"][n % 4];
        a.publish(&said(subject, &n.to_string())).await;
    }
    a.flush().await;
    seen.push(format!("one token: {:?}", all::<B>(&mut one, 16).await));
    seen.push(format!("all tokens: {:?}", all::<B>(&mut rest, 23).await));
    drop(one);
    b.flush().await;
    a.publish(&said("a.x", "")).await;
    let empty = next::<B>(&mut rest).await;
    seen.push(format!(
        "empty: {empty:?}, {}",
        is_silent::<B>(&mut rest).await
    ));
    // Empty tokens too are refused by ours (ADR-6), and by theirs sent.
    for bad in ["", "a b", "a\r\nb"] {
        seen.push(format!("{bad:?}: {}", a.publish(&said(bad, "")).await));
    }
}

async fn headers<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut feed = b.subscribe("h", None).await;
    b.flush().await;
    let several = [
        ("Key", "one"),
        ("key", "small"),
        ("Key", "two: x"),
        ("E", ""),
    ];
    for (pairs, reply) in [
        (&several[..], Some("r.s")),
        (&several[..1], None),
        (&[], None),
    ] {
        a.publish(&Said {
            headers: pairs,
            reply,
            ..said("h", "payload")
        })
        .await;
    }
    seen.push(format!("headers: {:?}", all::<B>(&mut feed, 3).await));
}

async fn sizes<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut feed = b.subscribe("size", None).await;
    b.flush().await;
    let most = 1_048_576;
    for size in [4_095, 4_096, 100_000, most, most + 1] {
        let taken = a
            .publish(&Said {
                payload: (0..size).map(|n: usize| n.to_le_bytes()[0]).collect(),
                ..said("size", "")
            })
            .await;
        seen.push(format!("{size}: {taken}"));
        if taken {
            let heard = next::<B>(&mut feed).await.unwrap().payload;
            let is_whole = (0..)
                .zip(&heard)
                .all(|(n, b): (usize, _)| n.to_le_bytes()[0] == *b);
            seen.push(format!("{} whole {is_whole}", heard.len()));
        }
    }
}

async fn groups<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(b.subscribe("work", Some("workers")).await);
    }
    let mut other = b.subscribe("work", Some("others")).await;
    b.flush().await;
    for n in 0..60 {
        a.publish(&said("work", &n.to_string())).await;
    }
    a.flush().await;
    let others = all::<B>(&mut other, 60).await;
    b.flush().await;
    let mut done = Vec::new();
    for worker in &mut workers {
        while let Ok(Some(heard)) = timeout(A_MOMENT, B::next(worker)).await {
            done.push(heard.payload);
        }
    }
    done.sort();
    let mut each: Vec<_> = others.into_iter().map(|heard| heard.payload).collect();
    each.sort();
    seen.push(format!("each once: {} {}", done == each, done.len()));
}

async fn limits<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut before = b.subscribe("few", None).await;
    let mut after = b.subscribe("few", None).await;
    B::end_after(&mut before, 0, 3).await;
    b.flush().await;
    a.publish(&said("few", "0")).await;
    seen.push(format!("first: {:?}", next::<B>(&mut after).await));
    // Two more than the one that has come.
    B::end_after(&mut after, 1, 2).await;
    b.flush().await;
    for n in 1..10 {
        a.publish(&said("few", &n.to_string())).await;
    }
    for feed in [&mut before, &mut after] {
        let mut heard = Vec::new();
        while let Some(one) = next::<B>(feed).await {
            heard.push(one.payload);
        }
        seen.push(format!("few: {heard:?}"));
    }
}

async fn questions<A: Peer, B: Peer>(a: &A, b: &B, seen: &mut Vec<String>) {
    let mut asked = b.subscribe("svc.*", Some("q")).await;
    b.flush().await;
    let answering = async {
        for _ in 0..3 {
            let heard = next::<B>(&mut asked).await.unwrap();
            let reply = heard.reply.unwrap();
            if heard.subject == "svc.silent" {
                continue;
            }
            // Twice: the first answer is the answer.
            for text in ["yes", "again"] {
                let answer = [&heard.payload[..], text.as_bytes()].concat();
                let payload = answer.clone();
                b.publish(&Said {
                    payload,
                    ..said(&reply, "")
                })
                .await;
            }
        }
    };
    let asking = async {
        let mut answers = Vec::new();
        for (subject, within) in [
            ("svc.one", SOON),
            ("svc.two", SOON),
            ("svc.silent", A_MOMENT),
            ("nobody", SOON),
            ("a b", SOON),
        ] {
            answers.push(a.request(subject, subject, within).await);
        }
        answers
    };
    let (answers, ()) = tokio::join!(asking, answering);
    seen.push(format!("{answers:?}"));
}

#[tokio::test]
async fn both_clients_see_the_same() {
    type Ours = natter::nats::Client;
    type Theirs = async_nats::Client;
    for transport in ["tcp", "websocket"] {
        // Each has a broker, and so the subjects, to itself.
        let brokers = [(); 4].map(|()| Broker::start());
        let brokers = futures::future::join_all(brokers).await;
        let urls: Vec<_> = brokers
            .iter()
            .map(|broker| {
                if transport == "tcp" {
                    broker.nats.clone()
                } else {
                    broker.ws.clone()
                }
            })
            .collect();
        let (ours, theirs, from_us, from_them) = tokio::join!(
            script::<Ours, Ours>(&urls[0]),
            script::<Theirs, Theirs>(&urls[1]),
            script::<Ours, Theirs>(&urls[2]),
            script::<Theirs, Ours>(&urls[3]),
        );
        assert!(ours.len() > 20, "{ours:#?}");
        for other in [theirs, from_us, from_them] {
            assert_eq!(ours.len(), other.len());
            for (ours, other) in ours.iter().zip(&other) {
                assert_eq!(ours, other, "{transport}");
            }
        }
    }
}
