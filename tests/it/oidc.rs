//! Signing in at an identity provider: a real one, `tests/interop/oidc-provider.mjs`.

use std::process::Stdio;

use natter::app::PAGE_OF;
use natter::server::config::{ServeOptions, Signup};
use natter::server::oidc::OidcAccounts;
use reqwest::{Client, Response, StatusCode, header};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Natter, PASSWORD, Person, SOON, link_in, session_of, stranger};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Provider {
    child: Child,
    issuer: String,
    /// A warning that nobody takes would end it.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    async fn start() -> Self {
        Self::start_at("0").await
    }

    async fn start_at(port: &str) -> Self {
        let needed = std::path::Path::new(ROOT).join("node_modules/oidc-provider");
        assert!(
            needed.exists(),
            "oidc-provider is missing: `make test` installs it"
        );
        let mut child = Command::new("node")
            .arg("tests/interop/oidc-provider.mjs")
            .arg(port)
            .current_dir(ROOT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it listens");
                if let Some(issuer) = line.strip_prefix("issuer ") {
                    break issuer.to_owned();
                }
            }
        };
        let issuer = timeout(SOON, issuer).await.expect("it listens in time");
        Self {
            child,
            issuer,
            _said: lines,
        }
    }

    fn port(&self) -> String {
        self.issuer.rsplit_once(':').unwrap().1.to_owned()
    }

    async fn stop(mut self) -> String {
        let port = self.port();
        self.child.kill().await.unwrap();
        port
    }

    async fn natter(&self) -> Natter {
        self.natter_with(|_| {}).await
    }

    async fn natter_with(&self, change: impl FnOnce(&mut ServeOptions)) -> Natter {
        Natter::start_with(|options| {
            options.oidc.issuer = Some(self.issuer.parse().unwrap());
            options.oidc.client_id = Some("natter".into());
            options.oidc.client_secret = Some("only natter knows".to_owned().into());
            options.oidc.label = Some("Example ID".into());
            change(options);
        })
        .await
    }
}

fn location(response: &Response) -> String {
    let location = response.headers().get(header::LOCATION);
    let location = location.unwrap_or_else(|| panic!("a redirect: {response:?}"));
    let location = location.to_str().unwrap();
    response.url().join(location).unwrap().into()
}

async fn get(http: &Client, url: &str) -> Response {
    http.get(url).send().await.unwrap()
}

/// From the provider's address to the one that the browser comes back to.
async fn pass(http: &Client, there: &str, person: &str) -> String {
    let asked = location(&get(http, there).await);
    let form = [("person", person)];
    let chosen = http.post(asked).form(&form).send().await.unwrap();
    location(&get(http, &location(&chosen)).await)
}

/// To the provider, past it, and back to natter's door.
async fn to_the_door(http: &Client, natter: &Natter, person: &str) -> String {
    let begun = get(http, &natter.url("/login/oidc")).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    pass(http, &location(&begun), person).await
}

/// The same, and in.
async fn come(http: &Client, natter: &Natter, person: &str) -> Response {
    let door = to_the_door(http, natter, person).await;
    get(http, &door).await
}

/// Signs somebody up, from the button to their first page.
async fn join(natter: &Natter, person: &str, username: &str) -> Client {
    let http = stranger();
    let came = come(&http, natter, person).await;
    assert_eq!(location(&came), natter.url("/signup/oidc"), "{person}");
    let joined = submit(&http, natter, username).await;
    assert_eq!(joined.status(), StatusCode::SEE_OTHER, "{person}");
    http
}

async fn submit(http: &Client, natter: &Natter, username: &str) -> Response {
    let form = [("username", username), ("display_name", "")];
    let request = http.post(natter.url("/signup/oidc")).form(&form);
    request.send().await.unwrap()
}

async fn is_in(http: &Client, natter: &Natter) -> bool {
    get(http, &natter.url("/session")).await.status() == StatusCode::NO_CONTENT
}

async fn refused(response: Response, status: StatusCode, reason: &str) {
    assert_eq!(response.status(), status, "{reason}");
    let page = response.text().await.unwrap();
    assert!(page.contains(reason), "{reason}: {page}");
}

