//! The client against a real nats-server, over both of its transports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use futures::StreamExt as _;
use natter::nats::{
    Auth, Client, ConnectError, ConnectOptions, Event, Headers, Outgoing, RequestError,
    SubscribeError,
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::{SOON, nats_server};

/// A plain nats-server with two users, one of whom may do little.
struct Server {
    child: Child,
    folder: TempDir,
    tcp: SocketAddr,
    ws: SocketAddr,
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tcp, ws) = (free_port(), free_port());
        let config = format!(
            "listen: \"{tcp}\"\n\
             websocket {{ listen: \"{ws}\", no_tls: true }}\n\
             authorization {{ users: [\n\
               {{ user: all, password: all }},\n\
               {{ user: few, password: few, permissions: {{\n\
                 publish: [\"allowed\"], subscribe: [\"_INBOX.>\", \"allowed\"] }} }}\n\
             ] }}\n"
        );
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        let child = spawn(&folder);
        Self {
            child,
            folder,
            tcp,
            ws,
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = spawn(&self.folder);
    }

    fn urls(&self) -> [String; 2] {
        [format!("nats://{}", self.tcp), format!("ws://{}/", self.ws)]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &TempDir) -> Child {
    let binary = nats_server().unwrap_or_else(|| "nats-server".into());
    Command::new(binary)
        .arg("-c")
        .arg(folder.path().join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn dial_as(url: &str, user: &str) -> Client {
    Client::connect(ConnectOptions {
        servers: vec![url.parse().unwrap()],
        auth: Auth::UserPassword {
            user: user.into(),
            password: user.into(),
        },
        ..ConnectOptions::default()
    })
}

async fn connect(url: &str) -> Client {
    let client = dial_as(url, "all");
    client.connected().await.unwrap();
    client
}

#[tokio::test]
async fn messages_of_any_size_arrive_whole_over_both_transports() {
    let server = Server::start();
    for url in server.urls() {
        let client = connect(&url).await;
        let mut feed = client.subscribe("sizes.*").await.unwrap();
        for size in [0, 1, 4_095, 4_096, 4_097, 70_000, 1_000_000] {
            let payload = Bytes::from(vec![b'x'; size]);
            client.publish("sizes.one", payload.clone()).await.unwrap();
            let message = timeout(SOON, feed.next()).await.unwrap().unwrap();
            assert_eq!(message.payload, payload, "{size} over {url}");
        }
    }
}

#[tokio::test]
async fn headers_arrive_with_all_their_values() {
    let server = Server::start();
    for url in server.urls() {
        let client = connect(&url).await;
        let mut feed = client.subscribe("a").await.unwrap();
        let mut headers = Headers::new();
        headers.append("Key", "one");
        headers.append("Key", "two");
        let message = Outgoing {
            subject: "a".into(),
            headers,
            ..Outgoing::default()
        };
        client.publish_message(message).await.unwrap();
        let message = timeout(SOON, feed.next()).await.unwrap().unwrap();
        assert_eq!(
            message.headers.values("Key").collect::<Vec<_>>(),
            ["one", "two"]
        );
        assert_eq!(message.headers.last("Key"), Some("two"));
    }
}

#[tokio::test]
async fn requests_are_answered_and_nobody_there_is_told_at_once() {
    let server = Server::start();
    let [tcp, ws] = server.urls();
    let (asker, answerer) = (connect(&ws).await, connect(&tcp).await);
    let mut questions = answerer.queue_subscribe("svc", "q").await.unwrap();
    answerer.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let reply = question.reply_str().unwrap().to_owned();
            answerer.publish(&reply, question.payload).await.unwrap();
        }
    });
    let asked = (0..100).map(|n: u32| {
        let asker = asker.clone();
        async move { asker.request("svc", n.to_string().into(), SOON).await }
    });
    let answers = futures::future::join_all(asked).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap().payload, n.to_string());
    }
    let begun = std::time::Instant::now();
    let nobody = asker.request("nobody", Bytes::new(), SOON).await;
    assert_eq!(nobody.unwrap_err(), RequestError::NoResponders);
    assert!(begun.elapsed() < SOON / 2, "not by running out of time");
}

