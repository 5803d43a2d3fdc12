//! Every message counts against its sender, a person who floods is cut off, and other people are answered
//! meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use natter::nats::{Client, ConnectError, ConnectOptions, Status};
use natter::server::broker::ServiceUser;
use natter::wire::pingpong::PingRequest;
use natter::wire::v1;
use prost::Message as _;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::killed::{free_ports, serve_with};
use crate::poison::Raw;
use crate::support::{A_MOMENT, Natter, Person, SOON, failure_in, ulid, with_creds};

/// More than somebody may send before they are cut off.
const TOO_MANY: usize = 1_500;

/// A kind of message that is thrown away, or might be: what it is called, its reply subject and its
/// payload.
type Kind = (&'static str, Option<String>, Vec<u8>);

fn kinds(uid: &str) -> [Kind; 4] {
    let ping = PingRequest {
        destination: uid.into(),
        origin: "somebody-else".into(),
        ..PingRequest::default()
    };
    [
        ("foreign reply", Some("_INBOX.ben.x".into()), Vec::new()),
        ("a relay's likeness", None, ping.encode_to_vec()),
        ("malformed", Some(format!("_INBOX.{uid}.x")), vec![0xff; 9]),
        ("no reply", None, Vec::new()),
    ]
}

/// The patterns of all routes, as natter tells them itself.
async fn routes(natter: &Natter) -> Vec<String> {
    let creds = natter.make_creds(&["--service", "monitor"]).await;
    let monitor = Client::connect(ConnectOptions {
        auth: with_creds(&creds),
        inbox_prefix: "_INBOX.SERVICE.monitor".into(),
        ..natter.over_tcp()
    });
    monitor.connected().await.unwrap();
    let told = monitor.request("$SRV.INFO", "".into(), SOON).await.unwrap();
    let told: Value = serde_json::from_slice(&told.payload).unwrap();
    let endpoints = told["endpoints"].as_array().unwrap().iter();
    let patterns = endpoints.map(|endpoint| endpoint["subject"].as_str().unwrap().to_owned());
    patterns.collect()
}

#[tokio::test]
async fn everything_on_every_route_counts_against_whose_subject_it_is() {
    let natter = Natter::start().await;
    let routes = routes(&natter).await;
    assert!(routes.len() > 10, "{routes:?}");
    // Natter itself may publish in anybody's name, so nobody has to sign up.
    let anybody = natter.as_service(ServiceUser::Chat).await;
    let mut answers = anybody.subscribe("_INBOX.*.probe").await.unwrap();
    let mut flooders = Vec::new();
    for route in &routes {
        for at in 0..kinds("x").len() {
            let uid = format!("p-{}", flooders.len());
            let (kind, reply, payload) = kinds(&uid)[at].clone();
            let subject = route.replacen('*', &uid, 1);
            for _ in 0..TOO_MANY {
                let (subject, payload) = (subject.clone(), payload.clone().into());
                let sent = match reply.clone() {
                    Some(reply) => anybody.publish_with_reply(subject, reply, payload).await,
                    None => anybody.publish(subject, payload).await,
                };
                sent.unwrap();
            }
            flooders.push((uid, format!("{kind} on {route}")));
        }
    }
    // A person who is cut off hears nothing; another one does.
    for uid in flooders.iter().map(|(uid, _)| uid.as_str()).chain(["ada"]) {
        let (subject, reply) = (format!("{uid}.echo"), format!("_INBOX.{uid}.probe"));
        let sent = anybody.publish_with_reply(subject, reply, "".into());
        sent.await.unwrap();
    }
    let mut answered = Vec::new();
    while !answered.contains(&"_INBOX.ada.probe".to_owned()) {
        let answer = tokio::time::timeout(2 * SOON, answers.next()).await;
        answered.push(answer.unwrap().unwrap().subject.to_string());
    }
    while let Ok(Some(answer)) = tokio::time::timeout(A_MOMENT, answers.next()).await {
        answered.push(answer.subject.to_string());
    }
    for (uid, flood) in &flooders {
        let inbox = format!("_INBOX.{uid}.probe");
        assert!(!answered.contains(&inbox), "{flood} was not counted");
    }
}

/// Sends the same message as fast as the broker takes it, until the connection is ended.
async fn flood(natter: &Natter, eve: &Person, subject: &str, kind: &Kind) -> u64 {
    let (_, reply, payload) = kind;
    let reply = reply.as_deref().unwrap_or_default();
    let mut message = format!("PUB {subject} {reply} {}\r\n", payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message.extend_from_slice(b"\r\n");
    let many = message.repeat(1_000);
    let raw = Raw::connect(natter, &eve.token).await;
    let (mut from, mut to) = raw.into_stream().into_split();
    // What it is told is thrown away: else it would be cut off as too slow a reader.
    let reading = tokio::spawn(async move {
        let mut told = vec![0; 65_536];
        while matches!(from.read(&mut told).await, Ok(read) if read > 0) {}
    });
    let mut sent = 0;
    while to.write_all(&many).await.is_ok() {
        sent += 1_000;
    }
    reading.await.unwrap();
    sent
}

/// Has natter answered, and not with a failure?
async fn is_answered(person: &Person, client: &Client, verb: &str, payload: Vec<u8>) -> bool {
    let subject = format!("natter.svc.{}.{verb}", person.uid);
    let reply = client.request(&subject, payload.into(), SOON).await;
    reply.is_ok_and(|reply| failure_in(&reply).is_none())
}

// The flooder has threads too: natter must not wait for those.
#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn who_floods_is_cut_off_and_others_are_answered_all_the_while() {
    let natter = Natter::start().await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = ben.connect().await;
    let room = ben.general(&bens).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let (mut asked, mut lost) = (0, 0);
            while !is_over.load(Ordering::Relaxed) {
                let post = v1::PostRequest {
                    room_id: room.clone(),
                    ulid: ulid(),
                    text: "hi".into(),
                };
                for (verb, payload) in [("post", post.encode_to_vec()), ("heads", Vec::new())] {
                    asked += 1;
                    // The broker ends natter's own connection when more waits for it than may. What
                    // was asked at that moment is asked again, as every client does.
                    let began = Instant::now();
                    let mut is_lost = false;
                    while !is_answered(&ben, &bens, verb, payload.clone()).await {
                        is_lost = true;
                        assert!(began.elapsed() < 3 * SOON, "{verb} has no answer");
                        tokio::time::sleep(A_MOMENT).await;
                    }
                    lost += usize::from(is_lost);
                }
                // As often as one may.
                tokio::time::sleep(Duration::from_millis(120)).await;
            }
            (asked, lost, bens.status())
        }
    });
    for (at, command) in [
        "natter.svc.*.post",
        "*.ping",
        "natter.svc.*.heads",
        "*.echo",
    ]
    .into_iter()
    .enumerate()
    {
        let uid = format!("eve-{at}");
        let eve = Person::sign_up(&natter, &uid).await;
        let kind = &kinds(&uid)[at];
        let subject = command.replacen('*', &uid, 1);
        let sent = tokio::time::timeout(SOON, flood(&natter, &eve, &subject, kind)).await;
        let sent = sent.unwrap_or_else(|_| panic!("{} goes on for ever", kind.0));
        assert!(sent > 0);
        // And they do not come back.
        let told = async {
            while eve.get("/session").await.status() != StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(SOON, told).await.is_ok(), "{}", kind.0);
        let again = Client::connect(ConnectOptions {
            auth: natter::nats::Auth::Token(eve.token.clone()),
            inbox_prefix: format!("_INBOX.{uid}"),
            ..natter.over_tcp()
        });
        assert_eq!(again.connected().await, Err(ConnectError::Refused));
    }
    is_over.store(true, Ordering::Relaxed);
    let (asked, lost, status) = others.await.unwrap();
    assert!(asked >= 4, "{asked}");
    // One for each flood at most.
    assert!(lost <= 4, "{lost} of {asked} were asked again");
    assert_eq!(status, Status::Connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn floods_that_natter_does_not_see_end_as_well() {
    let natter = Natter::start().await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = ben.connect().await;
    for (at, subject) in ["hello", "natter.svc.*.nosuch", "*.echo.nosuch", "forbidden"]
        .into_iter()
        .enumerate()
    {
        let uid = format!("eve-{at}");
        let eve = Person::sign_up(&natter, &uid).await;
        let kind = ("nothing", None, Vec::new());
        let subject = subject.replacen('*', &uid, 1);
        let sent = tokio::time::timeout(3 * SOON, flood(&natter, &eve, &subject, &kind)).await;
        assert!(sent.is_ok(), "{subject} goes on for ever");
        let told = eve.get("/session").await;
        assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS, "{subject}");
    }
    bens.flush().await.unwrap();
    assert_eq!(bens.status(), Status::Connected);
}