#[tokio::test]
async fn who_signs_in_there_gets_an_account_and_is_the_same_person_ever_after() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let http = stranger();
    let door = get(&http, &natter.url("/signup"))
        .await
        .text()
        .await
        .unwrap();
    assert!(door.contains("Sign in with Example ID"), "{door}");
    let came = come(&http, &natter, "ada").await;
    assert_eq!(location(&came), natter.url("/signup/oidc"));
    let page = get(&http, &location(&came)).await.text().await.unwrap();
    // What is suggested comes from the address and the name that the provider has verified.
    for shown in ["ada@example.org", "value=\"ada\"", "value=\"Ada Kim\""] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        page.contains("administrator’s"),
        "the first account: {page}"
    );
    refused(
        submit(&http, &natter, "A").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "2 to 32 characters",
    )
    .await;
    let joined = submit(&http, &natter, "ada").await;
    assert_eq!(joined.status(), StatusCode::SEE_OTHER);
    let first = session_of(&joined).unwrap();
    assert!(first.starts_with("ada.") && is_in(&http, &natter).await);
    assert_eq!(
        get(&http, &natter.url("/admin")).await.status(),
        StatusCode::OK,
        "who is first looks after the workspace"
    );

    let elsewhere = stranger();
    let came = come(&elsewhere, &natter, "ada").await;
    assert_eq!(location(&came), natter.url("/"));
    let second = session_of(&came).unwrap();
    assert!(second.starts_with("ada.") && second != first);
    assert!(is_in(&elsewhere, &natter).await && is_in(&http, &natter).await);
    // A form sent again makes no second account.
    let again = submit(&http, &natter, "ada-again").await;
    assert_eq!(location(&again), natter.url("/login?why=proof"));
}

#[tokio::test]
async fn an_address_is_no_identity_and_a_name_is_taken_once() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    Person::sign_up(&natter, "ada").await;
    let http = stranger();
    // Ada's own address does not make anybody Ada.
    let came = come(&http, &natter, "ada").await;
    assert_eq!(location(&came), natter.url("/signup/oidc"));
    let page = get(&http, &location(&came)).await.text().await.unwrap();
    assert!(page.contains("value=\"ada-2\""), "{page}");
    refused(
        submit(&http, &natter, "ada").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "This username is taken",
    )
    .await;
    let joined = submit(&http, &natter, "ada-k").await;
    assert_eq!(joined.status(), StatusCode::SEE_OTHER);

    // Of two names for one identity, sent at once, one is made.
    let (one, other) = (stranger(), stranger());
    for http in [&one, &other] {
        come(http, &natter, "ben").await;
    }
    let (first, second) = tokio::join!(
        submit(&one, &natter, "ben-1"),
        submit(&other, &natter, "ben-2")
    );
    let made = |response: &Response| session_of(response).map(|token| token[..5].to_owned());
    let made = [made(&first), made(&second)];
    let known = session_of(&come(&stranger(), &natter, "ben").await).unwrap();
    for made in made.into_iter().flatten() {
        assert!(known.starts_with(&made), "{made} and {known}");
    }
    let people = Person::sign_up(&natter, "zoe").await.page("/people").await;
    assert_eq!(people.contains("@ben-1"), !people.contains("@ben-2"));
}

#[tokio::test]
async fn only_verified_addresses_of_the_domain_come_in() {
    let provider = Provider::start().await;
    let natter = provider
        .natter_with(|options| options.oidc.domains = vec!["example.org".into()])
        .await;
    for (person, reason) in [
        ("cleo", "e-mail address at example.org"),
        ("eve", "has not verified your e-mail address"),
    ] {
        let http = stranger();
        let came = come(&http, &natter, person).await;
        refused(came, StatusCode::FORBIDDEN, reason).await;
        let page = get(&http, &natter.url("/signup/oidc")).await;
        assert_eq!(location(&page), natter.url("/login?why=proof"), "{person}");
    }
    join(&natter, "ben", "ben").await;
}

