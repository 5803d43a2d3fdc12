//! Who does too much over HTTP is told when to try again, in words and in a header.

use reqwest::{Response, StatusCode, header};

use crate::support::{Natter, PASSWORD, Person, ulid};

/// Sends a form at once, over and over, until it is too much.
async fn overdo(person: &Person, path: &str, form: &[(&str, &str)]) -> Response {
    for _ in 0..20 {
        let all = (0..20).map(|_| person.submit(path, form));
        let all = futures::future::join_all(all).await;
        let told = all
            .into_iter()
            .find(|one| one.status() == StatusCode::TOO_MANY_REQUESTS);
        if let Some(told) = told {
            return told;
        }
    }
    panic!("{path} has no limit");
}

#[tokio::test]
async fn every_limit_says_when_to_try_again() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let (room, details, key) = (format!("/r/{room}"), format!("/r/{room}/details"), ulid());
    let guess = [("username", "nobody-else"), ("password", PASSWORD)];
    let message = [("ulid", key.as_str()), ("text", "hi")];
    let forms: [(&str, &[(&str, &str)]); 7] = [
        (&room, &message),
        (&details, &[("of", "mute")]),
        ("/people", &[("uids", "nobody-else")]),
        ("/rooms/new", &[("name", "")]),
        ("/admin", &[("of", "person"), ("uid", "x"), ("act", "x")]),
        ("/api/echo", &[("message", "hi")]),
        ("/login", &guess),
    ];
    for (path, form) in forms {
        let told = overdo(&ada, path, form).await;
        let wait = told.headers().get(header::RETRY_AFTER);
        let wait = wait.unwrap_or_else(|| panic!("{path} does not say when"));
        let wait: u32 = wait.to_str().unwrap().parse().unwrap();
        // Wrong passwords at one account come back slowly.
        let longest = if path == "/login" { 1_200 } else { 60 };
        assert!((1..=longest).contains(&wait), "{path}: {wait}");
        let words = told.text().await.unwrap();
        assert!(words.contains("Try again in"), "{path}: {words}");
    }
}
