//! The way through natter to the broker.

use futures::StreamExt as _;
use natter::nats::{Event, Status};
use reqwest::StatusCode;
use tokio::time::timeout;

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
    let cookie = format!("natter_session={}", ada.token);
    let origin = format!("http://{}", natter.addr());
    let good = || handshake(&natter, "/nats").header("cookie", &cookie);
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
    for path in ["/nats/mqtt", "/nats/leafnode", "/mqtt", "/leafnode"] {
        let other = handshake(&natter, path).header("cookie", &cookie);
        assert_eq!(
            status(other.header("origin", &origin)).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
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
        .header("cookie", format!("natter_session={}", ada.token))
        .header("origin", origin);
    assert_eq!(status(one_more).await, StatusCode::TOO_MANY_REQUESTS);
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
    let elsewhere = Person::sign_up(&natter, "ben").await.connect().await;
    let here = ada.connect().await;
    let there = ada.dial_to(&format!("ws://{}/nats", beside.addr()), &ada.token);
    // The tunnel beside wants its own origin.
    drop(there);
    let broker = natter.server.broker().unwrap().websocket_addr();
    let direct = ada.dial_to(&format!("ws://{broker}/"), &ada.token);
    let origin_of_site = direct.connected().await;
    let mut ends = here.events();
    ada.submit("/logout", &[]).await;
    let ended = timeout(SOON, async {
        while !matches!(ends.next().await, Some(Event::Disconnected(_))) {}
    });
    ended.await.unwrap();
    assert_ne!(here.status(), Status::Connected);
    if origin_of_site.is_ok() {
        let cut = async {
            while direct.status() == Status::Connected {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, cut).await.unwrap();
    }
    assert_eq!(elsewhere.status(), Status::Connected);
}