#[tokio::test]
async fn only_the_browser_that_began_comes_in_and_only_once() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let (ada, other) = (stranger(), stranger());
    let door = to_the_door(&ada, &natter, "ada").await;
    let begun_elsewhere = "begun in another browser";
    let bad = StatusCode::UNPROCESSABLE_ENTITY;
    // Without a cookie, and with that of a sign-in of one's own.
    refused(get(&other, &door).await, bad, begun_elsewhere).await;
    get(&other, &natter.url("/login/oidc")).await;
    refused(get(&other, &door).await, bad, begun_elsewhere).await;
    // With another state, which leaves the true one good.
    let (before, state) = door.split_once("state=").unwrap();
    let (_, after) = state.split_once('&').unwrap_or((state, ""));
    let changed = format!("{before}state=made-up&{after}");
    refused(get(&ada, &changed).await, bad, begun_elsewhere).await;
    let cookie = |http: &Client, url: String| {
        let request = http.get(url);
        async move { request.send().await.unwrap() }
    };
    let came = cookie(&ada, door.clone()).await;
    assert_eq!(location(&came), natter.url("/signup/oidc"));
    // Again, in the same browser.
    refused(get(&ada, &door).await, bad, begun_elsewhere).await;
}

#[tokio::test]
async fn a_callback_that_is_replayed_with_its_cookie_is_refused() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let http = stranger();
    let begun = get(&http, &natter.url("/login/oidc")).await;
    let cookie = begun.headers()[header::SET_COOKIE].to_str().unwrap();
    for part in ["natter_oidc_", "HttpOnly", "SameSite=Lax", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let door = pass(&http, &location(&begun), "ada").await;
    let come = || stranger().get(&door).header(header::COOKIE, &cookie).send();
    let (one, other) = tokio::join!(come(), come());
    let came = [one.unwrap(), other.unwrap(), come().await.unwrap()];
    let is_let_in = |response: &Response| response.status() == StatusCode::SEE_OTHER;
    let (let_in, others): (Vec<_>, Vec<_>) = came.into_iter().partition(is_let_in);
    assert_eq!(let_in.len(), 1, "{others:?}");
    for other in others {
        // By natter itself: the provider, which takes a code once, is not asked.
        refused(other, StatusCode::UNPROCESSABLE_ENTITY, "has been used").await;
    }
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_refused() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    for name in ["nonce", "code_challenge"] {
        let http = stranger();
        let begun = location(&get(&http, &natter.url("/login/oidc")).await);
        let (before, rest) = begun.split_once(&format!("&{name}=")).unwrap();
        let (_, after) = rest.split_once('&').unwrap_or((rest, ""));
        let made_up = "x".repeat(43);
        let changed = format!("{before}&{name}={made_up}&{after}");
        let door = pass(&http, &changed, "ada").await;
        let bad = StatusCode::UNPROCESSABLE_ENTITY;
        refused(get(&http, &door).await, bad, "could not be checked").await;
        assert!(!is_in(&http, &natter).await, "{name}");
    }
    // A code that nobody gave out, and an answer of somebody else's.
    for (change, reason) in [
        (("code=", "code=x"), "could not be checked"),
        (("iss=http", "iss=https"), "Somebody else than Example ID"),
    ] {
        let http = stranger();
        let door = to_the_door(&http, &natter, "ada").await;
        let changed = door.replace(change.0, change.1);
        assert_ne!(changed, door);
        let bad = StatusCode::UNPROCESSABLE_ENTITY;
        refused(get(&http, &changed).await, bad, reason).await;
    }
}

#[tokio::test]
async fn who_stops_there_is_told_so() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let http = stranger();
    let came = come(&http, &natter, "cancel").await;
    refused(came, StatusCode::FORBIDDEN, "Example ID did not let you in").await;
    // An error without a sign-in says nothing.
    let made_up = natter.url("/login/oidc/callback?error=access_denied&state=x");
    let bad = StatusCode::UNPROCESSABLE_ENTITY;
    refused(get(&stranger(), &made_up).await, bad, "Begin again").await;
}

