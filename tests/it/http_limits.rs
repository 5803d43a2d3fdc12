//! HTTP requests are limited by person, and by address without a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use reqwest::{Client, Response, StatusCode, header};

use tokio::sync::oneshot;

use crate::support::{Natter, PASSWORD, Person, stranger, ulid};

/// Asks over and over until it is too much; tells how often it was answered before.
async fn overdo(natter: &Natter, browser: &Client, path: &str) -> (usize, Response) {
    let mut answered = 0;
    for _ in 0..400 {
        let all = (0..25).map(|_| browser.get(natter.url(path)).send());
        for answer in futures::future::join_all(all).await {
            let answer = answer.unwrap();
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                return (answered, answer);
            }
            answered += 1;
        }
    }
    panic!("{path} has no limit");
}

#[tokio::test]
async fn one_person_is_limited_and_nobody_else_at_the_same_address() {
    let natter = Natter::start().await;
    std::fs::write(
        natter.folder.path().join("site/robots.txt"),
        "User-agent: *",
    )
    .unwrap();
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let room = format!("/r/{}", ada.general(&ada.connect().await).await);
    let (answered, told) = overdo(&natter, &ada.http, "/session").await;
    assert!(answered >= 250, "only {answered}");
    assert_eq!(told.headers()["natter-limit"], "requests");
    let wait = told.headers()[header::RETRY_AFTER].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    let (_, told) = overdo(&natter, &ada.http, "/").await;
    assert!(told.text().await.unwrap().contains("Try again in"));
    // Another session of hers is hers.
    let other = stranger();
    let form = [("username", "ada"), ("password", PASSWORD)];
    let signed_in = other.post(natter.url("/login")).form(&form);
    assert_eq!(
        signed_in.send().await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
    let (answered, _) = overdo(&natter, &other, "/session").await;
    assert!(answered < 250, "{answered} more");

    assert_eq!(ben.get("/").await.status(), StatusCode::OK);
    let login = stranger().get(natter.url("/login")).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::OK);
    assert_eq!(ada.get("/robots.txt").await.status(), StatusCode::OK);
    // What she typed is not lost with a form that is one too many.
    let form = [("ulid", ulid()), ("text", "a long thought".into())];
    let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    for _ in 0..400 {
        let sent = (0..10).map(|_| ada.submit(&room, &form));
        let sent = futures::future::join_all(sent).await;
        let words = futures::future::join_all(sent.into_iter().map(Response::text)).await;
        let mut words = words.into_iter().map(Result::unwrap);
        if let Some(page) = words.find(|page| page.contains("Send again")) {
            assert!(page.contains("a long thought"), "{page}");
            return;
        }
    }
    panic!("forms have no limit");
}

#[tokio::test]
async fn an_address_without_a_session_is_limited_and_those_with_one_are_not() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    ben.submit("/logout", &[]).await;
    let (answered, told) = overdo(&natter, &stranger(), "/session").await;
    assert!(
        answered >= 1_900,
        "an office is locked out after {answered}"
    );
    assert!(told.headers().contains_key(header::RETRY_AFTER));
    // Made-up sessions count as no session.
    let made_up = natter.cookie(&format!("ada.{}", "A".repeat(43)));
    let mut refused = 0;
    for _ in 0..20 {
        let all = (0..25).map(|_| {
            let request = stranger().get(natter.url("/session"));
            request.header(header::COOKIE, &made_up).send()
        });
        let all = futures::future::join_all(all).await;
        let is_refusal = |one: &Response| one.status() == StatusCode::TOO_MANY_REQUESTS;
        refused += all
            .into_iter()
            .map(Result::unwrap)
            .filter(is_refusal)
            .count();
    }
    assert!(refused > 0, "made-up sessions have no limit");

    assert_eq!(ada.get("/").await.status(), StatusCode::OK, "a session");
    // A browser that is known, without one.
    let form = [("username", "ben"), ("password", PASSWORD)];
    let signed_in = ben.submit_as_it_is("/login", &form).await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    assert_eq!(natter.health().await.0, StatusCode::OK);
}

#[tokio::test]
async fn many_pages_of_one_person_keep_nobody_else_waiting_for_all_of_them() {
    const PAGES: usize = 150;
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let answered = Arc::new(AtomicUsize::new(0));
    let (first, is_under_way) = oneshot::channel();
    let asked = tokio::spawn({
        let answered = Arc::clone(&answered);
        async move {
            let ask = || async {
                let page = ada.get("/people").await;
                assert_eq!(page.status(), StatusCode::OK);
                page.text().await.unwrap();
                answered.fetch_add(1, Ordering::Relaxed);
            };
            let mut all: FuturesUnordered<_> = (0..PAGES).map(|_| ask()).collect();
            all.next().await;
            let _ = first.send(());
            while all.next().await.is_some() {}
        }
    });
    is_under_way.await.unwrap();
    assert_eq!(ben.get("/").await.status(), StatusCode::OK);
    let before = answered.load(Ordering::Relaxed);
    assert!(before < PAGES / 2, "after {before} of ada's {PAGES}");
    asked.await.unwrap();
}
