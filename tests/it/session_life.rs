//! A session that is used stays, with its cookie; one that is not used ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, kv};
use natter::nats::Event;
use natter::server::broker::ServiceUser;
use natter::server::store::SessionToken;
use natter::wire::v1::SessionRecord;
use prost::Message as _;
use reqwest::{Response, StatusCode, header};

use futures::StreamExt as _;

use crate::support::{Natter, Person, cookie_of};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

/// Somebody's session as natter keeps it.
struct Kept {
    bucket: kv::Store,
    key: String,
}

impl Kept {
    async fn of(natter: &Natter, person: &Person) -> Self {
        let js = jetstream::new(natter.as_service(ServiceUser::Chat).await);
        let bucket = js.get_key_value("natter-sessions").await.unwrap();
        let key = SessionToken::parse(&person.token).unwrap().id();
        let key = key.as_str().to_owned();
        Self { bucket, key }
    }

    async fn read(&self) -> (u64, SessionRecord) {
        let entry = self.bucket.entry(&self.key).await.unwrap().unwrap();
        let record = SessionRecord::decode(entry.value).unwrap();
        (entry.revision, record)
    }

    /// It was last used two days ago, and ends in a while.
    async fn end_in(&self, left: Duration) {
        let (_, mut record) = self.read().await;
        record.used_at_ms = now() - millis(2 * DAY);
        record.expires_at_ms = now() + millis(left);
        let payload = record.encode_to_vec().into();
        self.bucket.put(&self.key, payload).await.unwrap();
    }
}

fn cookie_line(response: &Response) -> String {
    let line = response.headers().get(header::SET_COOKIE);
    line.map_or_else(String::new, |line| line.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_session_that_is_used_stays_and_is_written_once_a_day() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let kept = Kept::of(&natter, &ada).await;
    let new = kept.read().await.0;
    let page = ada.get("/").await;
    assert_eq!(cookie_of(&page), None, "it began today");
    assert_eq!(kept.read().await.0, new);

    for path in ["/", "/session", "/nothing-there"] {
        kept.end_in(DAY).await;
        let answer = ada.get(path).await;
        assert_eq!(cookie_of(&answer), Some(ada.cookie.clone()), "{path}");
        let line = cookie_line(&answer);
        assert!(line.contains("Max-Age=2592000;"), "{path}: {line}");
        let (_, record) = kept.read().await;
        assert!(record.expires_at_ms > now() + millis(29 * DAY), "{path}");
        assert!(record.used_at_ms > now() - millis(DAY), "{path}");
    }
    let written = kept.read().await.0;
    for _ in 0..3 {
        assert_eq!(cookie_of(&ada.get("/").await), None, "once a day");
        ada.connect().await.close();
    }
    assert_eq!(kept.read().await.0, written, "once a day");
}

#[tokio::test]
async fn signing_out_is_not_undone_by_the_cookie_that_stays() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    Kept::of(&natter, &ada).await.end_in(DAY).await;
    let out = ada.submit("/logout", &[]).await;
    let lines = out.headers().get_all(header::SET_COOKIE).iter();
    let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    let of_session = lines.iter().filter(|line| line.contains("natter_session_"));
    let of_session: Vec<_> = of_session.collect();
    assert!(
        matches!(of_session.as_slice(), [line] if line.contains("Max-Age=0;")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_rights_of_a_connection_follow_the_end_of_its_session() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let kept = Kept::of(&natter, &ada).await;
    let left = Duration::from_secs(15);
    kept.end_in(left).await;
    let client = ada.connect().await;
    let mut events = client.events();
    tokio::time::sleep(left + Duration::from_secs(2)).await;
    client.flush().await.unwrap();
    client.close();
    let ended = events.next().await;
    assert_eq!(ended, Some(Event::Closed), "it was not cut before");
}

#[tokio::test]
async fn a_session_that_was_not_used_ends() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let kept = Kept::of(&natter, &ada).await;
    kept.end_in(Duration::ZERO).await;
    assert_eq!(ada.get("/session").await.status(), StatusCode::UNAUTHORIZED);
    let page = ada.get("/").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert!(kept.read().await.1.expires_at_ms <= now());
}