#[tokio::test]
async fn who_is_suspended_is_told_the_same_as_by_password() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let ada = Person::sign_up(&natter, "ada").await;
    join(&natter, "ben", "ben").await;
    ada.act("ben", "suspend").await;
    let http = stranger();
    let came = come(&http, &natter, "ben").await;
    refused(
        came,
        StatusCode::FORBIDDEN,
        "This account is suspended. Ask an administrator.",
    )
    .await;
    assert!(!is_in(&http, &natter).await);
    ada.act("ben", "restore").await;
    let came = come(&stranger(), &natter, "ben").await;
    assert_eq!(location(&came), natter.url("/"));
}

#[tokio::test]
async fn who_has_no_password_gets_one_by_a_link() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = join(&natter, "ben", "ben").await;
    let sign_in = |password: &'static str| {
        let form = [("username", "ben"), ("password", password)];
        stranger().post(natter.url("/login")).form(&form).send()
    };
    let wrong = "Wrong username or password";
    let bad = StatusCode::UNPROCESSABLE_ENTITY;
    refused(sign_in(PASSWORD).await.unwrap(), bad, wrong).await;
    let account = natter.url("/settings/account");
    let page = get(&ben, &account).await.text().await.unwrap();
    assert!(page.contains("has no password"), "{page}");
    let form = [
        (PAGE_OF, "ben"),
        ("of", "password"),
        ("password", PASSWORD),
        ("new_password", "a horse of ben"),
    ];
    let changed = ben.post(&account).form(&form).send().await.unwrap();
    refused(changed, bad, "has no password").await;
    let (_, id) = page.split_once("name=\"identity\" value=\"").unwrap();
    let id = id.split_once('"').unwrap().0;
    let form = [(PAGE_OF, "ben"), ("of", "disconnect"), ("identity", id)];
    let disconnected = ben.post(&account).form(&form).send().await.unwrap();
    let only = "the only way into your account";
    refused(disconnected, StatusCode::FORBIDDEN, only).await;

    let link = link_in(&ada.act("ben", "reset-password").await);
    let path = &link[link.find("/reset/").unwrap()..];
    let form = [("password", "a horse of ben")];
    let chosen = stranger().post(natter.url(path)).form(&form);
    assert_eq!(chosen.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let by_password = sign_in("a horse of ben").await.unwrap();
    assert_eq!(by_password.status(), StatusCode::SEE_OTHER);
    let came = come(&stranger(), &natter, "ben").await;
    assert_eq!(location(&came), natter.url("/"), "both ways lead in");
}

