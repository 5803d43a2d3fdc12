//! Accounts: links, roles, suspension, passwords, sessions.

use natter::domain::Ulid;
use natter::server::config::Signup;
use reqwest::StatusCode;

use crate::support::{Natter, PASSWORD, Person, link_in, session_of, stranger};

async fn sign_in(natter: &Natter, uid: &str, password: &str) -> reqwest::Response {
    let form = [("username", uid), ("password", password)];
    let request = stranger().post(natter.url("/login")).form(&form);
    request.send().await.unwrap()
}

async fn accept(natter: &Natter, link: &str, uid: &str) -> StatusCode {
    let path = link.split_once("/invite/").unwrap().1;
    let form = [
        ("username", uid),
        ("display_name", ""),
        ("password", PASSWORD),
    ];
    let request = stranger().post(natter.url(&format!("/invite/{path}")));
    request.form(&form).send().await.unwrap().status()
}

/// Sent once more, a form that was refused has to make the link that was meant.
#[tokio::test]
async fn a_refused_invitation_keeps_its_role_and_all_that_was_typed() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let form = [
        ("of", "invite"),
        ("role", "guest"),
        ("rooms", "nowhere"),
        ("days", "3"),
        ("many", "on"),
    ];
    let refused = ada.submit("/admin", &form).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    let tag = |start: &str| {
        let from = page.find(start).unwrap();
        let to = page[from..].find('>').unwrap();
        page[from..from + to].to_owned()
    };
    assert!(tag("<option value=\"guest\"").contains("selected"));
    assert!(tag("<input id=\"rooms\"").contains("value=\"nowhere\""));
    assert!(tag("<input id=\"days\"").contains("value=\"3\""));
    assert!(tag("<input type=\"checkbox\" name=\"many\"").contains("checked"));
}

#[tokio::test]
async fn a_link_makes_as_many_accounts_as_it_says_and_none_when_taken_back() {
    let natter = Natter::start_with(|options| options.signup = Signup::Invite).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let once = ada.invitation("member", "").await;
    let tries = (0..5).map(|n| {
        let (natter, once) = (&natter, &once);
        async move { accept(natter, once, &format!("p-{n}")).await }
    });
    let made = futures::future::join_all(tries).await;
    let made = made.into_iter().filter(|s| *s == StatusCode::SEE_OTHER);
    assert_eq!(made.count(), 1, "a link for one makes one, whoever races");

    let many = [("of", "invite"), ("role", "member"), ("many", "on")];
    let many = link_in(&ada.administer(&many).await);
    for uid in ["ben", "cleo"] {
        assert_eq!(accept(&natter, &many, uid).await, StatusCode::SEE_OTHER);
    }
    assert_eq!(
        accept(&natter, &many, "ben").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the name is taken"
    );
    let page = ada.page("/admin").await;
    let (_, rest) = page.split_once("name=\"link\"").unwrap();
    let (_, rest) = rest.split_once("value=\"").unwrap();
    let id = rest.split_once('"').unwrap().0;
    ada.administer(&[("of", "revoke"), ("link", id)]).await;
    assert_eq!(accept(&natter, &many, "dana").await, StatusCode::FORBIDDEN);
    assert!(ada.page("/admin").await.contains("took an invitation back"));
}

#[tokio::test]
async fn a_domain_lets_its_own_people_in() {
    let domains = Signup::Domains(vec!["example.org".into()]);
    let natter = Natter::start_with(|options| options.signup = domains).await;
    Person::sign_up(&natter, "ada").await;
    for (uid, email, status) in [
        ("ben", "ben@example.com", StatusCode::FORBIDDEN),
        ("ben", "", StatusCode::FORBIDDEN),
        ("ben", "ben@evil.example.org.evil", StatusCode::FORBIDDEN),
        ("ben", "ben@Example.org", StatusCode::SEE_OTHER),
    ] {
        let form = [
            ("username", uid),
            ("display_name", ""),
            ("password", PASSWORD),
            ("email", email),
        ];
        let request = stranger().post(natter.url("/signup")).form(&form);
        assert_eq!(request.send().await.unwrap().status(), status, "{email}");
    }
}

