//! Forms during which the rights or the signed-in person change, between the first and the last byte.
//! Derived from the table of addresses: a form that is not known here fails the test.

use std::sync::Arc;
use std::time::Duration;

use natter::app::PAGE_OF;
use natter::server::addresses;
use natter::server::config::BodyPace;
use natter::wire::v1::RoomKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Natter, PASSWORD, Person, SOON, cookie_of, stranger, ulid};

/// What ends somebody's right to what they have begun to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    SignedOut,
    Suspended,
    Demoted,
    /// Another tab of the browser has signed in as somebody else.
    OtherUser,
    /// The form does not say whose page it stands on.
    OwnerMissing,
}

/// A form that is carried out when nothing changes.
struct Form {
    path: String,
    fields: Vec<(&'static str, String)>,
    is_multipart: bool,
}

impl Form {
    fn new(path: &str, fields: &[(&'static str, &str)]) -> Self {
        Self {
            path: path.into(),
            fields: fields.iter().map(|(n, v)| (*n, (*v).into())).collect(),
            is_multipart: path == "/settings/picture",
        }
    }

    /// Its content type, and its body as a page of `uid` sends it.
    fn encoded(&self, uid: Option<&str>) -> (String, Vec<u8>) {
        let of_page = uid.map(|uid| (PAGE_OF, uid.to_owned()));
        let fields = of_page.iter().chain(&self.fields);
        if self.is_multipart {
            let part = |(name, value): &(&str, String)| {
                format!(
                    "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
            };
            let body: String = fields.map(part).collect();
            let kind = "multipart/form-data; boundary=edge";
            return (kind.into(), format!("{body}--edge--\r\n").into_bytes());
        }
        let request = stranger()
            .post("http://natter/")
            .form(&fields.collect::<Vec<_>>());
        let mut request = request.build().unwrap();
        let body = request.body_mut().take().unwrap();
        let kind = "application/x-www-form-urlencoded";
        (kind.into(), body.as_bytes().unwrap().to_vec())
    }
}

struct Scene {
    natter: Natter,
    /// The administrator who puts an end to others' rights.
    ada: Person,
    lobby: String,
}

impl Scene {
    async fn start() -> Self {
        let natter = Natter::start().await;
        let ada = Person::sign_up(&natter, "ada").await;
        let client = ada.connect().await;
        let lobby = ada.make_room(&client, RoomKind::Open, "Lobby").await;
        Person::sign_up(&natter, "third").await;
        Self { natter, ada, lobby }
    }

    /// A form for every address that somebody sends something to who is signed in, each of which
    /// writes to LOG, or ends a session, when it is carried out.
    fn forms(&self, tag: &str) -> Vec<Form> {
        let mut forms = Vec::new();
        let sent_to = addresses().into_iter().filter(|one| one.is_sent_to);
        for address in sent_to.filter(|one| one.needs_session) {
            let path = address.path.replace("{room}", &self.lobby);
            let mut add = |fields: &[(&'static str, &str)]| forms.push(Form::new(&path, fields));
            match address.path.as_str() {
                "/r/{room}" => add(&[("ulid", &ulid()), ("text", &format!("by {tag}"))]),
                "/r/{room}/details" => {
                    add(&[("of", "topic"), ("topic", &format!("set by {tag}"))]);
                    add(&[("of", "mute")]);
                }
                "/rooms/new" => add(&[("name", tag)]),
                "/people" => add(&[("uids", "third")]),
                "/settings/account" => {
                    add(&[("of", "profile"), ("display_name", tag), ("about", "x")]);
                    add(&[
                        ("of", "password"),
                        ("password", PASSWORD),
                        ("new_password", "another horse 7"),
                    ]);
                }
                "/settings/picture" => add(&[("of", "remove")]),
                "/settings/sessions" => add(&[("session", "others")]),
                "/admin" => {
                    add(&[("of", "invite"), ("role", "member")]);
                    add(&[("of", "person"), ("uid", "third"), ("act", "administrator")]);
                }
                "/logout" | "/api/echo" => add(&[("message", "hello")]),
                other => panic!("no form is known for {other}: say what is sent there"),
            }
        }
        // These end the session that the others come with, and the last one the password too.
        forms.sort_by_key(
            |form| match (form.path.as_str(), form.fields[0].1.as_str()) {
                (_, "password") => 3,
                ("/logout", _) => 2,
                ("/settings/sessions", _) => 1,
                _ => 0,
            },
        );
        forms
    }

    /// An administrator who is in the lobby, with a browser and a second session elsewhere.
    async fn somebody(&self, uid: &str) -> (Person, String) {
        let person = Person::sign_up(&self.natter, uid).await;
        self.ada.act(uid, "administrator").await;
        let join = [("of", "join")];
        let path = format!("/r/{}/details", self.lobby);
        person.submit(&path, &join).await;
        (person, self.sign_in(uid).await)
    }

    /// The cookie of another session.
    async fn sign_in(&self, uid: &str) -> String {
        let form = [("username", uid), ("password", PASSWORD)];
        let signed_in = stranger().post(self.natter.url("/login")).form(&form);
        cookie_of(&signed_in.send().await.unwrap()).expect("a session")
    }

    async fn holds(&self, cookie: &str) -> bool {
        let request = stranger().get(self.natter.url("/session"));
        let answer = request.header("cookie", cookie).send().await.unwrap();
        answer.status().as_u16() == 204
    }
}

/// A request of which the body is not there yet.
struct Begun {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// Sends the headers and three bytes.
async fn begin(natter: &Natter, form: &Form, cookie: &str, uid: Option<&str>) -> Begun {
    let (kind, body) = form.encoded(uid);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        form.path,
        natter.addr(),
        body.len()
    );
    let mut stream = TcpStream::connect(natter.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..3]).await.unwrap();
    stream.flush().await.unwrap();
    Begun {
        stream,
        rest: body[3..].to_vec(),
    }
}

impl Begun {
    /// Sends the rest, and reads the answer.
    async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        answer(self.stream).await
    }
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(3 * SOON, read).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// 2xx, or on to anywhere but where one signs in.
fn is_carried_out(answer: &str) -> bool {
    let goes_to_sign_in = answer
        .lines()
        .any(|line| line.to_lowercase().starts_with("location: /login"));
    matches!(status(answer), 200..=299) || (status(answer) == 303 && !goes_to_sign_in)
}

/// Begins every form as `who`, lets `change` happen, and sends the rest. What each came to, with the
/// number of entries that LOG gained.
async fn through(scene: &Scene, change: Change, uid: &str) {
    let (person, elsewhere) = scene.somebody(uid).await;
    let (ben, _) = scene.somebody(&format!("{uid}-ben")).await;
    let forms = scene.forms(uid);
    // As the browser has it by the time that it sends: one cookie, whoever's page the form is on.
    let cookie = match change {
        Change::OtherUser => &ben.cookie,
        _ => &person.cookie,
    };
    let page_of = (change != Change::OwnerMissing).then_some(uid);
    let mut begun = Vec::new();
    for form in &forms {
        begun.push(begin(&scene.natter, form, cookie, page_of).await);
    }
    // A request that has come so far has been given to its handler.
    tokio::time::sleep(Duration::from_millis(100)).await;
    match change {
        Change::SignedOut => drop(scene.ada.act(uid, "end-sessions").await),
        Change::Suspended => drop(scene.ada.act(uid, "suspend").await),
        Change::Demoted => drop(scene.ada.act(uid, "guest").await),
        Change::OtherUser | Change::OwnerMissing => {}
    }
    let before = scene.natter.log_length().await;
    let held = scene.holds(&elsewhere).await;
    for (form, begun) in forms.iter().zip(begun) {
        let is_sign_out = form.path == "/logout";
        let needs_role = form.path == "/admin";
        let log = scene.natter.log_length().await;
        let answer = begun.finish().await;
        let grew = scene.natter.log_length().await - log;
        let what = format!("{change:?}: {} {:?}: {answer}", form.path, form.fields);
        match change {
            // A sign-out without a session succeeds.
            Change::SignedOut | Change::Suspended if is_sign_out => {}
            // The rest is what a guest may do too.
            Change::Demoted if !needs_role => {}
            _ => {
                assert!(!is_carried_out(&answer), "{what}");
                assert_eq!(grew, 0, "{what}");
            }
        }
        if change == Change::OtherUser {
            assert_eq!(status(&answer), 409, "{what}");
            let name = format!("{uid}-ben");
            assert!(
                answer.contains(&format!("You are signed in as {name} now")),
                "{what}"
            );
        }
        keeps_what_was_typed(form, &answer, change, &what);
    }
    if matches!(change, Change::OtherUser | Change::OwnerMissing) {
        assert_eq!(scene.natter.log_length().await, before, "{change:?}");
        assert!(scene.holds(cookie).await, "{change:?} signed somebody out");
        assert_eq!(scene.holds(&elsewhere).await, held, "{change:?}");
    }
}

/// Texts come back with a refusal, passwords do not.
fn keeps_what_was_typed(form: &Form, answer: &str, change: Change, what: &str) {
    let is_refused_before = change != Change::Demoted;
    for (name, value) in &form.fields {
        let is_text = ["text", "topic", "name", "display_name"].contains(name);
        if is_text && is_refused_before {
            assert!(answer.contains(value), "{name} is lost: {what}");
        }
        let is_secret = name.contains("password");
        assert!(
            !is_secret || !answer.contains(value),
            "{name} is shown: {what}"
        );
    }
}

/// When nothing changes: so that a refusal in the other tests means something.
#[tokio::test]
async fn a_form_that_was_begun_in_time_is_carried_out() {
    let scene = Scene::start().await;
    let (_, mut cookie) = scene.somebody("dora").await;
    for form in scene.forms("dora") {
        if !scene.holds(&cookie).await {
            cookie = scene.sign_in("dora").await;
        }
        let begun = begin(&scene.natter, &form, &cookie, Some("dora")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = begun.finish().await;
        let what = format!("{} {:?}: {answer}", form.path, form.fields);
        // A sign-out leads to where one signs in too.
        let is_done = match form.path.as_str() {
            "/logout" => !scene.holds(&cookie).await,
            _ => is_carried_out(&answer),
        };
        assert!(is_done, "{what}");
    }
}

#[tokio::test]
async fn rights_are_judged_when_the_body_is_there() {
    let scene = Scene::start().await;
    through(&scene, Change::SignedOut, "ended").await;
    through(&scene, Change::Suspended, "suspended").await;
    through(&scene, Change::Demoted, "demoted").await;
}

#[tokio::test]
async fn a_form_of_another_persons_page_or_without_an_owner_is_refused() {
    let scene = Scene::start().await;
    through(&scene, Change::OtherUser, "other").await;
    through(&scene, Change::OwnerMissing, "unnamed").await;
}

#[tokio::test]
async fn one_person_has_two_pictures_in_memory_at_once_and_nobody_has_none() {
    let scene = Scene::start().await;
    let (natter, ada) = (&scene.natter, &scene.ada);
    let form = Form::new("/settings/picture", &[("of", "remove")]);
    let mut begun = Vec::new();
    for _ in 0..2 {
        begun.push(begin(natter, &form, &ada.cookie, Some("ada")).await);
    }
    // The third comes to its end, whichever of the three it is that natter counts last.
    begun.push(begin(natter, &form, &ada.cookie, Some("ada")).await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut statuses = Vec::new();
    for begun in begun {
        statuses.push(status(&begun.finish().await));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 303, 429]);
    let nobody = begin(natter, &form, "", Some("ada")).await;
    let answer = nobody.finish().await;
    assert!(!is_carried_out(&answer), "{answer}");
}

/// Sends something that takes its time as somebody whose session ends meanwhile. It must come to
/// nothing, unless it was done before the session ended, or refused at once: then once more, as
/// somebody else, and with another pause before the end.
async fn ends_meanwhile<A: Future<Output = reqwest::Response>>(
    scene: &Scene,
    name: &str,
    send: impl Fn(Arc<Person>) -> A,
) {
    for (round, pause) in (0..20).zip([50, 30, 15, 5, 0].into_iter().cycle()) {
        let uid = format!("{name}-{round}");
        let person = Arc::new(Person::sign_up(&scene.natter, &uid).await);
        let before = scene.natter.log_length().await;
        let end = async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            scene.ada.act(&uid, "end-sessions").await;
            scene.natter.log_length().await
        };
        let (answer, ended) = tokio::join!(send(Arc::clone(&person)), end);
        // What the administrator did is two entries of LOG: the account's, and one of the audit log.
        if ended > before + 2 {
            continue;
        }
        assert_eq!(scene.natter.log_length().await, ended);
        // Whose session had ended before is led to where one signs in.
        if answer.status().as_u16() == 403 {
            let page = answer.text().await.unwrap();
            assert!(page.contains("nothing has changed"), "{page}");
            return;
        }
    }
    panic!("the session never ended while it was under way");
}

#[tokio::test]
async fn a_picture_that_is_decoded_while_the_session_ends_is_not_taken() {
    let scene = Scene::start().await;
    let file = crate::pictures::large();
    let send = |person: Arc<Person>| {
        let (natter, file) = (&scene.natter, file.clone());
        async move { crate::pictures::send(natter, &person, "upload", file).await }
    };
    ends_meanwhile(&scene, "painter", send).await;
}

#[tokio::test]
async fn a_password_that_is_hashed_while_the_session_ends_is_not_changed() {
    let scene = Scene::start().await;
    let form = [
        ("of", "password"),
        ("password", PASSWORD),
        ("new_password", "another horse 7"),
    ];
    let send = |person: Arc<Person>| async move { person.submit("/settings/account", &form).await };
    ends_meanwhile(&scene, "changer", send).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_one_that_is_too_large_is_not_read() {
    let natter = Natter::start_with(|options| {
        options.body_pace = BodyPace {
            grace: Duration::from_millis(300),
            bytes_per_second: 1_000_000,
        };
    })
    .await;
    let ada = Person::sign_up(&natter, "ada").await;
    for address in addresses().into_iter().filter(|one| one.is_sent_to) {
        let path = address
            .path
            .replace("{room}", "general")
            .replace("{token}", "x");
        let form = Form::new(&path, &[("of", "x"), ("text", "slow")]);
        // With and without a session.
        for cookie in [ada.cookie.as_str(), ""] {
            let begun = begin(&natter, &form, cookie, Some("ada")).await;
            let answer = answer(begun.stream).await;
            let is_refused =
                matches!(status(&answer), 408) || (cookie.is_empty() && form.is_multipart);
            assert!(is_refused, "{path}: {answer}");
            assert!(!is_carried_out(&answer), "{path}: {answer}");
        }
        let large = Form::new(&path, &[("text", &"x".repeat(200_000))]);
        if !large.is_multipart {
            let begun = begin(&natter, &large, &ada.cookie, Some("ada")).await;
            let mut stream = begun.stream;
            // Natter hangs up before it has all of it.
            let _ = stream.write_all(&begun.rest).await;
            let mut head = [0; 12];
            let read = stream.read_exact(&mut head).await;
            assert!(read.is_err() || &head[9..] == b"413", "{path}");
        }
    }
    assert_eq!(ada.get("/session").await.status().as_u16(), 204);
}
