//! The client against a real nats-server, over both of its transports.

use std::process::Command;

use futures::{StreamExt as _, future};
use natter::nats::{
    Auth, Client, ConnectError, ConnectOptions, Event, EventStream, Headers, Limits, Message,
    Operation, Outgoing, PublishError, RequestError, Status, SubscribeError, Subscription,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::plain_nats::{Broker, binary};
use crate::support::{A_MOMENT, SOON};

fn options(url: &str) -> ConnectOptions {
    ConnectOptions {
        servers: vec![url.parse().unwrap()],
        ..ConnectOptions::default()
    }
}

fn as_user(url: &str, user: &str, password: &str) -> ConnectOptions {
    ConnectOptions {
        auth: Auth::UserPassword {
            user: user.into(),
            password: password.into(),
        },
        ..options(url)
    }
}

async fn connect(url: &str) -> Client {
    connect_with(options(url)).await
}

async fn connect_with(options: ConnectOptions) -> Client {
    let client = Client::connect(options);
    client.connected().await.unwrap();
    client
}

/// Answers each request with what it said.
async fn echo(client: &Client, subject: &str) -> tokio::task::JoinHandle<()> {
    let mut requests = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let Some(reply) = request.reply_str() else {
                continue;
            };
            let _ = client.publish(reply, request.payload.clone()).await;
        }
    })
}

async fn next(messages: &mut Subscription) -> Message {
    let message = timeout(SOON, messages.next()).await;
    message.expect("in time").expect("a message")
}

async fn until(events: &mut EventStream, mut is_it: impl FnMut(&Event) -> bool) -> Event {
    let found = async {
        loop {
            match events.next().await {
                Some(event) if is_it(&event) => return event,
                Some(_) => {}
                None => panic!("no more events"),
            }
        }
    };
    timeout(SOON, found).await.expect("an event in time")
}

#[tokio::test]
async fn messages_requests_and_headers_go_both_ways_over_both_transports() {
    let broker = Broker::start().await;
    for url in [&broker.nats, &broker.ws] {
        let (a, b) = (connect(url).await, connect(url).await);
        let info = a.server_info().unwrap();
        assert!(!info.server_id.is_empty() && info.max_payload == 1_048_576 && info.client_id > 0);

        let mut feed = b.subscribe("room.*").await.unwrap();
        b.flush().await.unwrap();
        let mut headers = Headers::new();
        headers.append("Key", "one").unwrap();
        headers.append("Key", "two").unwrap();
        a.publish_message(Outgoing {
            subject: "room.x".into(),
            reply: Some("answer.here".into()),
            headers,
            payload: "hé".into(),
        })
        .await
        .unwrap();
        let heard = next(&mut feed).await;
        assert_eq!(heard.subject.as_str(), "room.x");
        assert_eq!(heard.reply_str(), Some("answer.here"));
        assert_eq!(heard.headers.last("Key"), Some("two"));
        assert_eq!(heard.payload, "hé");

        let serving = echo(&b, "svc").await;
        let asked = (0..200).map(|n| a.request("svc", format!("{n}").into(), SOON));
        let answers = future::join_all(asked).await;
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.unwrap().payload, n.to_string());
        }
        assert!(a.round_trip().await.unwrap() < SOON);
        serving.abort();
    }
}

#[tokio::test]
async fn large_messages_come_whole_over_websocket() {
    let broker = Broker::start().await;
    let client = connect(&broker.ws).await;
    let serving = echo(&client, "svc").await;
    for size in [4_095, 4_096, 4_097, 65_536, 1_000_000] {
        let payload: Vec<u8> = (0..size).map(|n: usize| n.to_le_bytes()[0]).collect();
        let answer = client.request("svc", payload.clone().into(), SOON).await;
        assert!(answer.unwrap().payload == payload, "{size} bytes");
    }
    serving.abort();
}

#[tokio::test]
async fn more_than_may_wait_to_be_sent_makes_the_publisher_wait() {
    let broker = Broker::start().await;
    for url in [&broker.nats, &broker.ws] {
        let publisher = connect_with(ConnectOptions {
            limits: Limits {
                unsent_bytes: 10_000,
                ..Limits::default()
            },
            ..options(url)
        })
        .await;
        let reader = connect_with(ConnectOptions {
            limits: Limits {
                waiting_messages: usize::MAX,
                waiting_bytes: usize::MAX,
                ..Limits::default()
            },
            ..options(url)
        })
        .await;
        let mut feed = reader.subscribe("flood").await.unwrap();
        reader.flush().await.unwrap();
        for n in 0..5_000_u32 {
            let payload = [&n.to_le_bytes()[..], &[0; 1_000]].concat();
            publisher.publish("flood", payload.into()).await.unwrap();
        }
        for n in 0..5_000_u32 {
            assert_eq!(next(&mut feed).await.payload[..4], n.to_le_bytes());
        }
    }
}

