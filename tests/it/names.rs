//! What people and rooms may be called, and whom a name could be taken for.

use data_encoding::BASE64URL_NOPAD;
use natter::wire::v1::{
    self, ChangeRoomRequest, FailureKind, MakeRoomRequest, PeopleRequest, PeopleResponse, RoomKind,
    RoomResponse, event::Body,
};
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::filled::Filler;
use crate::support::{Natter, PASSWORD, Person, stranger};
use natter::nats::Client;

async fn make(person: &Person, client: &Client, name: &str) -> Result<v1::Room, v1::Failure> {
    let asked = MakeRoomRequest {
        kind: RoomKind::Open.into(),
        name: name.into(),
        topic: String::new(),
    };
    let made: Result<RoomResponse, _> = person.ask(client, "make-room", &asked).await;
    made.map(|made| made.room.unwrap())
}

async fn rename(
    person: &Person,
    client: &Client,
    id: &str,
    name: &str,
) -> Result<v1::Room, v1::Failure> {
    let asked = ChangeRoomRequest {
        room_id: id.into(),
        name: Some(name.into()),
        ..ChangeRoomRequest::default()
    };
    let renamed: Result<RoomResponse, _> = person.ask(client, "change-room", &asked).await;
    renamed.map(|renamed| renamed.room.unwrap())
}

fn is_taken<T: std::fmt::Debug>(answer: Result<T, v1::Failure>) -> bool {
    answer.is_err_and(|failure| failure.kind() == FailureKind::Conflict)
}

/// What could be taken for "launch".
const LIKE_LAUNCH: [&str; 7] = [
    "Launch",
    "LAUNCH",
    "Iaunch",
    "1aunch",
    "lаunch",
    "ｌａｕｎｃｈ",
    "lau\u{200b}nch",
];

#[tokio::test]
async fn rooms_have_names_in_every_language_and_are_found_by_them() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    for (typed, name) in [
        ("हिन्दी", "हिन्दी"),
        ("ภาษาไทย", "ภาษาไทย"),
        ("தமிழ்", "தமிழ்"),
        ("cafe\u{301}", "café"),
        ("O’Brien & Co", "O’Brien & Co"),
        ("C++ / Rust?", "C++ / Rust?"),
        ("launch 🚀", "launch 🚀"),
        ("two  spaces", "two spaces"),
    ] {
        let room = make(&ada, &client, typed)
            .await
            .unwrap_or_else(|e| panic!("{typed}: {e:?}"));
        assert_eq!(room.name, name);
        for called in [typed, name] {
            let mut url = reqwest::Url::parse(&natter.url("/r")).unwrap();
            url.path_segments_mut().unwrap().push(called);
            let page = ada.http.get(url.clone()).send().await.unwrap();
            assert_eq!(page.status(), StatusCode::OK, "{url}");
            let page = page.text().await.unwrap();
            assert!(
                page.contains(&format!("action=\"/r/{}\"", room.id)),
                "{url}: {page}"
            );
        }
    }
    for nothing in ["", "\u{200b}", "\u{3164}", "\u{2800}", "\u{301}"] {
        let refused = make(&ada, &client, nothing).await.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::Invalid, "{nothing:?}");
        assert!(refused.reason.contains("has to be seen"), "{refused:?}");
    }
}

#[tokio::test]
async fn no_room_has_a_name_that_could_be_taken_for_anothers() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let launch = make(&ada, &client, "launch").await.unwrap();
    let other = make(&ada, &client, "other").await.unwrap();
    for alike in LIKE_LAUNCH {
        assert!(is_taken(make(&ada, &client, alike).await), "{alike}");
        assert!(
            is_taken(rename(&ada, &client, &other.id, alike).await),
            "{alike}"
        );
    }
    // Its own name in another case is no other's.
    rename(&ada, &client, &launch.id, "Launch").await.unwrap();
    rename(&ada, &client, &launch.id, "launched").await.unwrap();
    // What it has no more can be had.
    make(&ada, &client, "Iaunch").await.unwrap();
    assert!(is_taken(rename(&ada, &client, &launch.id, "launch").await));
}

