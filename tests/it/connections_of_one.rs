//! The limit on connections of one person, over all ways in, and that connections to be ended are found
//! among any number of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use natter::nats::{Auth, Client, ConnectOptions, Status};
use natter::server::broker::{BrokerKeys, ServiceUser, present};
use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::poison::Raw;
use crate::support::{A_MOMENT, Natter, Person, SOON, jwt, with_creds};

/// As many as one person may have.
const MOST: usize = 50;

/// Straight at the broker, with a session's token.
fn with_token(natter: &Natter, person: &Person) -> Client {
    Client::connect(ConnectOptions {
        auth: Auth::Token(person.token.clone()),
        inbox_prefix: format!("_INBOX.{}", person.uid),
        ..natter.over_tcp()
    })
}

fn connected(all: &[Client]) -> usize {
    let is_up = |one: &&Client| one.status() == Status::Connected;
    all.iter().filter(is_up).count()
}

/// Waits until each has been let in or refused.
async fn settled(all: &[Client]) {
    for one in all {
        let _ = tokio::time::timeout(SOON, one.connected()).await;
    }
}

/// Waits until as many are connected, and for a while no other number.
async fn stay_at(all: &[Client], wanted: usize) {
    let calm = async {
        let mut looks = 0;
        while looks < 10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let is_calm = connected(all) == wanted;
            looks = if is_calm { looks + 1 } else { 0 };
        }
    };
    let calm = tokio::time::timeout(2 * SOON, calm).await;
    assert!(calm.is_ok(), "{} are connected", connected(all));
}

#[tokio::test]
async fn one_person_has_fifty_connections_whichever_way_they_come() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let creds = natter.make_creds(&["ada"]).await;
    let broker = natter.server.broker().unwrap().websocket_addr();
    // A page through the tunnel, others straight at the broker: WebSocket, TCP, and a `.creds` file.
    let mut all = vec![ada.connect().await];
    for n in 0..57 {
        all.push(match n % 3 {
            0 => with_token(&natter, &ada),
            1 => ada.dial_to(&format!("ws://{broker}/"), natter.addr()),
            _ => Client::connect(ConnectOptions {
                auth: with_creds(&creds),
                inbox_prefix: "_INBOX.ada".into(),
                ..natter.over_tcp()
            }),
        });
    }
    settled(&all).await;
    assert!(connected(&all) <= MOST, "no more are let in");
    stay_at(&all, MOST).await;
    let told = ada.get("/session").await;
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.headers()["natter-limit"], "connections");
    let bens = ben.connect().await;
    assert_eq!(
        bens.status(),
        Status::Connected,
        "it is nobody else's limit"
    );
    // Some go, and others that wait come in.
    all.drain(..5).for_each(|one| one.close());
    stay_at(&all, MOST).await;
}

#[tokio::test]
async fn what_another_natter_lets_in_counts_too() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    // Either answers for each of these, as it happens.
    let all: Vec<_> = (0..MOST + 8).map(|_| with_token(&natter, &ada)).collect();
    settled(&all).await;
    stay_at(&all, MOST).await;
    drop(beside);
}

/// A connection with subscriptions to one subject; how many copies of one message it got.
async fn copies(natter: &Natter, person: &Person, wanted: usize) -> (TcpStream, usize) {
    let mut stream = Raw::connect(natter, &person.token).await.into_stream();
    let mut sent: String = (0..wanted).map(|n| format!("SUB hello {n}\r\n")).collect();
    sent.push_str("PUB hello 4\r\nonce\r\nPING\r\n");
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut copies = 0;
    loop {
        match lines.next_line().await.unwrap().expect("a line").as_str() {
            "PONG" => break,
            line => copies += usize::from(line.starts_with("MSG hello ")),
        }
    }
    (lines.into_inner().into_inner(), copies)
}

