//! A client that guesses a password locks out nobody but itself. The addresses are those that a front
//! proxy names (`X-Forwarded-For`).

use reqwest::{Response, StatusCode, header};

use crate::support::{Natter, PASSWORD, Person, link_in, stranger};

const WRONG: &str = "wrong password";
const NEW_PASSWORD: &str = "battery staple";

/// Ada and ben, at a natter server behind a proxy.
async fn behind_proxy() -> (Natter, Person, Person) {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    // Started again: where others could come first, the first account asks for a token.
    let folder = natter.stop().await;
    let natter = Natter::start_in(folder, |options| options.behind_proxy = true).await;
    let addr = natter.addr();
    (natter, ada.at(addr), ben.at(addr))
}

/// Tries to sign in.
async fn sign_in(
    natter: &Natter,
    browser: &reqwest::Client,
    from: &str,
    uid: &str,
    password: &str,
) -> Response {
    let form = [("username", uid), ("password", password)];
    let request = browser.post(natter.url("/login")).form(&form);
    let request = request.header("x-forwarded-for", from);
    request.send().await.unwrap()
}

/// How many wrong passwords are looked at, of so many from one address; the rest is refused with the
/// time to wait.
async fn guess(natter: &Natter, browser: &reqwest::Client, from: &str, tries: usize) -> usize {
    let mut looked_at = 0;
    for _ in 0..tries {
        let answer = sign_in(natter, browser, from, "ada", WRONG).await;
        match answer.status() {
            StatusCode::UNPROCESSABLE_ENTITY => looked_at += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = answer.headers()[header::RETRY_AFTER].to_str().unwrap();
                assert!(
                    (1..=1_200).contains(&wait.parse::<u32>().unwrap()),
                    "{wait}"
                );
                let words = answer.text().await.unwrap();
                assert!(words.contains("too many wrong passwords"), "{words}");
            }
            other => panic!("{other}"),
        }
    }
    looked_at
}

async fn change_password(natter: &Natter, person: &Person, from: &str, new: &str) -> Response {
    let form = [
        ("page_of", person.uid.as_str()),
        ("of", "password"),
        ("password", PASSWORD),
        ("new_password", new),
    ];
    let request = person
        .http
        .post(natter.url("/settings/account"))
        .form(&form);
    let request = request.header("x-forwarded-for", from);
    request.send().await.unwrap()
}

