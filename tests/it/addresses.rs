//! What answers at an address, however it is written, and what does at one that is nothing's.

use natter::wire::v1::{ChangeRoomRequest, RoomKind, RoomResponse};
use reqwest::{Response, StatusCode, redirect};

use crate::support::{Natter, Person, stranger};

fn to(response: &Response) -> &str {
    let to = response.headers().get("location");
    to.map_or("", |to| to.to_str().unwrap())
}

/// The heading of a page that was rendered by the server.
fn heading(page: &str) -> String {
    let (_, rest) = page
        .split_once("<h1")
        .unwrap_or_else(|| panic!("a heading: {page}"));
    let (_, rest) = rest.split_once('>').unwrap();
    let (heading, _) = rest.split_once("</h1>").unwrap();
    heading.to_owned()
}

#[tokio::test]
async fn a_room_is_at_its_name_however_the_address_writes_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    for (name, addresses) in [
        ("café", ["/r/caf%C3%A9", "/r/caf%c3%a9", "/r/CAF%C3%89"]),
        (
            "Release notes",
            [
                "/r/Release%20notes",
                "/r/release%20Notes",
                "/r/%52elease%20notes",
            ],
        ),
    ] {
        let id = ada.make_room(&client, RoomKind::Open, name).await;
        for address in addresses {
            for address in [address.to_owned(), format!("{address}/details")] {
                let response = ada.get(&address).await;
                assert_eq!(response.status(), StatusCode::OK, "{address}");
                let page = response.text().await.unwrap();
                assert!(heading(&page).contains(name), "{address}: {page}");
                // Its forms name the room by its id.
                assert!(
                    page.contains(&format!("action=\"/r/{id}")),
                    "{address}: {page}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_room_that_is_renamed_is_still_at_its_id() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let id = ada.make_room(&client, RoomKind::Open, "old name").await;
    let renamed = ChangeRoomRequest {
        room_id: id.clone(),
        name: Some("new name".into()),
        ..ChangeRoomRequest::default()
    };
    let _: RoomResponse = ada.ask(&client, "change-room", &renamed).await.unwrap();
    let page = ada.get(&format!("/r/{id}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(heading(&page.text().await.unwrap()).contains("new name"));
    let old = ada.get("/r/old%20name").await;
    assert_eq!(old.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_slash_at_the_end_is_dropped() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for (address, is) in [
        ("/settings/", "/settings"),
        ("/settings/account/?done", "/settings/account?done"),
        ("/r/general/", "/r/general"),
        ("/r/caf%C3%A9/", "/r/caf%C3%A9"),
        ("/login/", "/login"),
    ] {
        for response in [
            ada.get(address).await,
            stranger().get(natter.url(address)).send().await.unwrap(),
        ] {
            assert_eq!(
                response.status(),
                StatusCode::PERMANENT_REDIRECT,
                "{address}"
            );
            assert_eq!(to(&response), is);
        }
    }
    // Two slashes are another site's.
    for address in ["//evil.example/", "///evil.example/", "/%5Cevil.example//"] {
        let response = ada.get(address).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{address}");
        assert_eq!(to(&response), "");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_with_a_page_that_says_so() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for address in [
        "/nothing",
        "/r/nothing",
        "/r/nothing/details",
        "/r/%FF",
        "/settings/nothing",
        "/nothing/at/all",
    ] {
        let response = ada.get(address).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{address}");
        let page = response.text().await.unwrap();
        let heading = heading(&page);
        assert!(heading.starts_with("There is no"), "{address}: {heading}");
        assert!(
            page.contains("Rooms and people"),
            "{address}: the sidebar stays: {page}"
        );
    }
    let response = stranger().get(natter.url("/nothing")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let page = response.text().await.unwrap();
    assert!(
        heading(&page).starts_with("There is nothing here"),
        "{page}"
    );
    assert!(
        page.contains("href=\"/\"") && page.contains("class=\"card\""),
        "{page}"
    );
}

/// What is shown where no page of the app can be: it says what happened and brings its own styles.
async fn is_a_readable_page(response: Response, status: StatusCode) -> String {
    assert_eq!(response.status(), status);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let page = response.text().await.unwrap();
    assert!(
        page.contains("<style>") && page.contains("class=card"),
        "{page}"
    );
    let (_, style) = page.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    use sha2::Digest as _;
    let hash = data_encoding::BASE64.encode(&sha2::Sha256::digest(style));
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")),
        "{policy}"
    );
    page
}

#[tokio::test]
async fn what_is_refused_is_a_page_that_says_what_to_do() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let at_another = stranger()
        .get(natter.url("/"))
        .header("host", "chat.example");
    let page = is_a_readable_page(
        at_another.send().await.unwrap(),
        StatusCode::MISDIRECTED_REQUEST,
    );
    assert!(page.await.contains("natter serve --public-url"));

    let foreign = ada
        .http
        .post(natter.url("/logout"))
        .header("origin", "http://evil.example");
    let page = is_a_readable_page(foreign.send().await.unwrap(), StatusCode::FORBIDDEN);
    assert!(page.await.contains("Open Natter"));

    let of_ben = [
        ("page_of", "ben"),
        ("of", "profile"),
        ("display_name", "Typed by Ben"),
    ];
    let refused = ada.submit_as_it_is("/settings/account", &of_ben).await;
    let page = is_a_readable_page(refused, StatusCode::CONFLICT).await;
    assert!(
        page.contains("Typed by Ben") && page.contains("signed in as"),
        "{page}"
    );

    let refused = ben.get("/admin").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("Rooms and people"),
        "a page with the sidebar: {page}"
    );
}

#[tokio::test]
async fn a_browser_that_follows_arrives() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let follows = reqwest::Client::builder()
        .redirect(redirect::Policy::limited(5))
        .build()
        .unwrap();
    let asked = follows
        .get(natter.url("/r/general/"))
        .header("cookie", &ada.cookie);
    let page = asked.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.url().path(), "/r/general");
}
