//! How long natter needs before it answers: building the read model from nothing, and an ordinary
//! start with a model that is up to date, at a LOG of many messages.
//!
//! `cargo bench --features ssr --bench rebuild [MESSAGES]`: a million unless said otherwise.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use natter::domain::{RoomName, Topic, Ulid, Username};
use natter::server::broker::{
    BrokerKeys, EmbeddedBroker, EmbeddedOptions, ServiceUser, SyncInterval, locate,
};
use natter::server::read_model::{Phase, ReadModel};
use natter::server::space::Space;
use natter::server::store::{Admission, NewPerson, Store};
use natter::wire::v1::{self, event::Body};
use prost::Message as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const MESSAGES: u64 = 1_000_000;
const ROOMS: u64 = 300;
const PEOPLE: u64 = 400;

/// Measurements of each; the median counts.
const TURNS: usize = 3;

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok());
    let count = count.unwrap_or(MESSAGES);
    let folder = tempfile::tempdir().unwrap();
    let (broker, js) = start(folder.path()).await;
    let store = Store::open(&js, Space::default(), 1).await.unwrap();
    let filled = Instant::now();
    fill(&store, &js, count).await;
    let end = store.log.end().await.unwrap().sequence;
    println!("{} entries written in {:.1?}", end.0, filled.elapsed());

    let path = folder.path().join("read-model.sqlite");
    let (mut built, mut started) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
        built.push(until_it_answers(&path, &store).await);
        started.push(until_it_answers(&path, &store).await);
    }
    built.sort_unstable();
    started.sort_unstable();
    let (built, started) = (built[TURNS / 2], started[TURNS / 2]);
    let size = std::fs::metadata(&path).unwrap().len() / 1_000_000;
    println!("median of {TURNS} turns           seconds   entries/s");
    println!(
        "the model is built anew     {:>8.2} {:>11.0}",
        built.as_secs_f64(),
        end.0 as f64 / built.as_secs_f64()
    );
    println!("an ordinary start           {:>8.2}", started.as_secs_f64());
    println!("the model has {size} MB");
    broker.shutdown().await;
}

async fn until_it_answers(path: &Path, store: &Store) -> Duration {
    let stop = CancellationToken::new();
    // The file is another natter's afterwards.
    let (_tell, reconnects) = watch::channel(0);
    let began = Instant::now();
    let tasks = natter::server::Tasks::until(stop.clone());
    let model = ReadModel::start(path.to_owned(), store.log.clone(), reconnects, &tasks)
        .await
        .unwrap();
    let mut progress = model.follow();
    let caught_up = progress.wait_for(|progress| progress.phase == Phase::Following);
    caught_up.await.unwrap();
    model.ask(|_| Ok(())).await.unwrap();
    let took = began.elapsed();
    stop.cancel();
    drop(progress);
    drop(model);
    tokio::time::sleep(Duration::from_millis(500)).await;
    took
}

async fn start(folder: &Path) -> (EmbeddedBroker, Context) {
    let keys = BrokerKeys::load_or_create(&folder.join("keys")).unwrap();
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/nats-server");
    let options = EmbeddedOptions {
        data_dir: folder.to_owned(),
        nats_server: locate(unpacked.is_file().then_some(unpacked.as_path()))
            .await
            .unwrap(),
        nats_port: None,
        ws_port: None,
        sync_interval: SyncInterval::Every(Duration::from_secs(1)),
        max_store: None,
        allowed_origins: vec!["http://localhost".to_owned()],
    };
    let broker = EmbeddedBroker::start(options, &keys).await.unwrap();
    let credentials = keys.user(ServiceUser::Chat).unwrap();
    let options = credentials.connect_options().unwrap();
    let js = jetstream::new(options.connect(broker.client_url()).await.unwrap());
    (broker, js)
}

/// People, rooms, and what the people said in them.
async fn fill(store: &Store, js: &Context, count: u64) {
    let mut rooms = Vec::new();
    for at in 0..PEOPLE {
        let uid = Username::parse(&format!("person-{at}")).unwrap();
        let person = NewPerson {
            uid: uid.clone(),
            display_name: natter::domain::DisplayName::parse(&format!("Person {at}")).unwrap(),
            credential: String::new(),
            identity: None,
        };
        let directory = store.directory();
        directory.join(&person, &Admission::SignUp).await.unwrap();
        if at < ROOMS {
            let name = RoomName::parse(&format!("room-{at}")).unwrap();
            let made = store
                .directory()
                .make_room(
                    &uid,
                    v1::RoomKind::Open,
                    Some(&name),
                    &Topic::default(),
                    &[],
                    None,
                )
                .await
                .unwrap();
            rooms.push(made.id);
        }
    }
    let mut acks = VecDeque::new();
    let mut dice = 88_172_645_463_325_252_u64;
    let mut roll = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice
    };
    for at in 0..count {
        let (room, person) = (roll() % ROOMS, roll() % PEOPLE);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&roll().to_le_bytes());
        let words = usize::try_from(3 + roll() % 40).unwrap();
        let event = v1::Event {
            key: Some(v1::Key {
                uid: format!("person-{person}"),
                ulid: Ulid::new(1_700_000_000_000 + at, random).to_string(),
            }),
            at_ms: i64::try_from(1_700_000_000_000 + at).unwrap(),
            body: Some(Body::MessagePosted(v1::MessagePosted {
                text: "words ".repeat(words),
                tree: None,
            })),
        };
        let room = &rooms[usize::try_from(room).unwrap()];
        let subject = format!("natter.log.open.{room}");
        let payload = event.encode_to_vec().into();
        acks.push_back(js.publish(subject, payload).await.unwrap().into_future());
        if acks.len() == 512 {
            acks.pop_front().unwrap().await.unwrap();
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
}