#[tokio::test]
async fn nobody_there_is_told_at_once_or_not_at_all() {
    let broker = Broker::start().await;
    let client = connect(&broker.nats).await;
    let answer = client.request("nobody", "".into(), SOON).await;
    assert_eq!(answer.unwrap_err(), RequestError::NoResponders);
    let deaf = connect_with(ConnectOptions {
        no_responders: false,
        ..options(&broker.nats)
    })
    .await;
    let answer = deaf.request("nobody", "".into(), A_MOMENT).await;
    assert_eq!(answer.unwrap_err(), RequestError::Timeout);
}

#[tokio::test]
async fn after_a_killed_broker_everything_goes_on() {
    for transport in ["nats", "ws"] {
        let mut broker = Broker::start().await;
        let url = if transport == "ws" {
            &broker.ws
        } else {
            &broker.nats
        };
        let client = connect(url).await;
        let mut feed = client.subscribe("room.*").await.unwrap();
        let _silent = client.subscribe("silent").await.unwrap();
        let mut events = client.events();
        client.flush().await.unwrap();
        let asked = client.clone();
        let under_way = tokio::spawn(async move { asked.request("silent", "".into(), SOON).await });
        client.flush().await.unwrap();

        broker.kill();
        until(&mut events, |e| matches!(e, Event::Disconnected(_))).await;
        assert_eq!(
            under_way.await.unwrap().unwrap_err(),
            RequestError::Disconnected
        );
        assert!(matches!(client.status(), Status::Reconnecting { .. }));
        let published = client.publish("room.x", "lost".into()).await;
        assert_eq!(published, Err(PublishError::Disconnected));
        let mut meanwhile = client.subscribe("meanwhile").await.unwrap();
        until(&mut events, |e| matches!(e, Event::ConnectFailed(_))).await;

        broker.start_again().await;
        client.retry_now();
        until(&mut events, |e| matches!(e, Event::Connected(_))).await;
        client.publish("room.x", "back".into()).await.unwrap();
        client.publish("meanwhile", "too".into()).await.unwrap();
        assert_eq!(next(&mut feed).await.payload, "back", "{transport}");
        assert_eq!(next(&mut meanwhile).await.payload, "too", "{transport}");
    }
}

const USERS: &str = r#"
authorization {
  users: [
    { user: ada, password: right, permissions {
        publish: ["svc.ada.>", "room.x"],
        subscribe: ["_INBOX.ada.>", "room.*", "deep.*.x"] } }
    { user: all, password: right }
  ]
}"#;

#[tokio::test]
async fn rights_are_enforced_and_told_to_whom_they_concern() {
    let broker = Broker::start_with(USERS).await;
    for url in [&broker.nats, &broker.ws] {
        let client = connect_with(ConnectOptions {
            inbox_prefix: "_INBOX.ada".into(),
            ..as_user(url, "ada", "right")
        })
        .await;
        let mut events = client.events();
        let mut mine = client.subscribe("room.x").await.unwrap();
        for wide in ["*.x", ">", "deep.>", "deep.a.>"] {
            let mut refused = client.subscribe(wide).await.unwrap();
            let ended = timeout(SOON, refused.next()).await;
            assert!(ended.expect(wide).is_none());
            assert_eq!(
                refused.error(),
                Some(SubscribeError::PermissionDenied),
                "{wide}"
            );
        }
        let mut refused = client.queue_subscribe("secret", "q").await.unwrap();
        assert!(timeout(SOON, refused.next()).await.unwrap().is_none());
        assert_eq!(refused.error(), Some(SubscribeError::PermissionDenied));

        let answer = client.request("secret", "".into(), SOON).await;
        assert_eq!(answer.unwrap_err(), RequestError::PermissionDenied);
        let answer = client.request("svc.ada.x", "".into(), SOON).await;
        assert_eq!(
            answer.unwrap_err(),
            RequestError::NoResponders,
            "that was allowed"
        );
        client.publish("room.y", "".into()).await.unwrap();
        until(&mut events, |event| {
            let (operation, subject) = (Operation::Publish, "room.y".to_owned());
            *event == Event::PermissionDenied { operation, subject }
        })
        .await;
        client.publish("room.x", "mine".into()).await.unwrap();
        assert_eq!(next(&mut mine).await.payload, "mine");
    }
}

#[tokio::test]
async fn a_request_whose_answer_may_not_be_heard_fails_at_once() {
    let broker = Broker::start_with(USERS).await;
    let client = connect_with(as_user(&broker.nats, "ada", "right")).await;
    let answer = client.request("svc.ada.x", "".into(), SOON).await;
    assert_eq!(answer.unwrap_err(), RequestError::PermissionDenied);
}

