//! The matrix of HTTP: everybody tries everything at every address that natter answers at. Each
//! row is printed (`cargo test … http_matrix -- --nocapture`); one that is not as it must be fails
//! the test, and so does an address that is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use natter::app::PAGE_OF;
use natter::server::addresses;
use natter::server::store::SessionToken;
use natter::wire::v1::{self, RoomKind};
use prost::Message as _;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use crate::support::{Natter, PASSWORD, Person, link_in, session_of, stranger, ulid};

/// What a page must not tell to who is not in the rooms.
const OF_THE_BOARD: [&str; 5] = [
    "Boardroom",
    "takeover plans",
    "for the board alone",
    "between us two",
    "among us three",
];
/// What members see and guests do not.
const OF_MEMBERS: &str = "said in general";
/// What nobody sees who is not signed in.
const OF_EVERYBODY: &str = "said in the lobby";

/// As long as the closed room's name, and nothing's.
const NO_NAME: &str = "Wardrobes";

/// The table as it comes about.
#[derive(Default)]
struct Table {
    rows: usize,
    wrong: Vec<String>,
}

impl Table {
    fn row(&mut self, who: &str, what: &str, may: bool, is: &Outcome) {
        let outcome = if is.is_allowed { "allowed" } else { "refused" };
        self.mark(who, what, may == is.is_allowed, &format!("{outcome} {is}"));
    }

    /// Something that must be so, whoever it is.
    fn must(&mut self, who: &str, what: &str, is_so: bool) {
        self.mark(who, what, is_so, if is_so { "yes" } else { "no" });
    }

    fn mark(&mut self, who: &str, what: &str, is_right: bool, outcome: &str) {
        self.rows += 1;
        let mark = if is_right { "" } else { "  WRONG" };
        let row = format!("{who:<10} {what:<72} {outcome}{mark}");
        println!("{row}");
        if !is_right {
            self.wrong.push(row);
        }
    }
}

/// What an answer comes to.
struct Outcome {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    is_allowed: bool,
}

impl Outcome {
    async fn of(response: reqwest::Response, method: &Method) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let to = headers
            .get(header::LOCATION)
            .and_then(|to| to.to_str().ok());
        let goes_on = to.is_some_and(|to| !to.starts_with("/login"));
        let is_allowed = status.is_success()
            || status == StatusCode::SWITCHING_PROTOCOLS
            || (*method == Method::POST && status == StatusCode::SEE_OTHER && goes_on);
        let body = match status {
            StatusCode::SWITCHING_PROTOCOLS => String::new(),
            _ => response.text().await.unwrap(),
        };
        Self {
            status,
            headers,
            body,
            is_allowed,
        }
    }

    fn tells(&self, secret: &str) -> bool {
        let to = self.headers.get(header::LOCATION);
        let to = to.and_then(|to| to.to_str().ok()).unwrap_or_default();
        // Page state is in the page as base64.
        self.body.contains(secret)
            || to.contains(secret)
            || states_in(&self.body).any(|(_, page)| format!("{page:?}").contains(secret))
    }

    /// The same whatever was typed, and without what differs at every answer.
    fn without(&self, typed: &str) -> String {
        let mut body = self.body.clone();
        for (state, page) in states_in(&self.body) {
            let fixed = v1::Page {
                form_ulid: String::new(),
                ..page.clone()
            };
            body = body.replace(state, &format!("{fixed:?}"));
            if !page.form_ulid.is_empty() {
                body = body.replace(&page.form_ulid, "");
            }
        }
        let nonces: Vec<_> = body.split("nonce=\"").skip(1).collect();
        let nonces = nonces.into_iter().filter_map(|rest| rest.split('"').next());
        let nonces: Vec<_> = nonces.map(str::to_owned).collect();
        for nonce in nonces.iter().filter(|nonce| !nonce.is_empty()) {
            body = body.replace(nonce, "");
        }
        let headers: BTreeMap<_, _> = self
            .headers
            .iter()
            .filter(|(name, _)| !["date", "content-security-policy"].contains(&name.as_str()))
            .map(|(name, value)| {
                (
                    name.to_string(),
                    format!("{value:?}").replace(typed, "TYPED"),
                )
            })
            .collect();
        format!(
            "{} {headers:?} {}",
            self.status,
            body.replace(typed, "TYPED")
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.status.as_u16())
    }
}

