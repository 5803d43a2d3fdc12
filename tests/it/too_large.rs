//! Answers larger than the broker lets through: natter stays below the limit, and a client that is refused
//! asks for less.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use natter::client::Rules;
use natter::domain::{RoomId, limits};
use natter::nats::{Client, ConnectOptions};
use natter::server::limits::Limits;
use natter::server::router::{Proto, Router, Served, State, Wires};
use natter::server::{Failure, Server};
use natter::wire::v1::{self, event::Body};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::filled::{Filler, long_with};
use crate::headless::Headless;
use crate::plain_nats::{Broker, binary};
use crate::support::{A_MOMENT, Natter, Person, SOON, options, ulid};

/// A separate nats-server with this `max_payload`, on the folder that a natter server left.
struct Foreign {
    child: Child,
    nats: String,
    ws: std::net::SocketAddr,
}

impl Foreign {
    async fn start(folder: &TempDir, max_payload: usize) -> Self {
        let path = folder.path().join("nats");
        let config = std::fs::read_to_string(path.join("nats.conf")).unwrap();
        let small = config.replace("max_payload: 1MB", &format!("max_payload: {max_payload}"));
        assert_ne!(small, config);
        let file = path.join("small.conf");
        std::fs::write(&file, small).unwrap();
        let child = Command::new(binary())
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ports = path.join(format!("ports/nats-server_{}.ports", child.id()));
        let found = timeout(SOON, async {
            loop {
                let text = std::fs::read_to_string(&ports).unwrap_or_default();
                if let Ok(found) = serde_json::from_str::<serde_json::Value>(&text) {
                    return found;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        let found = found.await.expect("nats-server starts");
        let url = |what: &str| found[what][0].as_str().unwrap().to_owned();
        let ws = url("websocket");
        Self {
            child,
            nats: url("nats"),
            ws: ws.trim_start_matches("ws://").parse().unwrap(),
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn answers_fit_a_broker_that_lets_less_through_and_one_of_too_little_is_refused() {
    const MESSAGES: usize = 60;
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let id = ada.general(&ada.connect().await).await;
    let mut filler = Filler::of(&natter).await;
    for number in 0..MESSAGES {
        let text = long_with(limits::MESSAGE_CHARS, number);
        filler.message(&format!("open.{id}"), "ada", &text).await;
    }
    filler.done().await;
    let folder = natter.stop().await;
    let keys = folder.path().join("keys");

    let too_small = Foreign::start(&folder, limits::LEAST_PAYLOAD - 1).await;
    let data = tempfile::tempdir().unwrap();
    let mut at_it = options(data.path().into());
    at_it.nats = Some(too_small.nats.clone());
    at_it.nats_ws = vec![too_small.ws];
    at_it.keys = Some(keys.clone());
    let refused = Server::start(at_it).await.err().expect("it does not start");
    assert!(refused.to_string().contains("max_payload"), "{refused}");
    drop(too_small);

    let small = Foreign::start(&folder, limits::LEAST_PAYLOAD).await;
    let natter = Natter::start_in(data, |options| {
        options.nats = Some(small.nats.clone());
        options.nats_ws = vec![small.ws];
        options.keys = Some(keys);
    })
    .await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    let mut position = v1::Position {
        room_id: id,
        ..v1::Position::default()
    };
    let mut count = 0;
    loop {
        let asked = v1::SyncRequest {
            positions: vec![position.clone()],
        };
        let answer: v1::SyncResponse = ada.ask(&client, "sync", &asked).await.unwrap();
        let size = prost::Message::encoded_len(&answer);
        assert!(size <= limits::LEAST_PAYLOAD / 2, "{size} bytes");
        let part = answer.rooms.into_iter().next().unwrap();
        count += part.events.len();
        let last = part.events.last().unwrap();
        position.sequence = last.sequence;
        position.key = last.event.as_ref().unwrap().key.clone();
        if !part.more {
            break;
        }
    }
    assert!(count >= MESSAGES, "{count} entries");
    natter.stop().await;
}

/// A natter that holds any answer for too large that is about more than one thing, and what it was
/// asked.
#[derive(Clone, Default)]
struct Strict {
    asked: Arc<Mutex<Vec<String>>>,
    /// Where each room's log ends, above 1.
    end: Arc<AtomicU64>,
    /// Answers to `sync` say that there is more, and bring none of it.
    is_stuck: Arc<AtomicBool>,
}

const ROOMS: [&str; 3] = ["one", "two", "three"];

impl Strict {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed).max(1)
    }

    fn count(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for what in self.asked.lock().unwrap().iter() {
            *counts.entry(what.clone()).or_default() += 1;
        }
        counts
    }

    async fn serve(self, broker: &Broker) -> Served {
        let reader = Client::connect(ConnectOptions {
            servers: vec![broker.nats.parse().unwrap()],
            headers: false,
            no_responders: false,
            echo: false,
            ..ConnectOptions::default()
        });
        reader.connected().await.unwrap();
        let wires = Wires {
            reader,
            writer: async_nats::connect(&broker.nats).await.unwrap(),
            limits: Limits::default(),
            cut_off: Arc::new(|_| {}),
        };
        Router::new(self)
            .route("natter.svc.*.heads", heads)
            .route("natter.svc.*.history", history)
            .route("natter.svc.*.sync", sync)
            .serve(wires, CancellationToken::new())
            .await
            .unwrap()
    }
}

fn logged(sequence: u64, previous: u64) -> v1::LoggedEvent {
    let text = format!("number {sequence}");
    v1::LoggedEvent {
        sequence,
        previous,
        event: Some(v1::Event {
            key: Some(v1::Key {
                uid: "ada".into(),
                ulid: ulid(),
            }),
            at_ms: 1_700_000_000_000,
            body: Some(Body::MessagePosted(v1::MessagePosted { text, tree: None })),
        }),
    }
}

fn open(id: &str) -> v1::Room {
    v1::Room {
        id: id.into(),
        name: id.into(),
        kind: v1::RoomKind::Open.into(),
        ..v1::Room::default()
    }
}

async fn heads(State(strict): State<Strict>) -> Proto<v1::HeadsResponse> {
    let head = |id: &&str| v1::RoomHead {
        room: Some(open(id)),
        head: Some(v1::Position {
            room_id: (*id).into(),
            sequence: strict.end(),
            key: None,
        }),
        joined: true,
        ..v1::RoomHead::default()
    };
    Proto(v1::HeadsResponse {
        rooms: ROOMS.iter().map(head).collect(),
        ..v1::HeadsResponse::default()
    })
}

async fn history(
    State(strict): State<Strict>,
    Proto(asked): Proto<v1::HistoryRequest>,
) -> Result<Proto<v1::HistoryResponse>, Failure> {
    strict.note(format!("history of {}", asked.limit));
    if asked.limit != 1 {
        return Err(Failure::too_large());
    }
    let view = v1::RoomView {
        room: Some(open(&asked.room)),
        events: vec![logged(1, 0)],
        ..v1::RoomView::default()
    };
    Ok(Proto(v1::HistoryResponse {
        view: Some(view),
        ..v1::HistoryResponse::default()
    }))
}

async fn sync(
    State(strict): State<Strict>,
    Proto(asked): Proto<v1::SyncRequest>,
) -> Result<Proto<v1::SyncResponse>, Failure> {
    strict.note(format!("sync of {}", asked.positions.len()));
    let [position] = asked.positions.as_slice() else {
        return Err(Failure::too_large());
    };
    let next = logged(position.sequence + 1, position.sequence);
    if strict.is_stuck.load(Ordering::Relaxed) {
        let room = v1::RoomSync {
            room_id: position.room_id.clone(),
            more: true,
            ..v1::RoomSync::default()
        };
        return Ok(Proto(v1::SyncResponse {
            rooms: vec![room],
            ..v1::SyncResponse::default()
        }));
    }
    let room = v1::RoomSync {
        room_id: position.room_id.clone(),
        more: next.sequence < strict.end(),
        events: if next.sequence <= strict.end() {
            vec![next]
        } else {
            Vec::new()
        },
        ..v1::RoomSync::default()
    };
    Ok(Proto(v1::SyncResponse {
        through: strict.end(),
        rooms: vec![room],
        ..v1::SyncResponse::default()
    }))
}

#[tokio::test]
async fn who_is_told_that_an_answer_is_too_large_asks_for_less() {
    let broker = Broker::start().await;
    let strict = Strict::default();
    let _served = strict.clone().serve(&broker).await;
    let way = broker.ws.trim_start_matches("ws://").parse().unwrap();
    let rooms: Vec<_> = ROOMS.iter().map(|id| RoomId::parse(id).unwrap()).collect();
    let person = Headless::begin("ada", "", way, rooms.clone(), Rules::default());
    let are_at = async |sequence: u64| {
        let here = |room: &RoomId| {
            let log = person.log(room);
            log.is_some_and(|log| log.position().sequence.0 >= sequence)
        };
        let come = timeout(SOON, async {
            while !rooms.iter().all(here) {
                sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(come.await.is_ok(), "{:?}", strict.count());
    };
    are_at(1).await;
    strict.end.store(3, Ordering::Relaxed);
    person.wake();
    are_at(3).await;
    let counts = strict.count();
    for limit in [0, 25, 12, 6, 3, 1] {
        let asked = counts[&format!("history of {limit}")];
        assert!((3..=6).contains(&asked), "{counts:?}");
    }
    let syncs = |of: &[usize]| -> usize {
        let of = of
            .iter()
            .map(|rooms| counts.get(&format!("sync of {rooms}")));
        of.flatten().sum()
    };
    assert!((1..=6).contains(&syncs(&[2, 3])), "{counts:?}");
    assert!((6..=15).contains(&syncs(&[1])), "{counts:?}");

    // More that never comes is not asked for again until the next look.
    strict.is_stuck.store(true, Ordering::Relaxed);
    strict.end.store(9, Ordering::Relaxed);
    person.wake();
    let asked = timeout(SOON, async {
        while strict.count() == counts {
            sleep(Duration::from_millis(10)).await;
        }
    });
    asked.await.expect("it is asked for");
    sleep(A_MOMENT).await;
    let after = strict.count();
    let more = after["sync of 1"] - counts["sync of 1"];
    assert!(more <= 6, "{more} requests");
    person.end();
}

#[tokio::test]
async fn a_terminal_asks_for_less_too() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let creds = natter.folder.path().join("ada.creds");
    let creds = creds.to_str().unwrap();
    natter.make_creds(&["ada", "--out", creds]).await;
    let broker = Broker::start().await;
    let strict = Strict::default();
    let _served = strict.clone().serve(&broker).await;
    let tail = tokio::process::Command::new(env!("CARGO_BIN_EXE_natter"))
        .args(["tail", "--room", "one", "--creds", creds])
        .args(["--servers", &broker.nats])
        .kill_on_drop(true)
        .output();
    let printed = timeout(SOON, tail).await.expect("it ends").unwrap();
    let text = String::from_utf8_lossy(&printed.stdout);
    assert!(text.contains("ada: number 1"), "{printed:?}");
    // The first is for the room's id.
    let asked = strict.asked.lock().unwrap().clone();
    let limits = [1, 0, 25, 12, 6, 3, 1];
    assert_eq!(asked, limits.map(|limit| format!("history of {limit}")));
}
