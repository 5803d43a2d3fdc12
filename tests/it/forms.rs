//! Reading and posting with scripts off.

use natter::wire::v1::{FailureKind, RoomKind};
use reqwest::StatusCode;

use crate::support::{Natter, Person, ulid};

#[tokio::test]
async fn a_message_posted_by_form_is_in_the_page_that_follows() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let path = format!("/r/{room}");
    let key = ulid();
    let posted = ada
        .submit(&path, &[("ulid", &key), ("text", "by form")])
        .await;
    assert_eq!(posted.status(), StatusCode::SEE_OTHER);
    let next = posted.headers()["location"].to_str().unwrap().to_owned();
    let page = ada.page(&next).await;
    assert_eq!(page.matches("by form").count(), 1, "{page}");
    // A browser that sends the form twice makes no second message.
    ada.submit(&path, &[("ulid", &key), ("text", "by form")])
        .await;
    assert_eq!(ada.page(&next).await.matches("by form").count(), 1);
}

#[tokio::test]
async fn a_refused_message_comes_back_in_the_box() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let path = format!("/r/{room}");
    let long = "x".repeat(4_001);
    let refused = ada
        .submit(&path, &[("ulid", &ulid()), ("text", &long)])
        .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(page.contains("at most 4,000 characters"), "{page}");
    assert!(page.contains(&long), "the text is gone");
    let empty = ada
        .submit(&path, &[("ulid", &ulid()), ("text", " \n ")])
        .await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = ada
        .submit(
            "/r/no-such-room",
            &[("ulid", &ulid()), ("text", "kept text")],
        )
        .await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_written_is_shown_as_text() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "<script>alert(1)</script>")
        .await
        .unwrap();
    let page = ada.page("/").await;
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
}

#[tokio::test]
async fn a_room_is_made_by_form_and_its_name_taken_once() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let made = ada
        .submit("/rooms/new", &[("name", "Launch"), ("topic", "Ship it")])
        .await;
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    let page = ada.page(made.headers()["location"].to_str().unwrap()).await;
    assert!(
        page.contains("Launch") && page.contains("Ship it"),
        "{page}"
    );
    let again = ada
        .submit("/rooms/new", &[("name", "launch"), ("topic", "kept")])
        .await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = again.text().await.unwrap();
    assert!(page.contains("taken") && page.contains("kept"), "{page}");
    // A room is found by its name, too, whatever the case.
    assert_eq!(ada.get("/r/LAUNCH").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_does_not_exist_is_said_so() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for path in [
        "/r/nowhere",
        "/nothing-here",
        "/pkg/none.js",
        "/r/..%2f..%2fx",
    ] {
        let response = ada.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let body = response.text().await.unwrap();
        assert!(
            !body.contains("panicked") && !body.contains(".rs:"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_message_sent_after_the_session_is_over_is_kept() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    ada.submit("/logout", &[]).await;
    let (path, key) = (format!("/r/{room}"), ulid());
    let form = [("ulid", key.as_str()), ("text", "a long thought")];
    let refused = ada.submit(&path, &form).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("a long thought") && page.contains(&key),
        "{page}"
    );
}

#[tokio::test]
async fn a_form_that_natter_does_not_know_changes_nothing() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    Person::sign_up(&natter, "ben").await;
    let room = ada
        .make_room(&ada.connect().await, RoomKind::Open, "ops")
        .await;
    let details = format!("/r/{room}/details");
    let length = natter.log_length().await;
    let unknown: [(&str, &[(&str, &str)]); 7] = [
        (&details, &[("of", "erase"), ("topic", "")]),
        (&details, &[("of", ""), ("topic", "x"), ("name", "x")]),
        ("/rooms/new", &[("name", "x"), ("kind", "secret")]),
        ("/admin", &[("of", "x"), ("uid", "ben"), ("act", "suspend")]),
        ("/admin", &[("of", "person"), ("uid", "ben"), ("act", "x")]),
        ("/admin", &[("of", "invite"), ("role", "owner")]),
        ("/settings/account", &[("of", "x"), ("display_name", "x")]),
    ];
    for (path, form) in unknown {
        let answer = ada.submit(path, form).await;
        let status = answer.status();
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {form:?}");
        assert_eq!(natter.log_length().await, length, "{path} {form:?}");
    }
}

#[tokio::test]
async fn a_text_with_nothing_to_see_is_refused_in_words() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    for nothing in [
        "\u{200b}",
        "\u{3164}\n\u{2800}",
        "\u{202e}\u{fe0f}",
        " \u{ad} ",
    ] {
        let refused = ada.post(&client, &room, nothing).await.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::Invalid, "{nothing:?}");
        let form = [("ulid", &*ulid()), ("text", nothing)].map(|(n, v)| (n, v.to_owned()));
        let form = form.each_ref().map(|(n, v)| (*n, v.as_str()));
        let refused = ada.submit(&format!("/r/{room}"), &form).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains("There is nothing to send yet"), "{page}");
    }
}

#[tokio::test]
async fn who_goes_back_and_sends_another_text_sends_another_message() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let (path, key) = (format!("/r/{room}"), ulid());
    // The browser shows the page as it was, with the key that it had.
    for text in [
        "first thought",
        "second thought",
        "second thought",
        "first thought",
    ] {
        let sent = ada.submit(&path, &[("ulid", &key), ("text", text)]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER, "{text}");
    }
    let page = ada.page(&path).await;
    for text in ["first thought", "second thought"] {
        let shown = page.matches(&format!("class=\"text\">{text}")).count();
        assert_eq!(shown, 1, "{text}: {page}");
    }
}

#[tokio::test]
async fn a_text_that_is_too_large_to_be_read_is_answered_in_words() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let path = format!("/r/{room}");
    let page = ada.page(&path).await;
    assert!(
        page.contains("A message has at most 4,000 characters."),
        "{page}"
    );
    // Up to three times as much is read, whatever it is, and comes back.
    let most = 12_000;
    for (unit, units) in [("x", 1), ("€", 1), ("😀", 2)] {
        let text = unit.repeat(most / units);
        let refused = ada
            .submit(&path, &[("ulid", &ulid()), ("text", &text)])
            .await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{unit}");
        let page = refused.text().await.unwrap();
        assert!(
            page.contains("at most 4,000") && page.contains(&text),
            "{unit}"
        );
    }
    let text = "x".repeat(2_000_000);
    let refused = ada
        .submit(&path, &[("ulid", &ulid()), ("text", &text)])
        .await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("what you wrote is still in the form"),
        "{page}"
    );
}