/// The cookie that makes a browser known, as it comes with a session.
fn mark_of(answer: &Response) -> String {
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies
        .find(|cookie| cookie.starts_with("natter_known_"))
        .expect("the browser is known now");
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// A browser with this cookie alone.
fn with_cookie(cookie: &str) -> reqwest::Client {
    let mut headers = header::HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn strangers_who_guess_keep_nobody_out() {
    let (natter, ada, _) = behind_proxy().await;
    let stranger = stranger();
    let theirs = "192.0.2.66";
    assert_eq!(guess(&natter, &stranger, theirs, 30).await, 10);

    let at_home = "198.51.100.1";
    let elsewhere = sign_in(&natter, &stranger, at_home, "ada", PASSWORD).await;
    assert_eq!(elsewhere.status(), StatusCode::SEE_OTHER, "a new browser");
    // At the very address that the guesses come from.
    let known = sign_in(&natter, &ada.http, theirs, "ada", PASSWORD).await;
    assert_eq!(known.status(), StatusCode::SEE_OTHER, "a known browser");
    let changed = change_password(&natter, &ada, theirs, NEW_PASSWORD).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER, "a session");
    let unknown = crate::support::stranger();
    let refused = sign_in(&natter, &unknown, theirs, "ada", NEW_PASSWORD).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_knows_the_password_begins_so_many_sessions() {
    let (natter, ada, _) = behind_proxy().await;
    let mut begun = 0;
    for _ in 0..50 {
        let answer = sign_in(&natter, &ada.http, "192.0.2.66", "ada", PASSWORD).await;
        begun += usize::from(answer.status() == StatusCode::SEE_OTHER);
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(begun >= 30, "{begun}");
            return;
        }
    }
    panic!("{begun} sessions");
}

#[tokio::test]
async fn an_address_that_tries_many_names_keeps_no_known_browser_out() {
    let (natter, ada, _) = behind_proxy().await;
    let (stranger, theirs) = (stranger(), "192.0.2.66");
    let mut is_spent = false;
    for round in 0..10 {
        let names: Vec<_> = (0..20).map(|n| format!("name-{round}-{n}")).collect();
        let tries = names
            .iter()
            .map(|uid| sign_in(&natter, &stranger, theirs, uid, WRONG));
        let answers = futures::future::join_all(tries).await;
        let is_refusal = |one: &Response| one.status() == StatusCode::TOO_MANY_REQUESTS;
        is_spent |= answers.iter().any(is_refusal);
    }
    assert!(is_spent, "an address may try any number of names");
    let known = sign_in(&natter, &ada.http, theirs, "ada", PASSWORD).await;
    assert_eq!(known.status(), StatusCode::SEE_OTHER);
    // A link for another password works there, in any browser.
    let link = link_in(&ada.act("ben", "reset-password").await);
    let path = format!("/reset/{}", link.split_once("/reset/").unwrap().1);
    let form = [("password", NEW_PASSWORD)];
    let request = crate::support::stranger()
        .post(natter.url(&path))
        .form(&form);
    let reset = request.header("x-forwarded-for", theirs).send().await;
    assert_eq!(reset.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_stolen_mark_is_no_free_pass_and_ends_with_the_password() {
    let (natter, ada, _) = behind_proxy().await;
    let stolen = stranger();
    let stolen = sign_in(&natter, &stolen, "198.51.100.7", "ada", PASSWORD).await;
    let stolen = with_cookie(&mark_of(&stolen));
    let other = stranger();
    let there = "198.51.100.1";
    let signed_in = sign_in(&natter, &other, there, "ada", PASSWORD).await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    mark_of(&signed_in);

    let mut looked_at = 0;
    for n in 0..25 {
        looked_at += guess(&natter, &stolen, &format!("192.0.2.{n}"), 1).await;
    }
    assert_eq!(
        looked_at, 10,
        "a mark is good for so many wrong passwords, wherever from"
    );
    assert_eq!(
        guess(&natter, &other, there, 1).await,
        1,
        "another mark has its own"
    );
    // Without it, the addresses count, each for itself.
    assert_eq!(guess(&natter, &stranger(), "192.0.2.1", 1).await, 1);

    let changed = change_password(&natter, &ada, there, NEW_PASSWORD).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        guess(&natter, &stolen, "192.0.2.200", 11).await,
        10,
        "a stranger's"
    );
    assert_eq!(guess(&natter, &stolen, "192.0.2.201", 1).await, 1);
}

#[tokio::test]
async fn a_browser_whose_session_is_older_than_marks_gets_one_with_its_next_page() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let browser = with_cookie(&ada.cookie);
    let page = browser.get(natter.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    // However often it is asked for, a session makes one mark: each has guesses of its own.
    let again = browser.get(natter.url("/")).send().await.unwrap();
    assert_eq!(mark_of(&again), mark_of(&page));
    let both = with_cookie(&format!("{}; {}", ada.cookie, mark_of(&page)));
    let page = both.get(natter.url("/")).send().await.unwrap();
    assert!(!page.headers().contains_key(header::SET_COOKIE), "once");
}

#[tokio::test]
async fn wrong_passwords_in_a_session_count_for_that_session() {
    let (natter, ada, _) = behind_proxy().await;
    let other = stranger();
    let there = "198.51.100.1";
    let signed_in = sign_in(&natter, &other, there, "ada", PASSWORD).await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    // Somebody at a browser that was left signed in.
    let form = [
        ("page_of", "ada"),
        ("of", "password"),
        ("password", WRONG),
        ("new_password", NEW_PASSWORD),
    ];
    let mut looked_at = 0;
    for n in 0..15 {
        let request = other.post(natter.url("/settings/account")).form(&form);
        let request = request.header("x-forwarded-for", format!("192.0.2.{n}"));
        let status = request.send().await.unwrap().status();
        looked_at += usize::from(status == StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(looked_at, 10);
    let changed = change_password(&natter, &ada, there, NEW_PASSWORD).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER, "her own session");
}

#[tokio::test]
async fn an_ipv6_address_counts_by_its_64_and_a_mapped_one_as_ipv4() {
    let (natter, _, _) = behind_proxy().await;
    let stranger = stranger();
    let mut looked_at = 0;
    for n in 1..=15 {
        let from = format!("2001:db8:1:2:{n}::{n}");
        looked_at += guess(&natter, &stranger, &from, 1).await;
    }
    assert_eq!(looked_at, 10);
    assert_eq!(guess(&natter, &stranger, "2001:db8:1:3::1", 1).await, 1);
    assert_eq!(guess(&natter, &stranger, "::ffff:192.0.2.9", 6).await, 6);
    assert_eq!(guess(&natter, &stranger, "192.0.2.9", 6).await, 4);
    assert_eq!(guess(&natter, &stranger, "::ffff:192.0.2.10", 1).await, 1);
}

#[tokio::test]
async fn a_full_queue_of_passwords_says_when_to_try_again_and_others_get_their_turn() {
    let (natter, _, _) = behind_proxy().await;
    let stranger = stranger();
    let mut turned_away = None;
    for round in 0..5 {
        // Several addresses share the turns, so that each queue empties slowly.
        let tries = (0..360).map(|n| {
            (
                format!("192.0.2.{}", 6 * round + n % 6),
                format!("name-{round}-{n}"),
            )
        });
        let tries: Vec<_> = tries.collect();
        let flood = tries
            .iter()
            .map(|(from, uid)| sign_in(&natter, &stranger, from, uid, WRONG));
        let other = crate::support::stranger();
        let (flood, ben) = tokio::join!(
            futures::future::join_all(flood),
            sign_in(&natter, &other, "198.51.100.1", "ben", PASSWORD)
        );
        assert_eq!(ben.status(), StatusCode::SEE_OTHER);
        let full = |one: &Response| one.status() == StatusCode::SERVICE_UNAVAILABLE;
        turned_away = flood.into_iter().find(full);
        if turned_away.is_some() {
            break;
        }
    }
    let answer =
        turned_away.expect("60 passwords at once of each fill the queues of six addresses");
    let wait = answer.headers()[header::RETRY_AFTER].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    let words = answer.text().await.unwrap();
    assert!(
        words.contains("nothing was changed. Try again in"),
        "{words}"
    );
}
