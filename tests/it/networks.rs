//! The client on networks that are slow, cut, silent or hostile, over both transports.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use natter::nats::{
    Client, ConnectOptions, Event, EventStream, FlushError, Limits, Reason, RequestError, Status,
    Subscription,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::fault_proxy::{Fault, FaultProxy, Way};
use crate::plain_nats::Broker;
use crate::support::{A_MOMENT, SOON};

/// A client that reaches the broker through a network that can fail.
struct Remote {
    proxy: FaultProxy,
    client: Client,
    events: EventStream,
}

impl Remote {
    async fn connect(url: &str) -> Self {
        Self::connect_with(url, ConnectOptions::default()).await
    }

    async fn connect_with(url: &str, options: ConnectOptions) -> Self {
        let (scheme, upstream) = url.split_once("://").unwrap();
        let proxy = FaultProxy::start(upstream.parse().unwrap()).await;
        let client = connect(ConnectOptions {
            servers: vec![format!("{scheme}://{}", proxy.addr()).parse().unwrap()],
            ..options
        })
        .await;
        let events = client.events();
        Self {
            proxy,
            client,
            events,
        }
    }

    async fn until(&mut self, is_it: impl Fn(&Event) -> bool) {
        let found = async { while !is_it(&self.events.next().await.expect("more events")) {} };
        timeout(SOON, found).await.expect("an event in time");
    }

    async fn is_cut_and_comes_back(&mut self) {
        self.until(|event| matches!(event, Event::Disconnected(_)))
            .await;
        self.until(|event| matches!(event, Event::Connected(_)))
            .await;
    }
}

async fn connect(options: ConnectOptions) -> Client {
    let client = Client::connect(options);
    client.connected().await.unwrap();
    client
}

async fn direct(url: &str) -> Client {
    connect(ConnectOptions {
        servers: vec![url.parse().unwrap()],
        ..ConnectOptions::default()
    })
    .await
}

async fn hears(feed: &mut Subscription, payload: &str) {
    let heard = timeout(SOON, feed.next()).await.expect("in time");
    assert_eq!(heard.expect("a message").payload, payload);
}

#[tokio::test]
async fn a_half_open_socket_is_found_by_a_look() {
    let broker = Broker::start().await;
    let ways = [Way::Up, Way::Down, Way::Both];
    let over = |url| ways.map(|way| is_found_by_a_look(url, way));
    futures::future::join_all(over(&broker.nats).into_iter().chain(over(&broker.ws))).await;
}

async fn is_found_by_a_look(url: &str, way: Way) {
    let mut remote = Remote::connect(url).await;
    let mut feed = remote.client.subscribe("x").await.unwrap();
    remote.client.flush().await.unwrap();
    remote.proxy.set(Fault::HalfOpen(way));
    sleep(A_MOMENT).await;
    assert_eq!(remote.client.status(), Status::Connected, "nobody knows");
    // What `visibilitychange`, `pageshow` and `online` do in a page.
    remote.client.probe();
    let is_it = |event: &Event| matches!(event, Event::Disconnected(Reason::NoSignOfLife));
    remote.until(is_it).await;
    remote.proxy.set(Fault::Pass);
    remote.client.connected().await.unwrap();
    remote.client.flush().await.unwrap();
    let publisher = direct(url).await;
    publisher.publish("x", "hi".into()).await.unwrap();
    hears(&mut feed, "hi").await;
}

#[tokio::test]
async fn a_look_at_a_slow_line_cuts_nothing() {
    let broker = Broker::start().await;
    let mut remote = Remote::connect(&broker.ws).await;
    for fault in [Fault::Delay(Duration::from_millis(400)), Fault::Chop] {
        remote.proxy.set(fault);
        remote.client.probe();
        remote.client.flush().await.unwrap();
    }
    sleep(Duration::from_millis(2_100)).await;
    assert_eq!(remote.client.status(), Status::Connected);
    remote.client.close();
    remote.until(|event| *event == Event::Closed).await;
    assert_eq!(remote.proxy.accepted(), 1);
}

#[tokio::test]
async fn cut_or_reset_what_was_under_way_fails_and_all_goes_on() {
    let broker = Broker::start().await;
    for url in [&broker.nats, &broker.ws] {
        for end in [FaultProxy::cut, FaultProxy::reset] {
            let mut remote = Remote::connect(url).await;
            let mut feed = remote.client.subscribe("x").await.unwrap();
            let _silent = remote.client.subscribe("silent").await.unwrap();
            remote.client.flush().await.unwrap();
            let asking = remote.client.request("silent", "".into(), SOON);
            let cutting = async {
                remote.client.flush().await.unwrap();
                end(&remote.proxy);
            };
            let (answer, ()) = tokio::join!(asking, cutting);
            assert_eq!(answer.unwrap_err(), RequestError::Disconnected);
            remote.is_cut_and_comes_back().await;
            remote.client.flush().await.unwrap();
            direct(url)
                .await
                .publish("x", "again".into())
                .await
                .unwrap();
            hears(&mut feed, "again").await;
        }
    }
}