#[tokio::test]
async fn a_connection_has_a_limit_of_subscriptions_and_so_have_all_of_one_person() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = ben.connect().await;
    let (first, delivered) = copies(&natter, &ada, 10_000).await;
    assert_eq!(delivered, natter::domain::limits::SUBSCRIPTIONS);
    // Four more of those are more than one person may have.
    let mut all = vec![first];
    for _ in 0..4 {
        all.push(copies(&natter, &ada, 2_600).await.0);
    }
    for mut stream in all {
        let is_ended = async {
            let mut told = [0; 1_024];
            while matches!(stream.read(&mut told).await, Ok(read) if read > 0) {}
        };
        let is_ended = tokio::time::timeout(3 * SOON, is_ended).await;
        assert!(is_ended.is_ok(), "the connection goes on");
    }
    assert_eq!(
        ada.get("/session").await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    bens.flush().await.unwrap();
    assert_eq!(bens.status(), Status::Connected);
}

/// What is asked of the broker on its system account.
async fn tap(natter: &Natter) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let system = natter.as_service(ServiceUser::System).await;
    let questions = system.subscribe("$SYS.REQ.SERVER.*.CONNZ").await.unwrap();
    system.flush().await.unwrap();
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut questions = questions;
        while let Some(question) = questions.next().await {
            let payload = String::from_utf8_lossy(&question.payload).into_owned();
            heard.lock().await.push(payload);
        }
        drop(system);
    });
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_connections_there_are_each_is_found_page_by_page() {
    const OTHERS: usize = 900;
    let natter = Natter::start().await;
    let keys = BrokerKeys::load(&natter.folder.path().join("keys")).unwrap();
    let system = natter.as_service(ServiceUser::System).await;
    // Natter's own may have as many as they like. Their names are as long as names get in the list.
    let own = keys.user(ServiceUser::Chat).unwrap();
    let others: Vec<_> = (0..OTHERS)
        .map(|_| {
            Client::connect(ConnectOptions {
                auth: jwt(own.jwt.clone(), &own.seed),
                name: "<".repeat(2_000),
                ..natter.over_tcp()
            })
        })
        .collect();
    settled(&others).await;
    assert_eq!(connected(&others), OTHERS);
    let boss = Person::sign_up(&natter, "boss").await;
    let ada = Person::sign_up(&natter, "ada").await;
    let adas = [ada.connect().await, with_token(&natter, &ada)];
    settled(&adas).await;

    let asked = tap(&natter).await;
    let all = present(&system, keys.chat_account()).await.unwrap();
    let cids: BTreeSet<_> = all.iter().map(|one| one.cid).collect();
    assert_eq!(cids.len(), all.len(), "each once");
    assert!(all.len() > OTHERS);
    let theirs = all.iter().filter(|one| one.user.starts_with("ada."));
    assert_eq!(theirs.count(), 2);
    tokio::time::sleep(A_MOMENT).await;
    let pages = std::mem::take(&mut *asked.lock().await);
    // Pages of 256, which overlap by 32, and do not grow: these connections take 12 kB each.
    assert_eq!(pages.len(), 4, "{pages:?}");
    assert!(pages.iter().all(|page| page.contains("\"limit\":256")));

    // So all connections end of a person who may no longer connect.
    let mut ends = adas.each_ref().map(Client::events);
    boss.act("ada", "suspend").await;
    for events in &mut ends {
        let ended = async {
            while let Some(event) = events.next().await {
                if matches!(event, natter::nats::Event::Disconnected(_)) {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(SOON, ended).await.is_ok());
    }
}

#[tokio::test]
async fn who_is_cut_off_for_a_flood_is_looked_for_in_one_account() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let asked = tap(&natter).await;
    let adas = with_token(&natter, &ada);
    adas.connected().await.unwrap();
    let mut events = adas.events();
    let flood = async {
        loop {
            for _ in 0..500 {
                let _ = adas.publish("ada.echo", "x".into()).await;
            }
            let _ = adas.flush().await;
            // Once it is ended nothing here waits.
            tokio::task::yield_now().await;
        }
    };
    let ended = async {
        while !matches!(
            events.next().await,
            Some(natter::nats::Event::Disconnected(_))
        ) {}
    };
    let ended = tokio::time::timeout(SOON, async {
        tokio::select! {
            () = flood => {}
            () = ended => {}
        }
    });
    assert!(ended.await.is_ok(), "the flood goes on");
    tokio::time::sleep(A_MOMENT).await;
    let asked = asked.lock().await;
    assert!(!asked.is_empty());
    for question in asked.iter() {
        assert!(question.contains("\"acc\":"), "{question}");
    }
}
