//! Who is let in by the broker, and until when.

use std::time::Duration;

use natter::nats::{Client, ConnectError, ConnectOptions};
use natter::server::broker::ServiceUser;
use natter::server::store::SessionToken;
use natter::wire::v1;
use prost::Message as _;

use crate::support::{Natter, Person};

/// Straight to the broker's WebSocket listener, as through a front proxy.
fn dial(natter: &Natter, token: Option<&str>) -> Client {
    let broker = natter.server.broker().unwrap().websocket_addr();
    let cookie = token.map(|token| ("Cookie".to_owned(), format!("natter_session={token}")));
    Client::connect(ConnectOptions {
        servers: vec![format!("ws://{broker}/").parse().unwrap()],
        ws_headers: cookie.into_iter().collect(),
        ..ConnectOptions::default()
    })
}

/// Puts a session's end elsewhere.
async fn end_at(natter: &Natter, token: &str, expires_at_ms: i64) {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let bucket = js.get_key_value("natter-sessions").await.unwrap();
    let id = SessionToken::parse(token).unwrap().id();
    let record = v1::SessionRecord {
        uid: Some("ada".into()),
        expires_at_ms,
        ..v1::SessionRecord::default()
    };
    bucket
        .put(id.as_str(), record.encode_to_vec().into())
        .await
        .unwrap();
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

#[tokio::test]
async fn a_good_session_is_let_in() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    assert!(dial(&natter, Some(&ada.token)).connected().await.is_ok());
}

#[tokio::test]
async fn no_session_and_none_of_ours_are_refused() {
    let natter = Natter::start().await;
    let made_up = "A".repeat(43);
    let nobodys = format!("ada.{made_up}");
    for token in [
        None,
        Some(""),
        Some("x"),
        Some(made_up.as_str()),
        Some(nobodys.as_str()),
    ] {
        let refused = dial(&natter, token).connected().await;
        assert_eq!(refused.unwrap_err(), ConnectError::Refused, "{token:?}");
    }
}

#[tokio::test]
async fn an_ended_session_is_refused() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    end_at(&natter, &ada.token, now_ms() - 1).await;
    let refused = dial(&natter, Some(&ada.token)).connected().await;
    assert_eq!(refused.unwrap_err(), ConnectError::Refused);
}

#[tokio::test]
async fn a_connection_ends_with_its_session() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    end_at(&natter, &ada.token, now_ms() + 2_500).await;
    let client = dial(&natter, Some(&ada.token));
    client.connected().await.unwrap();
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    assert_ne!(client.status(), natter::nats::Status::Connected);
}
