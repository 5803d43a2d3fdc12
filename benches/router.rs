//! Request and reply through natter's router, against a bare async-nats responder that does the same
//! work without extractors, limits, statistics or error replies: side by side, in turns, on one
//! broker. What counts are the two ratios at the end.
//!
//! `cargo bench --features ssr --bench router`
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures::StreamExt as _;
use natter::nats;
use natter::server::broker::{
    BrokerKeys, EmbeddedBroker, EmbeddedOptions, ServiceUser, SyncInterval, UserCredentials, locate,
};
use natter::server::router::{Proto, Router, Wires};
use natter::wire::echo::{EchoRequest, EchoResponse};
use prost::Message as _;
use tokio_util::sync::CancellationToken;

/// Turns of each; a turn of one is followed by a turn of the other.
const TURNS: usize = 9;

/// Requests in a turn for throughput, and how many of them are under way at once.
const REQUESTS: usize = 20_000;
const IN_FLIGHT: usize = 64;

/// Requests in a turn for latency, one after the other.
const ONE_BY_ONE: usize = 2_000;

/// The router limits what one person asks, so many people ask.
const PEOPLE: usize = 20_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/nats-server");
    let options = EmbeddedOptions {
        data_dir: folder.path().to_owned(),
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
    let url = broker.client_url();
    let credentials = || keys.user(ServiceUser::Chat).unwrap();

    let bare = connect(&url, &credentials()).await;
    let requests = bare
        .queue_subscribe("*.bare", "natter".into())
        .await
        .unwrap();
    tokio::spawn(respond(bare, requests));

    let wires = Wires {
        reader: reader(&url, &credentials()).await,
        writer: connect(&url, &credentials()).await,
        limits: natter::server::limits::Limits::default(),
        cut_off: Arc::new(|_| {}),
    };
    let stop = CancellationToken::new();
    let router = Router::new(()).route("*.echo", echo);
    let _served = router.serve(wires, stop).await.unwrap();

    let mut asker = Asker::new(connect(&url, &credentials()).await).await;
    let mut rates = [Vec::new(), Vec::new()];
    let mut latencies = [Vec::new(), Vec::new()];
    for turn in 0..=TURNS {
        for (at, verb) in ["bare", "echo"].into_iter().enumerate() {
            let took = asker.many(verb, REQUESTS, IN_FLIGHT).await;
            let each = asker.one_by_one(verb, ONE_BY_ONE).await;
            // The first turn warms up.
            if turn > 0 {
                rates[at].push(REQUESTS as f64 / took.as_secs_f64());
                latencies[at].push(each.as_secs_f64() * 1e6);
            }
        }
    }
    let [bare_rate, rate] = rates.map(median);
    let [bare_latency, latency] = latencies.map(median);
    println!("median of {TURNS} turns     bare async-nats    router    ratio");
    println!(
        "requests a second, {IN_FLIGHT} at once {bare_rate:>10.0} {rate:>10.0} {:>8.2}",
        rate / bare_rate
    );
    println!(
        "median latency, in µs        {bare_latency:>10.1} {latency:>10.1} {:>8.2}",
        latency / bare_latency
    );
    broker.shutdown().await;
}

async fn echo(Proto(request): Proto<EchoRequest>) -> Proto<EchoResponse> {
    Proto(EchoResponse {
        message: request.message,
    })
}

async fn respond(client: Client, mut requests: Subscriber) {
    while let Some(request) = requests.next().await {
        let (Some(reply), Ok(echo)) = (request.reply, EchoRequest::decode(request.payload)) else {
            continue;
        };
        let response = EchoResponse {
            message: echo.message,
        };
        let response = response.encode_to_vec().into();
        client.publish(reply, response).await.unwrap();
    }
}

/// Asks in many people's names.
struct Asker {
    client: Client,
    replies: Subscriber,
    asked: usize,
    payload: bytes::Bytes,
}

impl Asker {
    async fn new(client: Client) -> Self {
        let replies = client.subscribe("_INBOX.>").await.unwrap();
        let request = EchoRequest {
            message: "hello world".into(),
        };
        Self {
            client,
            replies,
            asked: 0,
            payload: request.encode_to_vec().into(),
        }
    }

    async fn ask(&mut self, verb: &str) {
        let who = self.asked % PEOPLE;
        self.asked += 1;
        let (subject, reply) = (format!("p{who}.{verb}"), format!("_INBOX.p{who}.x"));
        let payload = self.payload.clone();
        let asked = self.client.publish_with_reply(subject, reply, payload);
        asked.await.unwrap();
    }

    async fn hear(&mut self) {
        let heard = tokio::time::timeout(Duration::from_secs(10), self.replies.next());
        let reply = heard.await.unwrap().unwrap();
        assert_eq!(reply.payload, self.payload, "an answer, and no error");
    }

    async fn many(&mut self, verb: &str, requests: usize, in_flight: usize) -> Duration {
        let began = Instant::now();
        for _ in 0..in_flight {
            self.ask(verb).await;
        }
        for _ in in_flight..requests {
            self.hear().await;
            self.ask(verb).await;
        }
        for _ in 0..in_flight {
            self.hear().await;
        }
        began.elapsed()
    }

    async fn one_by_one(&mut self, verb: &str, requests: usize) -> Duration {
        let mut each = Vec::with_capacity(requests);
        for _ in 0..requests {
            let began = Instant::now();
            self.ask(verb).await;
            self.hear().await;
            each.push(began.elapsed());
        }
        each.sort_unstable();
        each[requests / 2]
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn connect(url: &str, credentials: &UserCredentials) -> Client {
    let options = credentials.connect_options().unwrap();
    options.connect(url).await.unwrap()
}

async fn reader(url: &str, credentials: &UserCredentials) -> nats::Client {
    let key = nkeys::KeyPair::from_seed(&credentials.seed).unwrap();
    let client = nats::Client::connect(nats::ConnectOptions {
        servers: vec![url.parse().unwrap()],
        auth: nats::Auth::Jwt {
            jwt: credentials.jwt.clone(),
            sign: Arc::new(move |nonce| key.sign(nonce).unwrap()),
        },
        headers: false,
        no_responders: false,
        echo: false,
        ..nats::ConnectOptions::default()
    });
    client.connected().await.unwrap();
    client
}