#[tokio::test]
async fn a_refused_client_is_told_and_goes_on_trying() {
    let broker = Broker::start_with(USERS).await;
    for url in [&broker.nats, &broker.ws] {
        let client = Client::connect(as_user(url, "ada", "wrong"));
        let mut events = client.events();
        assert_eq!(client.connected().await, Err(ConnectError::Refused));
        for _ in 0..3 {
            until(&mut events, |event| *event == Event::AuthRefused).await;
        }
        assert_eq!(client.status(), Status::Connecting);
        client.close();
        until(&mut events, |event| *event == Event::Closed).await;
        assert!(events.next().await.is_none());
        assert_eq!(client.connected().await, Err(ConnectError::Closed));
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let broker = Broker::start_with("max_payload: 1000").await;
    let client = connect(&broker.nats).await;
    let refused = client.publish("a", vec![0; 1_001].into()).await;
    let (size, most) = (1_001, 1_000);
    assert_eq!(refused, Err(PublishError::TooLarge { size, most }));
    assert_eq!(client.publish("a", vec![0; 1_000].into()).await, Ok(()));
    client.flush().await.unwrap();
}

#[tokio::test]
async fn one_of_a_group_gets_each_message_and_nobody_hears_what_they_do_not_want() {
    let broker = Broker::start().await;
    let quiet = connect_with(ConnectOptions {
        echo: false,
        ..options(&broker.nats)
    })
    .await;
    let mut own = quiet.subscribe("work").await.unwrap();
    let other = connect(&broker.nats).await;
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(other.queue_subscribe("work", "workers").await.unwrap());
    }
    quiet.flush().await.unwrap();
    other.flush().await.unwrap();
    for _ in 0..30 {
        quiet.publish("work", "".into()).await.unwrap();
    }
    quiet.flush().await.unwrap();
    other.drain().await;
    let mut heard = 0;
    for group in groups {
        assert_eq!(group.error(), None);
        heard += group.count().await;
    }
    assert_eq!(heard, 30);
    assert!(timeout(A_MOMENT, own.next()).await.is_err(), "no echo");
}

#[tokio::test]
async fn subscriptions_end_as_they_are_asked_to() {
    let broker = Broker::start().await;
    let client = connect(&broker.nats).await;
    let limited = client.subscribe("x").await.unwrap();
    let drained = client.subscribe("x").await.unwrap();
    let closed = client.subscribe("x").await.unwrap();
    drop(client.subscribe("x").await.unwrap());
    limited.unsubscribe_after(3);
    for _ in 0..10 {
        client.publish("x", "".into()).await.unwrap();
    }
    drained.drain();
    assert_eq!(limited.count().await, 3);
    assert_eq!(drained.count().await, 10);
    client.flush().await.unwrap();
    let mut events = client.events();
    client.close();
    until(&mut events, |event| *event == Event::Closed).await;
    assert_eq!(closed.error(), Some(SubscribeError::Closed));
    assert_eq!(closed.count().await, 10, "what came can still be read");
    assert_eq!(
        client.publish("x", "".into()).await,
        Err(PublishError::Closed)
    );
    assert_eq!(
        client.subscribe("x").await.err(),
        Some(SubscribeError::Closed)
    );
}

#[tokio::test]
async fn the_last_handle_or_subscription_closes_the_connection_when_all_has_left() {
    let broker = Broker::start().await;
    let client = connect(&broker.nats).await;
    let mut events = client.events();
    let mut feed = client.subscribe("x").await.unwrap();
    client.clone().publish("x", "a clone".into()).await.unwrap();
    drop(client);
    assert_eq!(next(&mut feed).await.payload, "a clone");
    let other = connect(&broker.nats).await;
    other.publish("x", "another".into()).await.unwrap();
    drop(other);
    assert_eq!(next(&mut feed).await.payload, "another");
    drop(feed);
    until(&mut events, |event| *event == Event::Closed).await;
}