#[tokio::test]
async fn what_is_not_allowed_is_told_to_whom_it_is_about() {
    let server = Server::start();
    for url in server.urls() {
        let client = dial_as(&url, "few");
        client.connected().await.unwrap();
        let mut forbidden = client.subscribe("forbidden").await.unwrap();
        let allowed = client.subscribe("allowed").await.unwrap();
        assert!(timeout(SOON, forbidden.next()).await.unwrap().is_none());
        assert_eq!(forbidden.error(), Some(SubscribeError::PermissionDenied));
        let refused = client.request("forbidden", Bytes::new(), SOON).await;
        assert_eq!(refused.unwrap_err(), RequestError::PermissionDenied);
        assert_eq!(allowed.error(), None);
        client.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let server = Server::start();
    for url in server.urls() {
        // The server may still be starting: then there is nobody to refuse.
        connect(&url).await;
        let refused = dial_as(&url, "nobody").connected().await;
        assert_eq!(refused.unwrap_err(), ConnectError::Refused);
    }
}

#[tokio::test]
async fn subscriptions_outlive_a_killed_server() {
    let mut server = Server::start();
    for url in server.urls() {
        let client = connect(&url).await;
        let mut feed = client.subscribe("a").await.unwrap();
        let mut events = client.events();
        server.kill();
        let cut = timeout(SOON, events.next()).await.unwrap();
        assert!(matches!(cut, Some(Event::Disconnected(_))), "{cut:?}");
        let asked = client.request("a", Bytes::new(), SOON).await;
        assert_eq!(asked.unwrap_err(), RequestError::Disconnected);
        server.start_again();
        client.connected().await.unwrap();
        client.publish("a", "still here".into()).await.unwrap();
        let heard = timeout(SOON, feed.next()).await.unwrap().unwrap();
        assert_eq!(heard.payload, "still here");
    }
}

#[tokio::test]
async fn a_client_ends_with_its_last_handle_and_a_closed_one_at_once() {
    let server = Server::start();
    let [tcp, _] = server.urls();
    let client = connect(&tcp).await;
    let (other, mut events) = (client.clone(), client.events());
    drop(client);
    assert!(other.flush().await.is_ok(), "a handle is left");
    drop(other);
    assert_eq!(
        timeout(SOON, events.next()).await.unwrap(),
        Some(Event::Closed)
    );
    assert_eq!(events.next().await, None);

    let client = connect(&tcp).await;
    let mut feed = client.subscribe("a").await.unwrap();
    client.close();
    assert!(timeout(SOON, feed.next()).await.unwrap().is_none());
    assert_eq!(feed.error(), Some(SubscribeError::Closed));
}

#[tokio::test]
async fn draining_reads_to_the_end() {
    let server = Server::start();
    let [tcp, ws] = server.urls();
    let (reader, writer) = (connect(&ws).await, connect(&tcp).await);
    let feed = reader.subscribe("a").await.unwrap();
    reader.flush().await.unwrap();
    for _ in 0..100 {
        writer.publish("a", "x".into()).await.unwrap();
    }
    writer.flush().await.unwrap();
    timeout(SOON, reader.drain()).await.unwrap();
    assert_eq!(feed.count().await, 100);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_and_the_rest_goes_on() {
    let server = Server::start();
    let [tcp, _] = server.urls();
    let client = Client::connect(ConnectOptions {
        servers: vec![tcp.parse().unwrap()],
        auth: Auth::UserPassword {
            user: "all".into(),
            password: "all".into(),
        },
        subscription_capacity: 10,
        ..ConnectOptions::default()
    });
    client.connected().await.unwrap();
    let slow = client.subscribe("a").await.unwrap();
    let mut events = client.events();
    for _ in 0..200 {
        client.publish("a", "x".into()).await.unwrap();
    }
    client.flush().await.unwrap();
    let told = timeout(SOON, events.next()).await.unwrap();
    assert_eq!(
        told,
        Some(Event::SlowConsumer {
            subject: "a".into()
        })
    );
    client.close();
    assert!(slow.count().await < 20);
}
