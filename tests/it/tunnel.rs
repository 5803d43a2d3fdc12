//! The way through natter to the broker.

use futures::StreamExt as _;
use natter::nats::{Event, Status};
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::process::{raw, status_of};
use crate::support::{Natter, Person, SOON, stranger};

fn handshake(natter: &Natter, path: &str) -> reqwest::RequestBuilder {
    stranger()
        .get(natter.url(path))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

async fn status(request: reqwest::RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn only_a_session_from_this_site_gets_through() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let cookie = &ada.cookie;
    let origin = format!("http://{}", natter.addr());
    let good = || handshake(&natter, "/nats").header("cookie", cookie);
    assert_eq!(
        status(good().header("origin", &origin)).await,
        StatusCode::SWITCHING_PROTOCOLS
    );
    assert_eq!(status(good()).await, StatusCode::FORBIDDEN, "no origin");
    let elsewhere = good().header("origin", "http://evil.example");
    assert_eq!(status(elsewhere).await, StatusCode::FORBIDDEN);
    let nobody = handshake(&natter, "/nats").header("origin", &origin);
    assert_eq!(status(nobody).await, StatusCode::UNAUTHORIZED);
    let plain = ada.get("/nats").await;
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(plain.headers()["upgrade"], "websocket");
    for path in ["/nats/mqtt", "/nats/leafnode", "/mqtt", "/leafnode"] {
        let other = handshake(&natter, path).header("cookie", cookie);
        assert_eq!(
            status(other.header("origin", &origin)).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_handshake_is_told_by_natter() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let ask = async |headers: &str| {
        let addr = natter.addr();
        let cookie = &ada.cookie;
        let request = format!(
            "GET /nats HTTP/1.1\r\nHost: {addr}\r\nOrigin: http://{addr}\r\n\
             Cookie: {cookie}\r\n{headers}\r\n"
        );
        raw(addr, &request).await
    };
    for (headers, is) in [
        (format!("{upgrade}{version}{key}"), 101),
        // Several headers of one name are one list.
        (
            format!(
                "Connection: keep-alive\r\nConnection: x, upgrade\r\nUpgrade: WebSocket\r\n{version}{key}"
            ),
            101,
        ),
        (format!("{upgrade}{version}"), 400),
        (format!("{upgrade}{version}{key}{key}"), 400),
        (
            format!("{upgrade}{version}Sec-WebSocket-Key: short\r\n"),
            400,
        ),
        (
            format!("{upgrade}{version}Sec-WebSocket-Key: AAAA\r\n"),
            400,
        ),
        (format!("{upgrade}{version}Sec-WebSocket-Key: \r\n"), 400),
        (format!("{upgrade}{key}"), 426),
        (format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}"), 426),
        (format!("{upgrade}{version}{version}{key}"), 426),
        (
            format!("Connection: upgraded\r\nUpgrade: websocket\r\n{version}{key}"),
            426,
        ),
        (format!("Upgrade: websocket\r\n{version}{key}"), 426),
        (
            format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{version}{key}"),
            426,
        ),
    ] {
        let answer = ask(&headers).await;
        assert_eq!(status_of(&answer), is, "{headers}{answer}");
        let answer = answer.to_ascii_lowercase();
        assert_eq!(
            answer.contains("\r\nupgrade: websocket\r\n"),
            is != 400,
            "{answer}"
        );
    }
    let other = ask(&format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}")).await;
    let other = other.to_ascii_lowercase();
    assert!(
        other.contains("\r\nsec-websocket-version: 13\r\n"),
        "{other}"
    );
}

#[tokio::test]
async fn one_person_has_twenty_connections() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(ada.connect().await);
    }
    assert_eq!(
        ada.get("/session").await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let origin = format!("http://{}", natter.addr());
    let one_more = handshake(&natter, "/nats")
        .header("cookie", &ada.cookie)
        .header("origin", origin);
    let told = one_more.send().await.unwrap();
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.headers()["natter-limit"], "connections");
    assert!(told.headers().contains_key("retry-after"));
    ben.connect().await;
    clients.pop().unwrap().close();
    let freed = async {
        while ada.get("/session").await.status() != StatusCode::NO_CONTENT {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, freed).await.unwrap();
    ada.connect().await;
}

#[tokio::test]
async fn signing_out_closes_the_live_connection_at_each_natter_and_at_the_broker() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let bens = Person::sign_up(&natter, "ben").await.connect().await;
    let broker = natter.server.broker().unwrap().websocket_addr();
    let adas = [
        ada.dial(),
        ada.dial_to(&format!("ws://{}/nats", beside.addr()), beside.addr()),
        // As through a front proxy, past every tunnel.
        ada.dial_to(&format!("ws://{broker}/"), natter.addr()),
    ];
    for client in &adas {
        client.connected().await.unwrap();
    }
    let mut ends = adas.each_ref().map(natter::nats::Client::events);
    ada.submit("/logout", &[]).await;
    for (at, events) in ends.iter_mut().enumerate() {
        let ended = timeout(SOON, async {
            while !matches!(events.next().await, Some(Event::Disconnected(_))) {}
        });
        assert!(ended.await.is_ok(), "connection {at} goes on");
        assert_ne!(adas[at].status(), Status::Connected);
    }
    assert_eq!(bens.status(), Status::Connected);
}

#[tokio::test]
async fn who_is_cut_off_for_asking_too_much_is_told_when_to_come_back() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let flood = async {
        while ada.get("/session").await.status() == StatusCode::NO_CONTENT {
            for _ in 0..500 {
                // It is closed under this at last.
                let _ = client.publish("ada.echo", "x".into()).await;
            }
            let _ = client.flush().await;
        }
    };
    timeout(SOON, flood).await.unwrap();
    client.close();
    for path in ["/session", "/nats"] {
        let told = handshake(&natter, path)
            .header("cookie", &ada.cookie)
            .header("origin", format!("http://{}", natter.addr()));
        let told = told.send().await.unwrap();
        assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(told.headers()["natter-limit"], "requests");
        let wait: u32 = told.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((30..=60).contains(&wait), "{wait}");
    }
}