#[tokio::test]
async fn a_slow_reader_loses_the_newest_and_is_told_once() {
    let broker = Broker::start().await;
    let client = connect_with(ConnectOptions {
        limits: Limits {
            waiting_messages: 10,
            ..Limits::default()
        },
        ..options(&broker.nats)
    })
    .await;
    let mut events = client.events();
    let mut feed = client.subscribe("x").await.unwrap();
    for n in 0..100 {
        client.publish("x", format!("{n}").into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(feed.dropped(), 90);
    for n in 0..10 {
        assert_eq!(next(&mut feed).await.payload, n.to_string());
    }
    client.close();
    let mut slow = 0;
    while let Some(event) = events.next().await {
        slow += usize::from(matches!(event, Event::SlowConsumer { subject } if subject == "x"));
    }
    assert_eq!(slow, 1);
}

#[tokio::test]
async fn what_is_taken_as_it_arrives_waits_in_no_queue() {
    let broker = Broker::start().await;
    let client = connect_with(ConnectOptions {
        limits: Limits {
            waiting_messages: 10,
            ..Limits::default()
        },
        ..options(&broker.nats)
    })
    .await;
    let (taken, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let take = move |message: Message| taken.send(message.payload).unwrap();
    let mut feed = client
        .subscribe_with("x", Some("group"), take)
        .await
        .unwrap();
    for n in 0..100 {
        client.publish("x", format!("{n}").into()).await.unwrap();
    }
    client.flush().await.unwrap();
    for n in 0..100 {
        assert_eq!(seen.try_recv().unwrap(), n.to_string());
    }
    assert_eq!(feed.dropped(), 0);
    client.close();
    assert_eq!(feed.next().await, None, "it brings none, and ends");
}

/// A connection whose bytes the test writes itself.
async fn raw(broker: &Broker, bytes: &[u8]) {
    let addr = broker.nats.trim_start_matches("nats://");
    let mut stream = BufReader::new(TcpStream::connect(addr).await.unwrap());
    let connect = b"CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1}\r\n";
    for bytes in [connect, bytes, b"PING\r\n"] {
        stream.get_mut().write_all(bytes).await.unwrap();
    }
    let mut line = String::new();
    while !line.starts_with("PONG") {
        line.clear();
        let read = stream.read_line(&mut line).await.unwrap();
        assert!(read > 0 && !line.starts_with("-ERR"), "{line}");
    }
}

#[tokio::test]
async fn nothing_that_others_publish_breaks_the_client() {
    let broker = Broker::start().await;
    for headers in [true, false] {
        let client = connect_with(ConnectOptions {
            headers,
            ..options(&broker.nats)
        })
        .await;
        let mut events = client.events();
        let mut feed = client.subscribe(">").await.unwrap();
        client.flush().await.unwrap();

        raw(&broker, b"PUB x _INBOX.\xff\xfe 2\r\nhi\r\n").await;
        let message = next(&mut feed).await;
        assert!(message.reply_is_malformed() && message.reply_str().is_none());
        assert_eq!(message.payload, "hi");

        raw(&broker, b"PUB x a.*.> 2\r\nhi\r\n").await;
        assert!(next(&mut feed).await.reply_is_malformed());

        raw(&broker, b"PUB x.\xff 2\r\nhi\r\n").await;
        let message = next(&mut feed).await;
        assert!(message.subject.is_malformed() && message.reply.is_none());

        for block in [
            &b"NATS/1.0\r\nA: b\rc\r\n\r\n"[..],
            b"A: b\r\n\r\n",
            b"\r\n\r\n",
        ] {
            let size = block.len();
            let line = format!("HPUB x {size} {}\r\n", size + 2);
            raw(&broker, &[line.as_bytes(), block, b"hi\r\n"].concat()).await;
            let message = next(&mut feed).await;
            assert_eq!(message.headers.is_malformed(), headers, "{message:?}");
            assert_eq!(
                message.payload, "hi",
                "without headers the broker strips them"
            );
        }
        client.close();
        assert_eq!(
            events.next().await,
            Some(Event::Closed),
            "nothing else happened"
        );
    }
}

/// Passes bytes on until it is told not to, and then holds both ends open.
async fn half_open(to: &str) -> (String, tokio::sync::oneshot::Sender<()>) {
    let to = to.split("://").last().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = stopped => future::pending().await,
        }
    });
    (url, stop)
}

#[tokio::test]
async fn a_half_open_socket_is_found_out_by_a_look() {
    let broker = Broker::start().await;
    let (url, stop) = half_open(&broker.nats).await;
    let client = connect(&url).await;
    let mut events = client.events();
    client.probe();
    client.flush().await.unwrap();
    stop.send(()).unwrap();
    sleep(A_MOMENT).await;
    assert_eq!(client.status(), Status::Connected);
    client.probe();
    until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
}

#[tokio::test]
async fn a_lame_duck_is_left_for_another_server() {
    let (first, second) = (Broker::start().await, Broker::start().await);
    let client = connect_with(ConnectOptions {
        servers: vec![first.nats.parse().unwrap(), second.nats.parse().unwrap()],
        ..ConnectOptions::default()
    })
    .await;
    let mut feed = client.subscribe("x").await.unwrap();
    let mut events = client.events();
    client.flush().await.unwrap();
    let signal = format!("ldm={}", first.child.id());
    let told = Command::new(binary()).args(["--signal", &signal]).status();
    assert!(told.unwrap().success());
    until(&mut events, |event| *event == Event::LameDuck).await;
    until(&mut events, |event| matches!(event, Event::Connected(_))).await;
    client.flush().await.unwrap();
    connect(&second.nats)
        .await
        .publish("x", "hi".into())
        .await
        .unwrap();
    assert_eq!(next(&mut feed).await.payload, "hi");
}