#[tokio::test]
async fn what_natter_passes_on_counts_against_who_sent_it_alone() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let adas = ada.connect().await;
    let mut balls = adas.subscribe("ada.ping").await.unwrap();
    adas.flush().await.unwrap();
    // Far more than one person may send, from many. Natter itself may publish in anybody's name.
    let anybody = natter.as_service(ServiceUser::Chat).await;
    for n in 0..30 {
        Person::sign_up(&natter, &format!("p-{n}")).await;
    }
    for n in 0..30 {
        let ping = PingRequest {
            destination: "ada".into(),
            origin: format!("p-{n}"),
            ..PingRequest::default()
        };
        for _ in 0..60 {
            let ping = ping.encode_to_vec().into();
            anybody.publish(format!("p-{n}.ping"), ping).await.unwrap();
        }
    }
    for _ in 0..30 * 60 {
        let ball = tokio::time::timeout(SOON, balls.next()).await;
        assert!(ball.unwrap().is_some());
    }
    let heads = ada.ask_raw(&adas, "heads", Vec::new()).await.unwrap();
    assert_eq!(failure_in(&heads), None, "she has asked for nothing yet");
    // What she sends herself to look like those counts against her. (Each natter has heard of all that
    // were passed on, and takes as many of hers for the other half.)
    let cut_off = async {
        while ada.get("/session").await.status() != StatusCode::TOO_MANY_REQUESTS {
            for _ in 0..1_000 {
                let forged = kinds("ada")[1].2.clone().into();
                let _ = adas.publish("ada.ping", forged).await;
            }
            let _ = adas.flush().await;
        }
    };
    assert!(tokio::time::timeout(SOON, cut_off).await.is_ok());
    drop(beside);
}

