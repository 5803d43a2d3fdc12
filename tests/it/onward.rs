//! Who asked for a page signs in and gets it, and nobody is led to another site.

use natter::server::config::Signup;
use reqwest::{Response, StatusCode};

use crate::support::{Natter, PASSWORD, Person, session_of, stranger};

/// What would lead to another site, or in a circle, if a browser were sent there.
const TRICKS: [&str; 14] = [
    "//evil.example",
    "///evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/.//evil.example",
    "/r/..//evil.example",
    "/%2e%2e//evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/r/x\r\nSet-Cookie: a=b",
    "/login?next=/login",
    "/logout",
];

fn to(response: &Response) -> &str {
    let to = response.headers().get("location");
    to.map_or("", |to| to.to_str().unwrap())
}

async fn get(natter: &Natter, path: &str) -> Response {
    stranger().get(natter.url(path)).send().await.unwrap()
}

async fn send(natter: &Natter, path: &str, form: &[(&str, &str)]) -> Response {
    let request = stranger().post(natter.url(path)).form(form);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_page_that_somebody_asked_for_is_shown_after_signing_in() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let asked = "/r/general?from=mail";
    let sent = get(&natter, asked).await;
    assert_eq!(to(&sent), "/login?next=%2Fr%2Fgeneral%3Ffrom%3Dmail");
    let page = get(&natter, to(&sent)).await.text().await.unwrap();
    assert!(
        page.contains(&format!("name=\"next\" value=\"{asked}\"")),
        "{page}"
    );
    // To where one makes an account, too.
    assert!(
        page.contains("href=\"/signup?next=%2Fr%2Fgeneral%3Ffrom%3Dmail\""),
        "{page}"
    );

    let wrong = [
        ("username", "ada"),
        ("password", "wrong horse"),
        ("next", asked),
    ];
    let refused = send(&natter, "/login", &wrong).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains(&format!("name=\"next\" value=\"{asked}\"")),
        "{page}"
    );

    let right = [("username", "ada"), ("password", PASSWORD), ("next", asked)];
    let signed_in = send(&natter, "/login", &right).await;
    assert_eq!(to(&signed_in), asked);
    // Who is signed in already goes on at once.
    assert_eq!(to(&ada.get(to(&sent)).await), asked);
    // A form whose session has ended leads back to its page.
    ada.submit("/logout", &[]).await;
    let joined = ada.submit("/r/general/details", &[("of", "leave")]).await;
    assert_eq!(to(&joined), "/login?next=%2Fr%2Fgeneral%2Fdetails");
    assert_eq!(to(&ada.submit("/logout", &[]).await), "/login");
}

#[tokio::test]
async fn a_page_that_somebody_asked_for_is_shown_after_signing_up() {
    let natter = Natter::start_with(|options| options.signup = Signup::Invite).await;
    // The first one, too.
    assert_eq!(to(&get(&natter, "/people").await), "/login?next=%2Fpeople");
    let first = get(&natter, "/login?next=%2Fpeople").await;
    assert_eq!(to(&first), "/signup?next=%2Fpeople");
    let form = |uid, next| {
        [
            ("username", uid),
            ("display_name", ""),
            ("password", PASSWORD),
            ("next", next),
        ]
    };
    let made = send(&natter, "/signup", &form("ada", "/people")).await;
    assert_eq!(to(&made), "/people");
    let token = session_of(&made).unwrap();
    assert!(token.starts_with("ada."), "{token}");

    let boss = stranger();
    let signed_in = [("username", "ada"), ("password", PASSWORD)];
    boss.post(natter.url("/login"))
        .form(&signed_in)
        .send()
        .await
        .unwrap();
    let invite = [
        ("page_of", "ada"),
        ("of", "invite"),
        ("role", "member"),
        ("rooms", ""),
    ];
    let made = boss
        .post(natter.url("/admin"))
        .form(&invite)
        .send()
        .await
        .unwrap();
    let link = crate::support::link_in(&made.text().await.unwrap());
    let path = format!("/invite/{}", link.split_once("/invite/").unwrap().1);
    let page = get(&natter, &format!("{path}?next=%2Frooms")).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("name=\"next\" value=\"/rooms\""), "{page}");
    let joined = send(&natter, &path, &form("ben", "/rooms")).await;
    assert_eq!(to(&joined), "/rooms");
}

#[tokio::test]
async fn nobody_is_led_to_another_site_or_in_a_circle() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for trick in TRICKS {
        let form = [("username", "ada"), ("password", PASSWORD), ("next", trick)];
        let signed_in = send(&natter, "/login", &form).await;
        assert_eq!(signed_in.status(), StatusCode::SEE_OTHER, "{trick:?}");
        assert_eq!(to(&signed_in), "/", "{trick:?}");
        let mut url = reqwest::Url::parse(&natter.url("/login")).unwrap();
        url.query_pairs_mut().append_pair("next", trick);
        // Who is signed in is sent on, who is not sees the form.
        let sent = ada.http.get(url.clone()).send().await.unwrap();
        assert_eq!(to(&sent), "/", "{trick:?}");
        let page = stranger()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(
            !page.contains("evil.example") && !page.contains("name=\"next\""),
            "{trick:?}: {page}"
        );
        let uid = format!("u{}", signed_in.headers().len() + trick.len());
        let form = [
            ("username", uid.as_str()),
            ("display_name", ""),
            ("password", PASSWORD),
            ("next", trick),
        ];
        let to = to(&send(&natter, "/signup", &form).await).to_owned();
        assert!(["/", ""].contains(&to.as_str()), "{trick:?}: {to}");
    }
}

#[tokio::test]
async fn where_nobody_has_an_account_everything_leads_to_making_the_first() {
    let natter = Natter::start().await;
    let way_in = get(&natter, "/").await;
    assert_eq!(to(&way_in), "/login");
    assert_eq!(to(&get(&natter, "/login").await), "/signup");
    let page = get(&natter, "/signup").await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("administrator’s") && !page.contains("href=\"/login"),
        "{page}"
    );
    Person::sign_up(&natter, "ada").await;
    let door = get(&natter, "/login").await;
    assert_eq!(door.status(), StatusCode::OK);
    assert!(door.text().await.unwrap().contains("href=\"/signup\""));
}