#[tokio::test]
async fn one_of_the_rooms_that_look_alike_is_made_however_many_race() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let here = ada.connect().await;
    let there = ada.dial_to(&format!("ws://{}/nats", beside.addr()), beside.addr());
    there.connected().await.unwrap();
    let tries = LIKE_LAUNCH.into_iter().enumerate().map(|(n, name)| {
        let client = if n % 2 == 0 { &here } else { &there };
        make(&ada, client, name)
    });
    let made = futures::future::join_all(tries).await;
    let winners = made.iter().filter(|made| made.is_ok()).count();
    assert_eq!(winners, 1, "{made:?}");
    for refused in made.into_iter().filter(Result::is_err) {
        assert!(is_taken(refused));
    }
}

#[tokio::test]
async fn rooms_of_an_older_natter_keep_names_that_look_alike() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let mut log = Filler::of(&natter).await;
    // An older natter took a name by its small letters alone, and took names that are none now.
    let old = [
        ("01OLDA", "lambda"),
        ("01OLDB", "lаmbda"),
        ("01OLDC", "ｌambda"),
        ("01OLDD", "\u{3164}"),
    ];
    for (id, name) in old {
        let token = BASE64URL_NOPAD.encode(&Sha256::digest(name.to_lowercase())[..16]);
        let subject = format!("natter.log.dir.room-name.{token}");
        let room_id = id.to_owned();
        let taken = Body::RoomNameTaken(v1::RoomNameTaken { room_id });
        log.write(subject, "ada", taken).await;
        log.room(id, RoomKind::Open, name, &["ada".to_owned()])
            .await;
    }
    log.done().await;
    // The workspace opens again, with all of them.
    let natter = Natter::start_in(natter.stop().await, |_| {}).await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    for (id, name) in old {
        let page = ada.page(&format!("/r/{id}")).await;
        assert!(page.contains(name), "{id}: {page}");
    }
    let mut url = reqwest::Url::parse(&natter.url("/r")).unwrap();
    url.path_segments_mut().unwrap().push("lаmbda");
    let page = ada
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("action=\"/r/01OLDB\""),
        "the one that is spelled so: {page}"
    );
    for name in ["Lambda", "Iambda", "lambda"] {
        assert!(is_taken(make(&ada, &client, name).await), "{name}");
    }
    // One of them gets another name, and what it had is free when no other is like it.
    rename(&ada, &client, "01OLDD", "visible").await.unwrap();
    rename(&ada, &client, "01OLDA", "epsilon").await.unwrap();
    assert!(
        is_taken(make(&ada, &client, "lambda").await),
        "two others are like it"
    );
    rename(&ada, &client, "01OLDB", "zeta").await.unwrap();
    rename(&ada, &client, "01OLDC", "eta").await.unwrap();
    make(&ada, &client, "lambda").await.unwrap();
    assert!(is_taken(make(&ada, &client, "visibIe").await));
}

async fn call(person: &Person, name: &str) -> StatusCode {
    let form = [("of", "profile"), ("display_name", name)];
    person.submit("/settings/account", &form).await.status()
}

async fn alike(person: &Person, client: &Client, uids: &[&str]) -> Vec<(String, bool)> {
    let asked = PeopleRequest {
        uids: uids.iter().map(ToString::to_string).collect(),
        after: String::new(),
    };
    let people: PeopleResponse = person.ask(client, "people", &asked).await.unwrap();
    let people = people.people.into_iter();
    people
        .map(|person| (person.display_name, person.alike))
        .collect()
}