/// Lines that natter has written.
fn lines_in(log: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn refused_attempts_write_few_lines_however_many_there_are() {
    const ATTEMPTS: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (ports, to) = (free_ports(), std::fs::File::create(&log).unwrap());
    let mut natter = serve_with(folder.path(), ports, |command| {
        command.stderr(to);
    })
    .await;
    let eve = Person::sign_up_on(([127, 0, 0, 1], ports[0]).into(), "eve", "/signup").await;
    let broker = format!("127.0.0.1:{}", ports[1]);
    let before = lines_in(&log).len();

    // Those that have no right to connect.
    let attempts = futures::stream::iter(0..ATTEMPTS).map(|n| refused(&broker, n));
    attempts.buffer_unordered(32).for_each(|()| async {}).await;
    // One that may, and publishes where it may not.
    let raw = Raw::connect_to(&broker, &eve.token).await;
    let (mut from, mut to) = raw.into_stream().into_split();
    let mut told = String::new();
    let telling = async {
        let mut errors = 0;
        let mut bytes = vec![0; 65_536];
        while errors < 10 * ATTEMPTS {
            let read = from.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "it is let go on");
            told.push_str(&String::from_utf8_lossy(&bytes[..read]));
            errors = told.matches("Permissions Violation").count();
        }
    };
    let forbidden = (0..10 * ATTEMPTS).map(|n| format!("PUB secret.{n} 0\r\n\r\n"));
    let forbidden = forbidden.collect::<String>();
    let (telling, sent) = tokio::join!(telling, to.write_all(forbidden.as_bytes()));
    sent.unwrap();
    let () = telling;

    let is_told = |line: &String| line.contains("more like this in 10 s");
    let summed_up = async {
        while !lines_in(&log).iter().any(is_told) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(3 * SOON, summed_up).await.is_ok());
    let lines = lines_in(&log).split_off(before);
    let of_the_broker = |line: &&String| line.contains("authentication error");
    assert!(lines.iter().any(|line| of_the_broker(&line)), "{lines:?}");
    // Without a bound: two for each attempt to connect, and one for each message.
    assert!(lines.len() < 1_000, "{} lines", lines.len());
    natter.kill().await.unwrap();
}

/// An attempt to connect with a session that is none.
async fn refused(broker: &str, n: usize) {
    let mut stream = tokio::net::TcpStream::connect(broker).await.unwrap();
    let connect = format!("CONNECT {{\"auth_token\":\"no-{n}\",\"name\":\"x{n}\"}}\r\nPING\r\n");
    stream.write_all(connect.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told).await;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("Authorization Violation"), "{told}");
}