#[tokio::test]
async fn an_identity_is_connected_by_a_form_and_taken_away() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let zoe = Person::sign_up(&natter, "zoe").await;
    let ben = join(&natter, "ben", "ben").await;
    let connect = async |person: &str| {
        let begun = zoe.get("/login/oidc?connect").await;
        // The provider remembers who was there before, and another browser has another cookie.
        let door = pass(&stranger(), &location(&begun), person).await;
        get(&zoe.http, &door).await
    };
    let form = [("of", "connect"), ("confirm_password", PASSWORD)];
    let nothing = zoe.submit("/settings/account", &form).await;
    let bad = StatusCode::UNPROCESSABLE_ENTITY;
    refused(nothing, bad, "begun in another browser").await;
    // What is another's is not taken from them.
    let taken = "you sign in to another account already";
    refused(connect("ben").await, bad, taken).await;

    let came = connect("ada").await;
    assert_eq!(location(&came), natter.url("/settings/account"));
    let page = zoe.page("/settings/account").await;
    assert!(page.contains("ada@example.org"), "asked first: {page}");
    let not_yet = come(&stranger(), &natter, "ada").await;
    assert_eq!(location(&not_yet), natter.url("/signup/oidc"), "not yet");
    // Nobody else can confirm it, not even with zoe's own cookie for it.
    let cookie = came.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    assert!(cookie.starts_with("natter_oidc_"), "{cookie}");
    let carl = Person::sign_up(&natter, "carl").await;
    let cookies = format!("{cookie}; {}", carl.cookie);
    let as_carl = [
        (PAGE_OF, "carl"),
        ("of", "connect"),
        ("confirm_password", PASSWORD),
    ];
    let other = stranger().post(natter.url("/settings/account"));
    let other = other.form(&as_carl);
    let other = other.header(header::COOKIE, cookies).send().await.unwrap();
    refused(other, bad, "another browser").await;
    // A browser that was left alone is not zoe: her password is asked for, and can be mistyped.
    for wrong in ["", "wrong password"] {
        let form = [("of", "connect"), ("confirm_password", wrong)];
        let answer = zoe.submit("/settings/account", &form).await;
        refused(answer, bad, "This is not your password").await;
    }
    let done = zoe.submit("/settings/account", &form).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    let came = come(&stranger(), &natter, "ada").await;
    assert!(session_of(&came).unwrap().starts_with("zoe."));

    // One of a provider is enough.
    connect("cleo").await;
    let second = zoe.submit("/settings/account", &form).await;
    refused(second, bad, "Disconnect that one first").await;

    let page = zoe.page("/settings/account").await;
    let (_, id) = page.split_once("name=\"identity\" value=\"").unwrap();
    let id = id.split_once('"').unwrap().0;
    // Not by somebody else.
    let form = [("of", "disconnect"), ("identity", id)];
    let as_ben = [(PAGE_OF, "ben"), form[0], form[1]];
    let other = ben.post(natter.url("/settings/account")).form(&as_ben);
    other.send().await.unwrap();
    let came = come(&stranger(), &natter, "ada").await;
    assert!(session_of(&came).is_some());
    let begun = natter.cookie(&session_of(&came).unwrap());
    let disconnected = zoe.submit("/settings/account", &form).await;
    let own = natter.cookie(&session_of(&disconnected).unwrap());
    let held = async |cookie: &str| {
        let session = stranger().get(natter.url("/session"));
        session
            .header("cookie", cookie)
            .send()
            .await
            .unwrap()
            .status()
    };
    // What was begun with the identity is over with it.
    assert_eq!(held(&begun).await, StatusCode::UNAUTHORIZED);
    assert_eq!(held(&own).await, StatusCode::NO_CONTENT);
    let came = come(&stranger(), &natter, "ada").await;
    assert_eq!(location(&came), natter.url("/signup/oidc"));
    // It is free for another account.
    join(&natter, "ada", "ada").await;
}

#[tokio::test]
async fn an_invitation_works_there_too_and_where_it_is_needed_nothing_else_does() {
    let provider = Provider::start().await;
    let natter = provider
        .natter_with(|options| {
            options.signup = Signup::Invite;
            options.oidc.accounts = OidcAccounts::Invite;
        })
        .await;
    let ada = Person::sign_up(&natter, "ada").await;
    let came = come(&stranger(), &natter, "ben").await;
    refused(came, StatusCode::FORBIDDEN, "needs an invitation").await;

    let link = ada.invitation("guest", "general").await;
    let http = stranger();
    let token = link.split_once("/invite/").unwrap().1;
    let page = get(&http, &natter.url(&format!("/invite/{token}"))).await;
    let page = page.text().await.unwrap();
    let to = format!("/login/oidc?invite={token}");
    assert!(page.contains(&to), "{page}");
    let begun = location(&get(&http, &natter.url(&to)).await);
    let door = pass(&http, &begun, "ben").await;
    assert_eq!(
        location(&get(&http, &door).await),
        natter.url("/signup/oidc")
    );
    let joined = submit(&http, &natter, "ben").await;
    assert_eq!(joined.status(), StatusCode::SEE_OTHER);
    let people = ada.page("/admin").await;
    assert!(people.contains("guest"), "{people}");
    // The link is used up.
    let used = get(&stranger(), &natter.url(&to)).await;
    refused(used, StatusCode::FORBIDDEN, "This link is used up").await;
}