#[tokio::test]
async fn who_is_suspended_is_out_at_once_and_in_again_when_let() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ben.connect().await;
    ada.act("ben", "suspend").await;
    let cut = async {
        while client.status() == natter::nats::Status::Connected {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let second = std::time::Duration::from_secs(1);
    tokio::time::timeout(second, cut)
        .await
        .expect("cut within a second");
    assert_eq!(ben.get("/session").await.status(), StatusCode::UNAUTHORIZED);
    let refused = sign_in(&natter, "ben", PASSWORD).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(refused.text().await.unwrap().contains("suspended"));
    // The wrong password tells nothing of it.
    let wrong = sign_in(&natter, "ben", "wrong password").await;
    assert!(!wrong.text().await.unwrap().contains("suspended"));
    ada.act("ben", "restore").await;
    let again = sign_in(&natter, "ben", PASSWORD).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let audit = ada.page("/admin").await;
    assert!(audit.contains("@ada suspended @ben") && audit.contains("@ada let @ben in again"));
}

#[tokio::test]
async fn somebody_looks_after_the_workspace_at_all_times() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&beside, "ben").await;
    let form = |uid, act| [("of", "person"), ("uid", uid), ("act", act)];
    let refused = ada.submit("/admin", &form("ada", "member")).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        ben.submit("/admin", &form("ben", "administrator"))
            .await
            .status(),
        StatusCode::FORBIDDEN
    );
    for _ in 0..5 {
        ada.act("ben", "administrator").await;
        // Each takes the other's role away at the same moment.
        let (one, other) = (form("ben", "member"), form("ada", "member"));
        let (one, other) = tokio::join!(ada.submit("/admin", &one), ben.submit("/admin", &other));
        let is_admin = |page: String| page.contains("What administrators did");
        let (adas, bens) = (ada.page("/admin").await, ben.page("/admin").await);
        let (adas, bens) = (is_admin(adas), is_admin(bens));
        assert!(adas || bens, "nobody is left: {one:?} {other:?}");
        if !adas {
            ben.act("ada", "administrator").await;
            ada.act("ben", "member").await;
        }
        if bens && adas {
            ada.act("ben", "member").await;
        }
    }
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let elsewhere = session_of(&sign_in(&natter, "ada", PASSWORD).await).unwrap();
    let holds = async |token: &str| {
        let request = stranger().get(natter.url("/session"));
        let request = request.header("cookie", natter.cookie(token));
        request.send().await.unwrap().status() == StatusCode::NO_CONTENT
    };
    let sessions = ada.page("/settings/sessions").await;
    assert!(sessions.contains("This browser") && sessions.contains("Sign out everywhere else"));
    assert!(holds(&elsewhere).await);
    let form = |old, new| [("of", "password"), ("password", old), ("new_password", new)];
    for (old, new, reason) in [
        ("wrong password", "another horse 7", "not your password"),
        (PASSWORD, "password", "first that anybody would try"),
        (PASSWORD, "short", "at least 8"),
    ] {
        let refused = ada.submit("/settings/account", &form(old, new)).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().await.unwrap().contains(reason), "{reason}");
    }
    let before = ada.token.clone();
    let changed = ada
        .submit("/settings/account", &form(PASSWORD, "another horse 7"))
        .await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    let fresh = session_of(&changed).unwrap();
    assert_ne!(fresh, before, "the session goes on under another token");
    assert!(holds(&fresh).await && !holds(&before).await && !holds(&elsewhere).await);
    assert_eq!(
        sign_in(&natter, "ada", PASSWORD).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let again = sign_in(&natter, "ada", "another horse 7").await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_for_a_new_password_is_good_once() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let link = link_in(&ada.act("ben", "reset-password").await);
    let path = &link[link.find("/reset/").unwrap()..];
    assert!(
        stranger()
            .get(natter.url(path))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let choose = |password: &'static str| {
        let request = stranger().post(natter.url(path));
        request.form(&[("password", password)]).send()
    };
    let common = choose("password").await.unwrap();
    assert_eq!(common.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        choose("a horse of ben").await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        choose("a horse of eve").await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(ben.get("/session").await.status(), StatusCode::UNAUTHORIZED);
    let again = sign_in(&natter, "ben", "a horse of ben").await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    // A link for one thing is no link for another.
    let other = path.replace("/reset/", "/invite/");
    let request = stranger().get(natter.url(&other)).send().await.unwrap();
    assert_eq!(request.headers()["location"], "/login?why=link");
}

#[tokio::test]
async fn a_session_that_somebody_else_set_is_not_signed_in() {
    let natter = Natter::start().await;
    let eve = Person::sign_up(&natter, "eve").await;
    Person::sign_up(&natter, "ada").await;
    // The victim's browser was given the attacker's session before it signs in.
    let form = [("username", "ada"), ("password", PASSWORD)];
    let request = stranger().post(natter.url("/login")).form(&form);
    let request = request.header("cookie", &eve.cookie);
    let signed_in = request.send().await.unwrap();
    let fresh = session_of(&signed_in).unwrap();
    assert_ne!(fresh, eve.token);
    assert!(fresh.starts_with("ada."));
    assert_eq!(eve.get("/session").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_at_a_password_is_told_to_wait() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let mut last = StatusCode::OK;
    for _ in 0..14 {
        last = sign_in(&natter, "ada", "wrong password").await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let told = sign_in(&natter, "ada", PASSWORD).await;
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(told.text().await.unwrap().contains("Try again in"));
}

#[tokio::test]
async fn what_one_form_sends_another_cannot_read() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    // Somebody else's session cannot be ended by its name.
    let theirs = ada.page("/settings/sessions").await;
    assert!(theirs.contains("This browser"));
    let id = natter::server::store::SessionToken::parse(&ada.token)
        .unwrap()
        .id();
    ben.submit("/settings/sessions", &[("session", id.as_str())])
        .await;
    assert_eq!(ada.get("/session").await.status(), StatusCode::NO_CONTENT);
    // Nor can a key that nobody made do anything.
    let made_up = Ulid::new(1, [0; 10]).to_string();
    ben.submit("/settings/sessions", &[("session", made_up.as_str())])
        .await;
    assert_eq!(ben.get("/session").await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_made_up_session_leaves_no_trace() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let chat = natter
        .as_service(natter::server::broker::ServiceUser::Chat)
        .await;
    let js = async_nats::jetstream::new(chat);
    let sessions = js.get_stream("KV_natter-sessions").await.unwrap();
    let before = sessions.get_info().await.unwrap().state.last_sequence;
    let made_up = natter.cookie(&format!("ada.{}", "A".repeat(43)));
    let request = stranger().post(natter.url("/logout"));
    let request = request.header("cookie", made_up).send().await.unwrap();
    assert_eq!(request.status(), StatusCode::SEE_OTHER);
    let after = sessions.get_info().await.unwrap().state.last_sequence;
    assert_eq!(after, before, "anybody could fill the bucket");
}