/// The state that a page was rendered from, as it stands in it.
fn states_in(body: &str) -> impl Iterator<Item = (&str, v1::Page)> {
    body.split('"').filter_map(|piece| {
        let bytes = BASE64_NOPAD.decode(piece.as_bytes()).ok()?;
        let page = v1::Page::decode(bytes.as_slice()).ok()?;
        (!page.path.is_empty()).then_some((piece, page))
    })
}

/// Somebody who tries.
struct Who {
    name: &'static str,
    uid: &'static str,
    token: Option<String>,
}

impl Who {
    fn is_out(&self) -> bool {
        ["nobody", "ended", "suspended"].contains(&self.name)
    }

    fn is_guest(&self) -> bool {
        self.name == "guest"
    }

    fn is_member(&self) -> bool {
        !self.is_out() && !self.is_guest()
    }

    fn is_in(&self) -> bool {
        self.name == "board"
    }

    fn is_administrator(&self) -> bool {
        self.name == "admin"
    }

    fn secrets(&self) -> Vec<&'static str> {
        let mut secrets = Vec::new();
        if !self.is_in() {
            secrets.extend(OF_THE_BOARD);
        }
        if !self.is_member() {
            secrets.push(OF_MEMBERS);
        }
        if self.is_out() {
            secrets.push(OF_EVERYBODY);
        }
        secrets
    }
}

/// Where it happens.
struct Scene {
    natter: Natter,
    ada: Person,
    closed: String,
    direct: String,
    group: String,
    lobby: String,
    /// A name for no room, like an id.
    no_room: String,
    /// Links: a good one, used up, taken back, for a new password, and what administrators see of
    /// the good one.
    invitation: String,
    used_up: String,
    taken_back: String,
    reset: String,
    invitation_id: String,
    /// The name of the administrator's picture.
    picture: String,
}

/// Something to be tried.
struct Try {
    what: String,
    method: Method,
    path: String,
    form: Vec<(&'static str, String)>,
    may: bool,
}

impl Try {
    fn get(path: impl Into<String>, may: bool) -> Self {
        let path = path.into();
        Self {
            what: format!("GET  {path}"),
            method: Method::GET,
            form: Vec::new(),
            path,
            may,
        }
    }