#[tokio::test]
async fn off_loopback_the_first_account_asks_for_the_token_here_too() {
    let provider = Provider::start().await;
    let natter = provider
        .natter_with(|options| options.addr = ([0, 0, 0, 0], 0).into())
        .await;
    let port = natter.addr().port();
    let token = natter.server.setup_token().unwrap().to_owned();
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let http = stranger();
    let begun = location(&get(&http, &at("/login/oidc")).await);
    let door = pass(&http, &begun, "ada").await;
    assert_eq!(location(&get(&http, &door).await), at("/signup/oidc"));
    let submit = |token: &str| {
        let form = [
            ("username", "ada"),
            ("display_name", ""),
            ("setup_token", token),
        ];
        http.post(at("/signup/oidc")).form(&form).send()
    };
    let missing = submit("").await.unwrap();
    refused(missing, StatusCode::FORBIDDEN, "The set-up token is not").await;
    assert_eq!(
        submit(&token).await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn without_the_provider_passwords_do_and_with_new_keys_it_is_asked_again() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let port = provider.stop().await;
    let bad = StatusCode::SERVICE_UNAVAILABLE;
    let begun = get(&stranger(), &natter.url("/login/oidc")).await;
    refused(begun, bad, "Example ID does not answer right now").await;
    Person::sign_up(&natter, "zoe").await;
    let form = [("username", "zoe"), ("password", PASSWORD)];
    let signed_in = stranger().post(natter.url("/login")).form(&form);
    let signed_in = signed_in.send().await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);

    let provider = Provider::start_at(&port).await;
    join(&natter, "ada", "ada").await;
    let port = provider.stop().await;
    // Between the way there and the way back it goes away.
    let _again = Provider::start_at(&port).await;
    let came = come(&stranger(), &natter, "ada").await;
    assert_eq!(location(&came), natter.url("/"), "other keys, same person");
}

#[tokio::test]
async fn a_provider_that_goes_away_on_the_way_back_is_told() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let http = stranger();
    let door = to_the_door(&http, &natter, "ada").await;
    provider.stop().await;
    let came = get(&http, &door).await;
    let bad = StatusCode::SERVICE_UNAVAILABLE;
    refused(came, bad, "Example ID does not answer right now").await;
}

#[tokio::test]
async fn without_a_provider_there_is_no_way_to_one() {
    let natter = Natter::start().await;
    let page = get(&stranger(), &natter.url("/signup")).await;
    let page = page.text().await.unwrap();
    assert!(!page.contains("/login/oidc"), "{page}");
    let begun = get(&stranger(), &natter.url("/login/oidc")).await;
    refused(begun, StatusCode::NOT_FOUND, "no identity provider").await;
}

#[tokio::test]
async fn who_asked_for_a_page_gets_it_by_way_of_the_provider() {
    let provider = Provider::start().await;
    let natter = provider.natter().await;
    let ways = get(&stranger(), &natter.url("/signup?next=%2Frooms")).await;
    let ways = ways.text().await.unwrap();
    assert!(
        ways.contains("href=\"/login/oidc?next=%2Frooms\""),
        "{ways}"
    );
    for (next, lands) in [
        ("%2Frooms", "/rooms"),
        ("%2Fr%2Fgeneral", "/r/general"),
        ("%2F%2Fevil.example", "/"),
        ("https:%2F%2Fevil.example", "/"),
    ] {
        let http = stranger();
        let begin = natter.url(&format!("/login/oidc?next={next}"));
        let door = pass(&http, &location(&get(&http, &begin).await), "ada").await;
        let mut came = get(&http, &door).await;
        if location(&came) == natter.url("/signup/oidc") {
            refused(
                submit(&http, &natter, "A").await,
                StatusCode::UNPROCESSABLE_ENTITY,
                "2 to 32 characters",
            )
            .await;
            came = submit(&http, &natter, "ada").await;
        }
        assert_eq!(location(&came), natter.url(lands), "{next}");
        assert!(is_in(&http, &natter).await);
        // Who is in already goes there at once.
        assert_eq!(location(&get(&http, &begin).await), natter.url(lands));
    }
    // Who stops there and signs in by password instead gets it, too.
    let http = stranger();
    let begin = natter.url("/login/oidc?next=%2Frooms");
    let door = pass(&http, &location(&get(&http, &begin).await), "ada").await;
    let state = door
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let stopped = natter.url(&format!(
        "/login/oidc/callback?error=access_denied&state={state}"
    ));
    let page = get(&http, &stopped).await.text().await.unwrap();
    assert!(page.contains("name=\"next\" value=\"/rooms\""), "{page}");
}
