//! What the guard of a post costs: posts of 200 bytes into LOG of a real nats-server without an expectation,
//! with one that all posts share, and with one of a thousand that stand all over a log of 400 MB. In turns,
//! on one broker.
//!
//! `cargo bench --features ssr --bench guarded [FOLDER]`: FOLDER is on the disk to be measured.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use natter::server::broker::{BrokerKeys, EmbeddedBroker, EmbeddedOptions, ServiceUser, locate};
use natter::server::space::Space;
use natter::server::store::Store;

/// Turns of each; a turn of one is followed by a turn of the next.
const TURNS: usize = 5;

/// How long one is measured in a turn, for throughput and for latency each.
const MEASURED: Duration = Duration::from_secs(1);

const IN_FLIGHT: usize = 64;

/// Memberships, and how many posts of 4 kB stand between two of them.
const MEMBERS: usize = 1_000;
const BETWEEN: usize = 100;

type Guard = (String, u64);

#[tokio::main]
async fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench");
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(&folder).unwrap();
    let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/nats-server");
    let options = EmbeddedOptions {
        data_dir: folder.path().to_owned(),
        nats_server: locate(unpacked.is_file().then_some(unpacked.as_path()))
            .await
            .unwrap(),
        nats_port: None,
        ws_port: None,
        sync_interval: "100ms".parse().unwrap(),
        max_store: None,
        allowed_origins: vec!["http://localhost".to_owned()],
    };
    let broker = EmbeddedBroker::start(options, &keys).await.unwrap();
    let credentials = keys.user(ServiceUser::Chat).unwrap();
    let options = credentials.connect_options().unwrap();
    let js = jetstream::new(options.connect(broker.client_url()).await.unwrap());
    Store::open(&js, Space::default(), 1).await.unwrap();
    let members = fill(&js).await;

    let kinds: [(&str, &[Guard]); 3] = [
        ("none", &[]),
        ("the same", &members[MEMBERS - 1..]),
        ("one of 1,000", &members),
    ];
    let mut rates = [const { Vec::new() }; 3];
    let mut latencies = [const { Vec::new() }; 3];
    for turn in 0..=TURNS {
        for (at, (_, guards)) in kinds.iter().enumerate() {
            let rate = many(&js, guards).await;
            let each = one_by_one(&js, guards).await;
            // The first turn warms up.
            if turn > 0 {
                rates[at].push(rate);
                latencies[at].extend(each);
            }
        }
    }
    println!("guard           posts/s, {IN_FLIGHT} at once   one at a time: p50      p99");
    for (at, (name, _)) in kinds.iter().enumerate() {
        rates[at].sort_unstable_by(f64::total_cmp);
        latencies[at].sort_unstable();
        let percentile = |of: usize| latencies[at][latencies[at].len() * of / 100].as_secs_f64();
        println!(
            "{name:<15} {:>20.0} {:>17.2} ms {:>5.2} ms",
            rates[at][TURNS / 2],
            percentile(50) * 1e3,
            percentile(99) * 1e3,
        );
    }
    broker.shutdown().await;
}

/// Memberships with what is said between them.
async fn fill(js: &Context) -> Vec<Guard> {
    let mut members = Vec::new();
    for member in 0..MEMBERS {
        let subject = format!("natter.log.dir.member.bench.{member}");
        let payload = Bytes::from_static(&[b'm'; 200]);
        let ack = js.publish(subject.clone(), payload).await.unwrap();
        members.push((subject, ack.await.unwrap().sequence));
        let mut acks = Vec::new();
        for _ in 0..BETWEEN {
            let payload = Bytes::from_static(&[b'x'; 4_096]);
            let ack = js.publish("natter.log.open.bench", payload).await.unwrap();
            acks.push(ack.into_future());
        }
        for ack in acks {
            ack.await.unwrap();
        }
    }
    members
}

async fn post(
    js: &Context,
    guards: &[Guard],
    number: usize,
) -> jetstream::context::PublishAckFuture {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Stream", "LOG");
    if !guards.is_empty() {
        // Far from the one before.
        let (subject, last) = &guards[number * 389 % guards.len()];
        headers.insert(
            "Nats-Expected-Last-Subject-Sequence-Subject",
            subject.as_str(),
        );
        headers.insert("Nats-Expected-Last-Subject-Sequence", last.to_string());
    }
    let payload = Bytes::from_static(&[b'x'; 200]);
    let posted = js.publish_with_headers("natter.log.open.bench", headers, payload);
    posted.await.unwrap()
}

async fn many(js: &Context, guards: &[Guard]) -> f64 {
    let began = Instant::now();
    let mut acks = VecDeque::new();
    let mut count = 0;
    while began.elapsed() < MEASURED {
        acks.push_back(post(js, guards, count).await.into_future());
        count += 1;
        if acks.len() == IN_FLIGHT {
            acks.pop_front().unwrap().await.unwrap();
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

async fn one_by_one(js: &Context, guards: &[Guard]) -> Vec<Duration> {
    let began = Instant::now();
    let mut each = Vec::new();
    while began.elapsed() < MEASURED {
        let posting = Instant::now();
        post(js, guards, each.len()).await.await.unwrap();
        each.push(posting.elapsed());
    }
    each
}