    fn post(path: impl Into<String>, form: &[(&'static str, &str)], may: bool) -> Self {
        let path = path.into();
        let shown: Vec<_> = form
            .iter()
            .filter(|(name, _)| !["password", "ulid"].contains(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Self {
            what: format!("POST {path} {}", shown.join(" ")),
            method: Method::POST,
            form: form.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
            path,
            may,
        }
    }
}

async fn send(scene: &Scene, who: &Who, it: &Try) -> Outcome {
    loop {
        let mut request = stranger().request(it.method.clone(), scene.natter.url(&it.path));
        if let Some(token) = &who.token {
            request = request.header(header::COOKIE, scene.natter.cookie(token));
        }
        if it.path == "/nats" {
            let origin = format!("http://{}", scene.natter.addr());
            request = handshake(request).header(header::ORIGIN, origin);
        }
        if it.method == Method::POST {
            let of_page = [(PAGE_OF, who.uid.to_owned())];
            request = request.form(&[&of_page, it.form.as_slice()].concat());
        }
        let outcome = Outcome::of(request.send().await.unwrap(), &it.method).await;
        if outcome.status != StatusCode::TOO_MANY_REQUESTS {
            return outcome;
        }
        // A limit is no answer to whether one may.
        assert!(outcome.headers.contains_key(header::RETRY_AFTER));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn handshake(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_over_http_what_is_not_theirs() {
    let (scene, cast) = set_up().await;
    let mut table = Table::default();
    let length = scene.natter.log_length().await;

    // What must be refused, by all at once; nothing comes of it.
    let all = cast.iter().map(|who| refused(&scene, who));
    let all = futures::future::join_all(all).await;
    for (who, (outcomes, twins)) in cast.iter().zip(all) {
        for (it, outcome) in &outcomes {
            table.row(who.name, &short(&it.what, &scene), false, outcome);
            leaks(&scene, who, it, outcome, &mut table);
        }
        for (what, is_alike) in twins {
            let what = format!("{} looks like what is not there", short(&what, &scene));
            table.must(who.name, &what, is_alike);
        }
    }
    let after = scene.natter.log_length().await;
    table.must("nobody", "wrote anything", after == length);
    let holds = scene.ada.get("/session").await.status() == StatusCode::NO_CONTENT;
    table.must("nobody", "ended somebody else’s session", holds);
    foreign_pages(&scene, &mut table).await;
    foreign_sockets(&scene, &mut table).await;
    sessions(&scene, &mut table).await;
    foreign_hosts(&scene, &mut table).await;

    // What must be allowed: else the rows before would mean nothing.
    for who in &cast {
        for it in tries(&scene, who).into_iter().filter(|it| it.may) {
            let outcome = send(&scene, who, &it).await;
            table.row(who.name, &short(&it.what, &scene), true, &outcome);
            leaks(&scene, who, &it, &outcome, &mut table);
        }
    }
    println!("{} rows, {} wrong", table.rows, table.wrong.len());
    assert!(table.rows > 1_000, "only {} rows", table.rows);
    assert!(table.wrong.is_empty(), "{:#?}", table.wrong);
}

/// What somebody is answered who may not.
async fn refused(scene: &Scene, who: &Who) -> (Vec<(Try, Outcome)>, Vec<(String, bool)>) {
    let mut outcomes = Vec::new();
    for it in tries(scene, who).into_iter().filter(|it| !it.may) {
        let outcome = send(scene, who, &it).await;
        outcomes.push((it, outcome));
    }
    (outcomes, twins(scene, who).await)
}

fn leaks(scene: &Scene, who: &Who, it: &Try, outcome: &Outcome, table: &mut Table) {
    for secret in who.secrets() {
        let was_typed = it.path.contains(secret) || it.form.iter().any(|(_, v)| v == secret);
        if !was_typed && outcome.tells(secret) {
            let what = format!("{} tells “{secret}”", short(&it.what, scene));
            table.must(who.name, &what, false);
        }
    }
}

async fn set_up() -> (Scene, Vec<Who>) {
    // There is a provider to sign in at that never answers: nobody gets in by it. Who is let in by
    // one that does is in `oidc`.
    let natter = Natter::start_with(|options| {
        options.oidc.issuer = Some("http://127.0.0.1:1".parse().unwrap());
        options.oidc.client_id = Some("natter".into());
    })
    .await;
    let ada = Person::sign_up(&natter, "ada").await;
    let admin = ada.connect().await;
    let lobby = ada.make_room(&admin, RoomKind::Open, "Lobby").await;
    let general = ada.general(&admin).await;
    ada.post(&admin, &general, OF_MEMBERS).await.unwrap();
    ada.post(&admin, &lobby, OF_EVERYBODY).await.unwrap();
    let mut people = BTreeMap::new();
    for uid in [
        "maker",
        "third",
        "ended",
        "suspended",
        "member",
        "board",
        "removed",
    ] {
        people.insert(uid, Person::sign_up(&natter, uid).await);
    }
    let link = ada.invitation("guest", "Lobby").await;
    people.insert("guest", Person::accept(&natter, "guest", &link).await);

    let maker = &people["maker"];
    let client = maker.connect().await;
    let asked = v1::MakeRoomRequest {
        kind: RoomKind::Closed.into(),
        name: OF_THE_BOARD[0].into(),
        topic: OF_THE_BOARD[1].into(),
    };
    let made: v1::RoomResponse = maker.ask(&client, "make-room", &asked).await.unwrap();
    let closed = made.room.unwrap().id;
    let members = ["board", "removed", "ended", "suspended"];
    maker.invite(&client, &closed, &members).await;
    maker.post(&client, &closed, OF_THE_BOARD[2]).await.unwrap();
    let mut others = Vec::new();
    for (uids, text) in [
        (vec!["board"], OF_THE_BOARD[3]),
        (vec!["board", "third"], OF_THE_BOARD[4]),
    ] {
        let uids = uids.into_iter().map(str::to_owned).collect();
        let asked = v1::TalkToRequest { uids };
        let room: v1::RoomResponse = maker.ask(&client, "talk-to", &asked).await.unwrap();
        let room = room.room.unwrap().id;
        maker.post(&client, &room, text).await.unwrap();
        others.push(room);
    }
    // An administrator who is in it makes a link into it: those who are not learn nothing.
    ada.act("maker", "administrator").await;
    let into_closed = [
        ("of", "invite"),
        ("role", "member"),
        ("rooms", OF_THE_BOARD[0]),
    ];
    maker.administer(&into_closed).await;
    ada.act("maker", "member").await;

    let token_of = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    let used_up = token_of(&link);
    let many = [("of", "invite"), ("role", "member"), ("many", "on")];
    let taken_back = token_of(&link_in(&ada.administer(&many).await));
    ada.administer(&[("of", "revoke"), ("link", &id_of(&taken_back))])
        .await;
    let invitation = token_of(&link_in(&ada.administer(&many).await));
    let reset = token_of(&link_in(&ada.act("third", "reset-password").await));

    let picture = crate::pictures::upload(&natter, &ada, [9, 9, 9]).await;
    let picture = picture.replace("/pictures/", "");
    // Another role, another connection.
    let client = maker.connect().await;
    maker.remove(&client, &closed, "removed").await;
    people["ended"].submit("/logout", &[]).await;
    ada.act("suspended", "suspend").await;
    let mut cast = vec![Who {
        name: "nobody",
        uid: "nobody",
        token: None,
    }];
    for name in ["ended", "suspended", "guest", "member", "board", "removed"] {
        cast.push(Who {
            name,
            uid: name,
            token: Some(people[name].token.clone()),
        });
    }
    cast.push(Who {
        name: "admin",
        uid: "ada",
        token: Some(ada.token.clone()),
    });
    let scene = Scene {
        no_room: "x".repeat(closed.len()),
        direct: others.remove(0),
        group: others.remove(0),
        invitation_id: id_of(&invitation),
        picture,
        natter,
        ada,
        closed,
        lobby,
        invitation,
        used_up,
        taken_back,
        reset,
    };
    (scene, cast)
}

/// What natter keeps of a link's token, and shows to administrators.
fn id_of(token: &str) -> String {
    let id = SessionToken::parse(&format!("ada.{token}")).unwrap().id();
    id.as_str().split_once('.').unwrap().1.to_owned()
}

/// What somebody tries at every address there is.
fn tries(scene: &Scene, who: &Who) -> Vec<Try> {
    let (is_in, is_out, is_member) = (!who.is_out(), who.is_out(), who.is_member());
    let is_admin = who.is_administrator();
    let made_up = "A".repeat(43);
    let mut tries = Vec::new();
    for address in addresses() {
        let path = address.path.as_str();
        match path {
            "/" | "/rooms" | "/settings" | "/settings/connection" | "/session" | "/nats" => {
                tries.push(Try::get(path, is_in));
            }
            "/health" => tries.push(Try::get(path, true)),
            "/r/{room}" => rooms(scene, who, &mut tries),
            // Its page and its forms are tried with the room.
            "/r/{room}/details" => {}
            "/rooms/new" => {
                tries.push(Try::get(path, is_in));
                for kind in ["open", "closed"] {
                    let name = format!("{}-{kind}", who.name);
                    let form = [("name", name.as_str()), ("kind", kind)];
                    tries.push(Try::post(path, &form, is_member));
                }
            }
            "/people" => {
                tries.push(Try::get(path, is_in));
                // Whoever made the lobby is in it with the guest.
                tries.push(Try::post(path, &[("uids", "third")], is_member));
                tries.push(Try::post(path, &[("uids", "maker third")], is_member));
                for nobody in ["suspended", "no-such-person", ""] {
                    tries.push(Try::post(path, &[("uids", nobody)], false));
                }
            }
            "/settings/account" => {
                tries.push(Try::get(path, is_in));
                let profile = [("of", "profile"), ("display_name", who.uid)];
                tries.push(Try::post(path, &profile, is_in));
                let guessed = [
                    ("of", "password"),
                    ("password", "not the password"),
                    ("new_password", "another horse 7"),
                ];
                tries.push(Try::post(path, &guessed, false));
                // Nothing was proven in this browser; what one has not is taken away already.
                tries.push(Try::post(path, &[("of", "connect")], false));
                let identity = [("of", "disconnect"), ("identity", made_up.as_str())];
                tries.push(Try::post(path, &identity, is_in));
            }
            "/login/oidc" => {
                tries.push(Try::get(path, false));
                tries.push(Try::get(format!("{path}?connect"), false));
                for token in [&scene.invitation, &made_up] {
                    tries.push(Try::get(format!("{path}?invite={token}"), false));
                }
            }
            "/login/oidc/callback" => {
                let query = format!("?state={made_up}&code={made_up}");
                tries.push(Try::get(format!("{path}{query}"), false));
                tries.push(Try::get(format!("{path}?state=&error=x"), false));
            }
            "/signup/oidc" => {
                tries.push(Try::get(path, false));
                for username in ["eve", "ada"] {
                    let form = [("username", username), ("display_name", "")];
                    tries.push(Try::post(path, &form, false));
                }
            }
            // What is no picture is refused to everybody; one that is, in `pictures`.
            "/settings/picture" => {
                tries.push(Try::get(path, is_in));
                tries.push(Try::post(path, &[("of", "remove")], false));
            }
            "/pictures/{name}" => {
                tries.push(Try::get(format!("/pictures/{}", scene.picture), is_in));
                tries.push(Try::get(format!("/pictures/{made_up}"), false));
                tries.push(Try::get("/pictures/..%2fsessions", false));
            }
            "/settings/sessions" => {
                tries.push(Try::get(path, is_in));
                // One's own are all that it names: another’s is passed over, which is looked at
                // when everybody has tried.
                let theirs = SessionToken::parse(&scene.ada.token).unwrap().id();
                let named = if is_admin { "ada.x" } else { theirs.as_str() };
                tries.push(Try::post(path, &[("session", named)], is_in));
            }
            "/admin" => administration(scene, who, &mut tries),
            "/signup" | "/login" => {
                tries.push(Try::get(path, is_out));
                if path == "/login" {
                    let guessed = [("username", "ada"), ("password", "not the password")];
                    tries.push(Try::post(path, &guessed, false));
                    let suspended = [("username", "suspended"), ("password", PASSWORD)];
                    tries.push(Try::post(path, &suspended, false));
                } else {
                    let taken = [
                        ("username", "ada"),
                        ("display_name", ""),
                        ("password", PASSWORD),
                    ];
                    tries.push(Try::post(path, &taken, false));
                }
            }
            "/invite/{token}" => {
                let form = [
                    ("username", "eve"),
                    ("display_name", ""),
                    ("password", PASSWORD),
                ];
                let bad = [&scene.used_up, &scene.taken_back, &scene.reset, &made_up];
                for token in bad.into_iter().chain([&scene.invitation_id]) {
                    tries.push(Try::get(format!("/invite/{token}"), false));
                    tries.push(Try::post(format!("/invite/{token}"), &form, false));
                }
                // Who is signed in has no use for it.
                tries.push(Try::get(format!("/invite/{}", scene.invitation), is_out));
            }
            "/reset/{token}" => {
                let form = [("password", "a horse of eve")];
                let bad = [
                    &scene.used_up,
                    &scene.taken_back,
                    &scene.invitation,
                    &made_up,
                ];
                for token in bad {
                    tries.push(Try::get(format!("/reset/{token}"), false));
                    tries.push(Try::post(format!("/reset/{token}"), &form, false));
                }
                tries.push(Try::get(format!("/reset/{}", scene.reset), true));
            }
            // There is nobody afterwards: `sessions` looks at it.
            "/logout" => {}
            "/api/echo" => tries.push(Try::post(path, &[("message", "hello")], is_in)),
            other => panic!("the matrix does not know {other}: say who may do what there"),
        }
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        for address in addresses() {
            let path = filled_in(&address.path, scene);
            tries.push(Try {
                what: format!("{method} {path}"),
                method: method.clone(),
                path,
                form: Vec::new(),
                may: false,
            });
        }
    }
    tries
}

fn filled_in(path: &str, scene: &Scene) -> String {
    path.replace("{room}", &scene.closed)
        .replace("{token}", &scene.invitation)
        .replace("{name}", &scene.picture)
}

/// All that can be tried at a room.
fn rooms(scene: &Scene, who: &Who, tries: &mut Vec<Try>) {
    for room in [&scene.closed, OF_THE_BOARD[0], &scene.direct, &scene.group] {
        let details = format!("/r/{room}/details");
        tries.push(Try::get(format!("/r/{room}"), who.is_in()));
        tries.push(Try::get(details.as_str(), who.is_in()));
        // Forms name a room by its id.
        let is_id = room != OF_THE_BOARD[0];
        let key = ulid();
        let form = [("ulid", key.as_str()), ("text", "hi")];
        tries.push(Try::post(format!("/r/{room}"), &form, who.is_in() && is_id));
        tries.push(Try::post(&details, &[("of", "mute")], who.is_in() && is_id));
        if who.is_in() {
            // What only who made the room may do.
            let takes_away = [("of", "remove"), ("uids", "maker")];
            tries.push(Try::post(&details, &takes_away, false));
            tries.push(Try::post(&details, &[("of", "archive")], false));
            let name = [("of", "name"), ("name", "Mine now")];
            tries.push(Try::post(&details, &name, false));
            continue;
        }
        // A limit slows down who tries: once every form, elsewhere those that tell most.
        let is_first = *room == *scene.closed;
        let forms = forms_of_details(who).into_iter();
        let forms = forms.filter(|form| is_first || TELLING.contains(&form[0].1));
        tries.extend(forms.map(|form| Try::post(&details, &form, false)));
    }
    // A room that everybody may read but guests who were not brought in.
    tries.push(Try::get("/r/general", who.is_member()));
    tries.push(Try::get(format!("/r/{}", scene.lobby), !who.is_out()));
    let details = format!("/r/{}/details", scene.lobby);
    tries.push(Try::get(details.as_str(), !who.is_out()));
    if !who.is_administrator() {
        for form in [
            [("of", "archive"), ("uids", "")],
            [("of", "remove"), ("uids", "ada")],
            [("of", "remove"), ("uids", "guest")],
        ] {
            if form[1].1 != who.uid {
                tries.push(Try::post(&details, &form, false));
            }
        }
    }
    for nowhere in [NO_NAME, &scene.no_room, "..%2f..%2fadmin", "%00", "*", ">"] {
        tries.push(Try::get(format!("/r/{nowhere}"), false));
        tries.push(Try::get(format!("/r/{nowhere}/details"), false));
    }
}

/// The forms that could do the most harm.
const TELLING: [&str; 3] = ["join", "topic", "name"];

/// Every form of a room's details.
fn forms_of_details(who: &Who) -> Vec<Vec<(&'static str, &'static str)>> {
    vec![
        vec![("of", "unmute")],
        vec![("of", "join")],
        vec![("of", "leave")],
        vec![("of", "decline")],
        vec![("of", "invite"), ("uids", who.uid)],
        vec![("of", "invite"), ("uids", "third")],
        vec![("of", "remove"), ("uids", "maker")],
        vec![("of", "remove"), ("uids", who.uid)],
        vec![("of", "archive")],
        vec![("of", "restore")],
        vec![("of", "name"), ("name", "Mine now")],
        vec![("of", "topic"), ("topic", "Mine now")],
        vec![("of", "no-such-form")],
    ]
}

/// What administrators do, by everybody.
fn administration(scene: &Scene, who: &Who, tries: &mut Vec<Try>) {
    let is_admin = who.is_administrator();
    tries.push(Try::get("/admin", is_admin));
    let invite = [("of", "invite"), ("role", "member"), ("rooms", "Lobby")];
    tries.push(Try::post("/admin", &invite, is_admin));
    let closed = [
        ("of", "invite"),
        ("role", "guest"),
        ("rooms", OF_THE_BOARD[0]),
    ];
    tries.push(Try::post("/admin", &closed, false));
    if is_admin {
        return;
    }
    let revoke = [("of", "revoke"), ("link", scene.invitation_id.as_str())];
    tries.push(Try::post("/admin", &revoke, false));
    for act in [
        "suspend",
        "restore",
        "administrator",
        "member",
        "guest",
        "end-sessions",
        "reset-password",
    ] {
        for uid in ["ada", who.uid] {
            let form = [("of", "person"), ("uid", uid), ("act", act)];
            tries.push(Try::post("/admin", &form, false));
        }
    }
}

/// Rooms of others beside rooms that are not there: the answers are alike but for what was typed.
async fn twins(scene: &Scene, who: &Who) -> Vec<(String, bool)> {
    let mut twins = Vec::new();
    if who.is_in() {
        return twins;
    }
    let pairs = [
        (scene.closed.as_str(), scene.no_room.as_str()),
        (scene.direct.as_str(), scene.no_room.as_str()),
        (OF_THE_BOARD[0], NO_NAME),
    ];
    for (theirs, nowhere) in pairs {
        let key = ulid();
        let of_room = |room: &str| {
            let details = format!("/r/{room}/details");
            let message = [("ulid", key.as_str()), ("text", "hi")];
            let mut all = vec![
                Try::get(format!("/r/{room}"), false),
                Try::get(details.as_str(), false),
                Try::post(format!("/r/{room}"), &message, false),
            ];
            if theirs == scene.closed {
                let forms = forms_of_details(who).into_iter();
                let forms = forms.filter(|form| TELLING.contains(&form[0].1));
                all.extend(forms.map(|form| Try::post(&details, &form, false)));
            }
            let into = [("of", "invite"), ("role", "member"), ("rooms", room)];
            all.push(Try::post("/admin", &into, false));
            all
        };
        for (one, other) in of_room(theirs).into_iter().zip(of_room(nowhere)) {
            let (mine, not_there) = (send(scene, who, &one).await, send(scene, who, &other).await);
            let is_alike = mine.without(theirs) == not_there.without(nowhere);
            twins.push((one.what, is_alike));
        }
    }
    twins
}

/// Headers that say where a request comes from.
type Said<'a> = &'a [(&'static str, &'a str)];

/// What other sites' pages can send with the session of somebody who looks at them.
async fn foreign_pages(scene: &Scene, table: &mut Table) {
    let length = scene.natter.log_length().await;
    let cookie = &scene.ada.cookie;
    let own = format!("http://{}", scene.natter.addr());
    let other_port = format!("http://{}:1", scene.natter.addr().ip());
    let from: [(&str, Said<'_>, bool); 9] = [
        ("another site", &[("origin", "http://evil.example")], false),
        ("null", &[("origin", "null")], false),
        ("another port", &[("origin", &other_port)], false),
        ("cross-site", &[("sec-fetch-site", "cross-site")], false),
        ("same-site", &[("sec-fetch-site", "same-site")], false),
        (
            "cross-site, as from here",
            &[("sec-fetch-site", "cross-site"), ("origin", &own)],
            false,
        ),
        ("here", &[("origin", &own)], true),
        ("same-origin", &[("sec-fetch-site", "same-origin")], true),
        // No browser: it could say anything it likes.
        ("neither header", &[], true),
    ];
    for address in addresses().into_iter().filter(|one| one.is_sent_to) {
        let path = filled_in(&address.path, scene);
        for (whence, headers, may) in from {
            let mut request = stranger().post(scene.natter.url(&path));
            for (name, value) in headers {
                request = request.header(*name, HeaderValue::from_str(value).unwrap());
            }
            // What is let through finds nobody, and so does nothing.
            if !may {
                request = request.header(header::COOKIE, cookie);
            }
            let form = [("of", "invite"), ("session", "others"), ("uids", "third")];
            let response = request.form(&form).send().await.unwrap();
            let status = response.status();
            let body = response.text().await.unwrap();
            let is_foreign = status == StatusCode::FORBIDDEN && body.contains("another site");
            let what = format!("POST {} from {whence}", short(&path, scene));
            let outcome = if is_foreign { "refused" } else { "let through" };
            table.mark("csrf", &what, is_foreign != may, outcome);
        }
    }
    let after = scene.natter.log_length().await;
    table.must("csrf", "wrote nothing", after == length);
    let holds = scene.ada.get("/session").await.status() == StatusCode::NO_CONTENT;
    table.must("csrf", "signed nobody out", holds);
}

/// What a page of another site can ask whose name has come to resolve to natter's address: to the
/// browser it is natter's own, and its requests have the cookies of that name (DNS rebinding).
async fn foreign_hosts(scene: &Scene, table: &mut Table) {
    let port = scene.natter.addr().port();
    let hosts = [
        (format!("127.0.0.1:{port}"), true),
        (format!("localhost:{port}"), true),
        ("[::1]".to_owned(), true),
        (format!("evil.example:{port}"), false),
        ("evil.example".to_owned(), false),
        (format!("localhost.evil.example:{port}"), false),
        (format!("127.0.0.1.evil.example:{port}"), false),
        ("chat.example.org".to_owned(), false),
    ];
    let mut asked = Vec::new();
    for address in addresses() {
        let path = filled_in(&address.path, scene);
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
            asked.push((method, path.clone()));
        }
    }
    for path in [
        "/pkg/natter.css",
        "/pkg/health",
        "/robots.txt",
        "/nothing",
        "/r/x/health",
    ] {
        asked.push((Method::GET, path.to_owned()));
    }
    for (method, path) in asked {
        for (host, is_own) in &hosts {
            // Forms from here are tried elsewhere, and guessing names has a limit.
            if *is_own && method == Method::POST {
                continue;
            }
            let cookie = &scene.ada.cookie;
            let mut request = stranger().request(method.clone(), scene.natter.url(&path));
            request = request.header(header::HOST, host);
            request = request.header(header::ORIGIN, format!("http://{host}"));
            // What is let through is for others to judge, as nobody.
            if !is_own {
                request = request.header(header::COOKIE, cookie);
            }
            if path == "/nats" {
                request = handshake(request);
            }
            if method == Method::POST {
                request = request.form(&[(PAGE_OF, "ada"), ("of", "x")]);
            }
            let status = request.send().await.unwrap().status();
            let is_refused = status == StatusCode::MISDIRECTED_REQUEST;
            let may = *is_own || path == "/health";
            let what = format!("{method} {} as {host}", short(&path, scene));
            table.mark("rebound", &what, is_refused != may, status.as_str());
        }
    }
    let holds = scene.ada.get("/session").await.status() == StatusCode::NO_CONTENT;
    table.must("rebound", "signed nobody out", holds);
}

/// WebSockets that pages of other sites open, through natter and at the broker itself.
async fn foreign_sockets(scene: &Scene, table: &mut Table) {
    let own = format!("http://{}", scene.natter.addr());
    let longer = format!("{own}.evil.example");
    let other_port = format!("http://{}:1", scene.natter.addr().ip());
    let broker = scene.natter.server.broker().unwrap().websocket_addr();
    for (at, url) in [
        ("/nats", scene.natter.url("/nats")),
        ("the broker", format!("http://{broker}/")),
    ] {
        for (whence, origin, may) in [
            ("here", Some(own.as_str()), true),
            ("another site", Some("http://evil.example"), false),
            ("a longer name", Some(longer.as_str()), false),
            ("another port", Some(other_port.as_str()), false),
            ("null", Some("null"), false),
            // The broker lets clients in that are no browsers: the session decides.
            ("no origin", None, at != "/nats"),
        ] {
            let request = handshake(stranger().get(&url));
            let cookie = &scene.ada.cookie;
            let mut request = request.header(header::COOKIE, cookie);
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            let outcome = Outcome::of(request.send().await.unwrap(), &Method::GET).await;
            table.row(
                "csrf",
                &format!("a WebSocket at {at} from {whence}"),
                may,
                &outcome,
            );
        }
    }
}

/// Sessions that somebody has kept, made up, or put into another's browser.
async fn sessions(scene: &Scene, table: &mut Table) {
    let url = |path: &str| scene.natter.url(path);
    let status = async |cookie: String| {
        let request = stranger()
            .get(url("/session"))
            .header(header::COOKIE, cookie);
        request.send().await.unwrap().status()
    };
    let cookie = |token: &str| scene.natter.cookie(token);
    let sign_in = async |cookie: &str| {
        let form = [("username", "third"), ("password", PASSWORD)];
        let request = stranger()
            .post(url("/login"))
            .header(header::COOKIE, cookie);
        session_of(&request.form(&form).send().await.unwrap()).unwrap()
    };
    let first = sign_in("").await;
    let again = sign_in(&cookie(&first)).await;
    let replaced = status(cookie(&first)).await == StatusCode::UNAUTHORIZED;
    table.must(
        "session",
        "put there before signing in holds no longer",
        replaced,
    );
    table.must("session", "is another one after signing in", first != again);
    let other_name = again.replacen("third", "ada", 1);
    for (what, cookies) in [
        ("with another’s name is nobody’s", cookie(&other_name)),
        (
            "beside another one is nobody’s",
            format!("{}; {}", cookie(&again), cookie(&scene.ada.token)),
        ),
        (
            "made up is nobody’s",
            cookie(&format!("third.{}", "A".repeat(43))),
        ),
        (
            "under the name for https is nobody’s",
            format!("__Host-{}", cookie(&again)),
        ),
    ] {
        let is_nobody = status(cookies).await == StatusCode::UNAUTHORIZED;
        table.must("session", what, is_nobody);
    }
    let holds = status(cookie(&again)).await == StatusCode::NO_CONTENT;
    table.must("session", "alone holds", holds);
    let out = stranger()
        .post(url("/logout"))
        .form(&[(PAGE_OF, "third")])
        .header(header::COOKIE, cookie(&again));
    let out = out.send().await.unwrap();
    table.must(
        "session",
        "signs out",
        out.status() == StatusCode::SEE_OTHER,
    );
    let cleared = out.headers()[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .contains("Max-Age=0");
    table.must("session", "is taken out of the browser", cleared);
    let ended = status(cookie(&again)).await == StatusCode::UNAUTHORIZED;
    table.must("session", "kept after signing out is nobody’s", ended);
}

fn short(what: &str, scene: &Scene) -> String {
    what.replace(&scene.closed, "<closed>")
        .replace(&scene.direct, "<direct>")
        .replace(&scene.group, "<group>")
        .replace(&scene.lobby, "<lobby>")
        .replace(&scene.no_room, "<nowhere>")
        .replace(&scene.invitation_id, "<invitation’s id>")
        .replace(&scene.invitation, "<invitation>")
        .replace(&scene.used_up, "<used up>")
        .replace(&scene.taken_back, "<taken back>")
        .replace(&scene.reset, "<reset>")
        .replace(&scene.picture, "<picture>")
}