#[tokio::test]
async fn single_bytes_are_as_good_as_any_other_pieces() {
    let broker = Broker::start().await;
    for url in [&broker.nats, &broker.ws] {
        let remote = Remote::connect(url).await;
        remote.proxy.set(Fault::Chop);
        let mut feed = remote.client.subscribe("x").await.unwrap();
        for n in 0..50 {
            remote
                .client
                .publish("x", format!("{n}").into())
                .await
                .unwrap();
        }
        remote.client.flush().await.unwrap();
        for n in 0..50 {
            hears(&mut feed, &n.to_string()).await;
        }
        // And a handshake of them. (HTTP's, tungstenite takes for an attack.)
        if url.starts_with("nats") {
            remote.proxy.cut();
            remote.client.flush().await.unwrap_err();
            remote.client.connected().await.unwrap();
        }
    }
}

#[tokio::test]
async fn refused_it_goes_on_trying() {
    let broker = Broker::start().await;
    let mut remote = Remote::connect(&broker.nats).await;
    remote.proxy.set(Fault::Refuse);
    sleep(A_MOMENT).await;
    remote.proxy.cut();
    remote
        .until(|event| matches!(event, Event::ConnectFailed(_)))
        .await;
    remote
        .until(|event| matches!(event, Event::ConnectFailed(_)))
        .await;
    let flushed = remote.client.flush().await;
    assert_eq!(flushed, Err(FlushError::Disconnected));
    remote.proxy.set(Fault::Pass);
    remote
        .until(|event| matches!(event, Event::Connected(_)))
        .await;
    remote.client.flush().await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_the_broker_cuts_for_being_slow_resumes() {
    let slow = "max_pending: 200000\nwrite_deadline: \"1s\"\nmax_payload: 100000";
    let broker = Broker::start_with(slow).await;
    for url in [&broker.nats, &broker.ws] {
        let mut remote = Remote::connect_with(
            url,
            ConnectOptions {
                limits: Limits {
                    waiting_messages: usize::MAX,
                    waiting_bytes: usize::MAX,
                    ..Limits::default()
                },
                ..ConnectOptions::default()
            },
        )
        .await;
        let mut feed = remote.client.subscribe("x").await.unwrap();
        remote.client.flush().await.unwrap();
        let publisher = direct(url).await;
        remote.proxy.set(Fault::HalfOpen(Way::Down));
        // More than every buffer on the way holds.
        for _ in 0..400 {
            publisher
                .publish("x", vec![0; 50_000].into())
                .await
                .unwrap();
            publisher.flush().await.unwrap();
        }
        remote.proxy.set(Fault::Pass);
        remote.is_cut_and_comes_back().await;
        remote.client.flush().await.unwrap();
        publisher.publish("x", "after".into()).await.unwrap();
        let resumed = async {
            let mut missed = 400;
            while feed.next().await.expect("more").payload != "after" {
                missed -= 1;
            }
            missed
        };
        let missed = timeout(SOON, resumed).await.expect("it hears again");
        assert!(missed > 0, "it was cut off from something");
    }
}

#[tokio::test]
async fn a_server_that_never_greets_is_given_up_for_the_next() {
    let broker = Broker::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for scheme in ["nats", "ws"] {
        let silent = format!("{scheme}://{}", silent.local_addr().unwrap());
        let other = if scheme == "ws" {
            &broker.ws
        } else {
            &broker.nats
        };
        let client = Client::connect(ConnectOptions {
            servers: vec![silent.parse().unwrap(), other.parse().unwrap()],
            connect_timeout: A_MOMENT,
            ..ConnectOptions::default()
        });
        client.connected().await.unwrap();
    }
}

/// Says what no server says, to whoever comes.
async fn hostile(words: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(words).await.is_ok() {} });
        }
    });
    addr
}

#[tokio::test]
async fn a_hostile_server_is_left_for_the_next_and_costs_little() {
    let broker = Broker::start().await;
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"no end of a line ",
        b"INFO {}\r\nINFO {}\r\nMSG x 1 99999999999\r\n",
        b"INFO {}\r\nPING\r\n",
        b"INFO {}\r\n-ERR 'Authorization Violation'\r\n",
        b"INFO {\r\n",
    ] {
        let client = Client::connect(ConnectOptions {
            servers: vec![
                format!("nats://{}", hostile(words).await).parse().unwrap(),
                broker.nats.parse().unwrap(),
            ],
            connect_timeout: A_MOMENT,
            ..ConnectOptions::default()
        });
        let mut events = client.events();
        let found = async { while !matches!(events.next().await, Some(Event::Connected(_))) {} };
        timeout(SOON, found).await.expect("the next is tried");
        client.flush().await.unwrap();
    }
}
