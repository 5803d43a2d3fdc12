//! Signing up, in and out.

use reqwest::StatusCode;

use crate::support::{Natter, PASSWORD, Person, stranger};
use natter::server::config::Signup;

async fn sign_in(natter: &Natter, username: &str, password: &str) -> reqwest::Response {
    let form = [("username", username), ("password", password)];
    let request = stranger().post(natter.url("/login")).form(&form);
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_first_account_is_the_administrators_and_the_second_is_not() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ben.connect().await;
    let asked = natter::wire::v1::PeopleRequest {
        uids: vec!["ada".into(), "ben".into(), "nobody-here".into()],
        after: String::new(),
    };
    let people: natter::wire::v1::PeopleResponse =
        ben.ask(&client, "people", &asked).await.unwrap();
    let roles: Vec<_> = people
        .people
        .iter()
        .map(|p| (p.uid.as_str(), p.role()))
        .collect();
    use natter::wire::v1::Role;
    assert_eq!(roles, [("ada", Role::Administrator), ("ben", Role::Member)]);
    assert_eq!(ada.get("/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn signs_in_with_the_right_password_alone() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    assert_eq!(
        sign_in(&natter, "ada", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
    for (name, password) in [
        ("ada", "wrong password"),
        ("ben", PASSWORD),
        ("", ""),
        ("a/..", "x"),
    ] {
        let refused = sign_in(&natter, name, password).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let page = refused.text().await.unwrap();
        assert!(page.contains("Wrong username or password"), "{page}");
        assert!(!page.contains(PASSWORD), "a password is never sent back");
    }
}

#[tokio::test]
async fn a_taken_or_bad_name_is_refused_and_what_was_typed_stays() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    for (name, password, reason) in [
        ("ada", PASSWORD, "taken"),
        ("natter", PASSWORD, "reserved"),
        ("Ada Kim", PASSWORD, "small letters"),
        ("ben", "short", "at least 8"),
    ] {
        let form = [
            ("username", name),
            ("display_name", "Typed Name"),
            ("password", password),
        ];
        let request = stranger().post(natter.url("/signup")).form(&form);
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let page = refused.text().await.unwrap();
        assert!(page.contains(reason), "{name}: {page}");
        assert!(
            page.contains("Typed Name"),
            "{name}: what was typed is gone"
        );
    }
}

#[tokio::test]
async fn a_name_is_taken_once_with_two_natters_racing() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    for round in 0..5 {
        let name = format!("racer{round}");
        let form = [
            ("username", name.as_str()),
            ("display_name", ""),
            ("password", PASSWORD),
        ];
        let tries = (0..6).map(|n| {
            let natter = if n % 2 == 0 { &natter } else { &beside };
            stranger().post(natter.url("/signup")).form(&form).send()
        });
        let answers = futures::future::join_all(tries).await;
        let statuses: Vec<_> = answers.into_iter().map(|a| a.unwrap().status()).collect();
        let taken = statuses
            .iter()
            .filter(|s| **s == StatusCode::SEE_OTHER)
            .count();
        assert_eq!(taken, 1, "{statuses:?}");
        // Whoever won can sign in: the password of the account is the winner's.
        assert_eq!(
            sign_in(&beside, &name, PASSWORD).await.status(),
            StatusCode::SEE_OTHER
        );
    }
    let founders = natter
        .as_service(natter::server::broker::ServiceUser::Chat)
        .await;
    let js = async_nats::jetstream::new(founders);
    let stream = js.get_stream("LOG").await.unwrap();
    let subjects = stream
        .info_with_subjects("natter.log.dir.founded")
        .await
        .unwrap();
    use futures::TryStreamExt as _;
    let founded: Vec<_> = subjects.try_collect().await.unwrap();
    assert_eq!(
        founded,
        [("natter.log.dir.founded".to_owned(), 1)],
        "one founder"
    );
}

#[tokio::test]
async fn who_is_signed_out_is_sent_to_sign_in() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    assert_eq!(ada.get("/session").await.status(), StatusCode::NO_CONTENT);
    let gone = ada.submit("/logout", &[]).await;
    assert_eq!(gone.status(), StatusCode::SEE_OTHER);
    let home = ada.get("/").await;
    assert_eq!(home.status(), StatusCode::SEE_OTHER);
    assert_eq!(home.headers()["location"], "/login");
    assert_eq!(ada.get("/session").await.status(), StatusCode::UNAUTHORIZED);
    // The cookie that the browser had is worth nothing either.
    let replayed = stranger()
        .get(natter.url("/"))
        .header("cookie", &ada.cookie);
    assert_eq!(
        replayed.send().await.unwrap().headers()["location"],
        "/login"
    );
}

#[tokio::test]
async fn closed_sign_up_lets_the_first_account_be_made_and_no_other() {
    let natter = Natter::start_with(|options| options.signup = Signup::Invite).await;
    Person::sign_up(&natter, "ada").await;
    let form = [
        ("username", "ben"),
        ("display_name", ""),
        ("password", PASSWORD),
    ];
    let request = stranger().post(natter.url("/signup")).form(&form);
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "http://evil.example"),
    ] {
        let request = ada.http.post(natter.url("/logout")).header(header, value);
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(ada.get("/session").await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_is_nobodys() {
    let natter = Natter::start().await;
    for cookie in [
        natter.cookie(""),
        natter.cookie("../../x"),
        natter.cookie("AAAA"),
        "x=y".into(),
    ] {
        let request = stranger()
            .get(natter.url("/session"))
            .header("cookie", &cookie);
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{cookie}"
        );
    }
}