#[tokio::test]
async fn who_is_called_like_somebody_else_is_shown_with_the_username() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let mallory = Person::sign_up(&natter, "mallory").await;
    let cleo = Person::sign_up(&natter, "cleo").await;
    let client = cleo.connect().await;
    let general = cleo.general(&client).await;
    assert_eq!(call(&ada, "Ada Kim").await, StatusCode::SEE_OTHER);
    let hers = mallory.connect().await;
    mallory
        .post(&hers, &general, "send me your passwords")
        .await
        .unwrap();
    let uids = ["ada", "cleo", "mallory"];
    for copy in [
        "Ada Kim",
        "ADA KIM",
        "Аdа Kіm",
        "Ada\u{2800}Kim",
        "Ada Kim\u{200b}",
    ] {
        assert_eq!(call(&mallory, copy).await, StatusCode::SEE_OTHER, "{copy}");
        let told = alike(&cleo, &client, &uids).await;
        let flags: Vec<_> = told.iter().map(|(_, alike)| *alike).collect();
        assert_eq!(flags, [true, false, true], "{copy}: {told:?}");
        let page = cleo.page("/").await;
        assert!(
            page.contains("class=\"username\">@mallory"),
            "{copy}: {page}"
        );
    }
    assert_eq!(call(&mallory, "Mallory").await, StatusCode::SEE_OTHER);
    let told = alike(&cleo, &client, &uids).await;
    assert!(told.iter().all(|(_, alike)| !alike), "{told:?}");
    let page = cleo.page("/").await;
    assert!(!page.contains("class=\"username\""), "{page}");
    assert!(
        page.contains("<b title=\"@mallory\"><bdi>Mallory"),
        "{page}"
    );
}

#[tokio::test]
async fn a_display_name_can_be_seen_and_turns_nothing_around() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for nothing in ["\u{3164}", "\u{200b}", "\u{2800}", "\u{202e}"] {
        assert_eq!(
            call(&ada, nothing).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{nothing:?}"
        );
    }
    assert_eq!(
        call(&ada, "\u{202e}Ada\u{2066} Kim").await,
        StatusCode::SEE_OTHER
    );
    let client = ada.connect().await;
    assert_eq!(
        alike(&ada, &client, &["ada"]).await,
        [("Ada Kim".to_owned(), false)]
    );
    // As an older natter let people be called.
    let mut log = Filler::of(&natter).await;
    for (uid, name) in [("old-one", "\u{3164}"), ("old-two", "\u{202e}owT dlO")] {
        let person = v1::Person {
            uid: uid.into(),
            display_name: name.into(),
            role: v1::Role::Member.into(),
            ..v1::Person::default()
        };
        let joined = v1::PersonJoined {
            person: Some(person),
            ..v1::PersonJoined::default()
        };
        let subject = format!("natter.log.dir.person.{uid}");
        log.write(subject, uid, Body::PersonJoined(joined)).await;
    }
    log.done().await;
    let told = alike(&ada, &client, &["old-one", "old-two"]).await;
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["old-one", "owT dlO"]);
}

#[tokio::test]
async fn who_signs_in_is_known_however_name_and_password_are_typed() {
    let natter = Natter::start().await;
    let set = "pass\u{e9} compos\u{e9}";
    let form = [("username", "ben"), ("display_name", ""), ("password", set)];
    let made = stranger()
        .post(natter.url("/signup"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    for (username, password, is_in) in [
        ("ben", set, true),
        ("Ben", "passe\u{301} compose\u{301}", true),
        ("@ben", "pass\u{e9}\u{a0}compose\u{301}", true),
        (" @BEN ", set, true),
        ("ben", "Pass\u{e9} compos\u{e9}", false),
        ("ben", "passe compose", false),
        ("@", set, false),
        ("ｂｅｎ", set, false),
    ] {
        let form = [("username", username), ("password", password)];
        let answer = stranger()
            .post(natter.url("/login"))
            .form(&form)
            .send()
            .await
            .unwrap();
        let is = if is_in {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        assert_eq!(answer.status(), is, "{username:?} {password:?}");
    }
    let ada = Person::sign_up(&natter, "ada").await;
    let change = [
        ("of", "password"),
        ("password", PASSWORD),
        ("new_password", "nou\u{308}veau mot"),
    ];
    let changed = ada.submit("/settings/account", &change).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    let form = [("username", "ada"), ("password", "no\u{fc}veau mot")];
    let right = stranger()
        .post(natter.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
}
