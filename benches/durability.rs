//! What an acknowledgement costs by how soon it has to be on the disk: posts of 200 bytes into LOG of
//! a real nats-server, at each `--sync-interval`, in turns on the same disk.
//!
//! `cargo bench --features ssr --bench durability [FOLDER]`: FOLDER is on the disk to be measured.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use natter::server::broker::{
    BrokerKeys, EmbeddedBroker, EmbeddedOptions, ServiceUser, SyncInterval, locate,
};
use natter::server::space::Space;
use natter::server::store::Store;

/// Turns of each; a turn of one is followed by a turn of the next.
const TURNS: usize = 5;

/// How long one is measured in a turn, for throughput and for latency each.
const MEASURED: Duration = Duration::from_secs(1);

const IN_FLIGHT: usize = 64;

const INTERVALS: [&str; 4] = ["2m", "1s", "100ms", "always"];

#[tokio::main]
async fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench");
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let mut brokers = Vec::new();
    for interval in INTERVALS {
        let folder = tempfile::tempdir_in(&folder).unwrap();
        let (broker, js) = start(folder.path(), interval.parse().unwrap()).await;
        brokers.push((folder, broker, js));
    }
    let mut rates = [const { Vec::new() }; INTERVALS.len()];
    let mut latencies = [const { Vec::new() }; INTERVALS.len()];
    for turn in 0..=TURNS {
        for (at, (_, _, js)) in brokers.iter().enumerate() {
            let rate = many(js).await;
            let each = one_by_one(js).await;
            // The first turn warms up.
            if turn > 0 {
                rates[at].push(rate);
                latencies[at].extend(each);
            }
        }
    }
    println!("sync interval   posts/s, {IN_FLIGHT} at once   one at a time: p50      p99");
    for (at, interval) in INTERVALS.into_iter().enumerate() {
        rates[at].sort_unstable_by(f64::total_cmp);
        latencies[at].sort_unstable();
        let percentile = |of: usize| latencies[at][latencies[at].len() * of / 100].as_secs_f64();
        println!(
            "{interval:<15} {:>20.0} {:>17.2} ms {:>5.2} ms",
            rates[at][TURNS / 2],
            percentile(50) * 1e3,
            percentile(99) * 1e3,
        );
    }
    for (_, broker, _) in brokers {
        broker.shutdown().await;
    }
}

async fn start(folder: &Path, sync_interval: SyncInterval) -> (EmbeddedBroker, Context) {
    let keys = BrokerKeys::load_or_create(&folder.join("keys")).unwrap();
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/nats-server");
    let options = EmbeddedOptions {
        data_dir: folder.to_owned(),
        nats_server: locate(unpacked.is_file().then_some(unpacked.as_path()))
            .await
            .unwrap(),
        nats_port: None,
        ws_port: None,
        sync_interval,
        max_store: None,
        allowed_origins: vec!["http://localhost".to_owned()],
    };
    let broker = EmbeddedBroker::start(options, &keys).await.unwrap();
    let credentials = keys.user(ServiceUser::Chat).unwrap();
    let options = credentials.connect_options().unwrap();
    let js = jetstream::new(options.connect(broker.client_url()).await.unwrap());
    Store::open(&js, Space::default(), 1).await.unwrap();
    (broker, js)
}

fn post() -> (&'static str, Bytes) {
    ("natter.log.open.bench", Bytes::from_static(&[b'x'; 200]))
}

async fn many(js: &Context) -> f64 {
    let began = Instant::now();
    let mut acks = VecDeque::new();
    let mut count = 0;
    while began.elapsed() < MEASURED {
        let (subject, payload) = post();
        acks.push_back(js.publish(subject, payload).await.unwrap().into_future());
        if acks.len() == IN_FLIGHT {
            acks.pop_front().unwrap().await.unwrap();
            count += 1;
        }
    }
    for ack in acks {
        ack.await.unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

async fn one_by_one(js: &Context) -> Vec<Duration> {
    let began = Instant::now();
    let mut each = Vec::new();
    while began.elapsed() < MEASURED {
        let asked = Instant::now();
        let (subject, payload) = post();
        js.publish(subject, payload).await.unwrap().await.unwrap();
        each.push(asked.elapsed());
    }
    each
}
