//! A natter of its own for each test, and people who use it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use natter::app::PAGE_OF;
use natter::domain::Ulid;
use natter::nats::{Auth, Client, ConnectOptions, Message, RequestError};
use natter::server::Server;
use natter::server::broker::{BrokerKeys, ServiceUser, SyncInterval};
use natter::server::config::{BodyPace, ServeOptions, Signup};
use natter::server::oidc::OidcOptions;
use natter::wire::v1;
use prost::Message as _;
use reqwest::{Response, StatusCode, header};
use tempfile::TempDir;

/// Long enough for anything that should happen.
pub const SOON: Duration = Duration::from_secs(10);

/// Long enough for something to arrive that should not.
pub const A_MOMENT: Duration = Duration::from_millis(300);

/// A password that is one.
pub const PASSWORD: &str = "correct horse";

/// A natter with a broker, on free ports, in a folder that goes away with it.
pub struct Natter {
    pub server: Server,
    pub folder: TempDir,
}

impl Natter {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    /// In a folder that may have been another natter's.
    pub async fn start_in(folder: TempDir, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options = options(folder.path().into());
        change(&mut options);
        let server = Server::start(options).await.unwrap();
        assert!(server.is_ready_within(SOON).await, "natter is not ready");
        Self { server, folder }
    }

    /// Stops it, and gives back its folder.
    pub async fn stop(self) -> TempDir {
        self.server.stop().await;
        self.folder
    }

    /// A second natter on the same broker.
    pub async fn start_beside(&self) -> Self {
        self.start_beside_in(tempfile::tempdir().unwrap(), |_| {})
            .await
    }

    /// The same in a folder that may have been another natter's.
    pub async fn start_beside_in(
        &self,
        folder: TempDir,
        change: impl FnOnce(&mut ServeOptions),
    ) -> Self {
        let broker = self.server.broker().unwrap();
        let (url, ws) = (broker.client_url(), broker.websocket_addr());
        let keys = self.folder.path().join("keys");
        Self::start_in(folder, |options| {
            options.nats = Some(url);
            options.nats_ws = vec![ws];
            options.keys = Some(keys);
            change(options);
        })
        .await
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr())
    }

    /// The cookie of a session, as a browser sends it.
    pub fn cookie(&self, token: &str) -> String {
        format!("{}={token}", self.server.session_cookie())
    }

    /// Natter's own way into an account, which no user has.
    pub async fn as_service(&self, who: ServiceUser) -> async_nats::Client {
        let keys = BrokerKeys::load(&self.folder.path().join("keys")).unwrap();
        let options = keys.user(who).unwrap().connect_options().unwrap();
        let url = self.server.broker().unwrap().client_url();
        options.connect(url).await.unwrap()
    }

    /// The same through natter's own client, as its router reads.
    pub async fn reader(&self) -> Client {
        let keys = BrokerKeys::load(&self.folder.path().join("keys")).unwrap();
        let credentials = keys.user(ServiceUser::Chat).unwrap();
        let client = Client::connect(ConnectOptions {
            auth: jwt(credentials.jwt, &credentials.seed),
            headers: false,
            no_responders: false,
            echo: false,
            ..self.over_tcp()
        });
        client.connected().await.unwrap();
        client
    }

    /// Where the broker is.
    pub fn over_tcp(&self) -> ConnectOptions {
        let url = self.server.broker().unwrap().client_url();
        ConnectOptions {
            servers: vec![url.parse().unwrap()],
            ..ConnectOptions::default()
        }
    }

    /// Runs `natter creds` with this natter's data folder.
    pub async fn creds(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_natter"));
        command.arg("creds").args(arguments);
        command.arg("--data").arg(self.folder.path());
        command.kill_on_drop(true);
        let output = tokio::time::timeout(2 * SOON, command.output()).await;
        output.expect("natter creds ends").unwrap()
    }

    /// The text of a `.creds` file: of a person, or with `--service` of a service.
    pub async fn make_creds(&self, arguments: &[&str]) -> String {
        let output = self.creds(arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `GET /health` says.
    pub async fn health(&self) -> (StatusCode, serde_json::Value) {
        let response = reqwest::get(self.url("/health")).await.unwrap();
        let status = response.status();
        let said = response.text().await.unwrap();
        (status, serde_json::from_str(&said).unwrap())
    }

    /// How many entries LOG has.
    pub async fn log_length(&self) -> u64 {
        let chat = self.as_service(ServiceUser::Chat).await;
        let js = async_nats::jetstream::new(chat);
        let stream = js.get_stream("LOG").await.unwrap();
        stream.get_info().await.unwrap().state.messages
    }
}

pub fn options(data: PathBuf) -> ServeOptions {
    let site = data.join("site");
    std::fs::create_dir_all(site.join("pkg")).unwrap();
    ServeOptions {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        data,
        nats_port: 0,
        nats_ws_port: 0,
        sync_interval: SyncInterval::Every(Duration::from_secs(1)),
        max_store: None,
        nats_server: nats_server(),
        nats: None,
        nats_ws: Vec::new(),
        replicas: None,
        keys: None,
        public_url: None,
        behind_proxy: false,
        site: Some(site),
        rights_life: 3_600,
        without_barrier: false,
        body_pace: BodyPace::default(),
        connections: None,
        signup: Signup::Open,
        oidc: OidcOptions::default(),
    }
}

/// Shows a user JWT, and that its seed is known.
pub fn jwt(jwt: String, seed: &str) -> Auth {
    let key = nkeys::KeyPair::from_seed(seed).unwrap();
    let sign = Arc::new(move |nonce: &[u8]| key.sign(nonce).unwrap());
    Auth::Jwt { jwt, sign }
}

/// Shows a `.creds` file.
pub fn with_creds(text: &str) -> Auth {
    let section = |name: &str| {
        let begin = format!("-----BEGIN {name}-----\n");
        let (_, rest) = text.split_once(&begin).unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    jwt(section("NATS USER JWT"), &section("USER NKEY SEED"))
}

/// The nats-server that `make` unpacks, where it did; else natter looks on PATH.
pub fn nats_server() -> Option<PathBuf> {
    let unpacked = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/nats-server");
    unpacked.is_file().then_some(unpacked)
}

/// A browser with its cookies, and who uses it.
pub struct Person {
    pub uid: String,
    pub http: reqwest::Client,
    pub token: String,
    /// The whole cookie that it stands in, with its name.
    pub cookie: String,
    addr: SocketAddr,
}

/// A browser without a session, that does not follow redirects.
pub fn stranger() -> reqwest::Client {
    reqwest::Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

impl Person {
    pub async fn sign_up(natter: &Natter, uid: &str) -> Self {
        Self::sign_up_at(natter, uid, "/signup").await
    }

    async fn sign_up_at(natter: &Natter, uid: &str, path: &str) -> Self {
        Self::sign_up_on(natter.addr(), uid, path).await
    }

    /// Signs up at whatever natter listens there.
    pub async fn sign_up_on(addr: SocketAddr, uid: &str, path: &str) -> Self {
        let http = stranger();
        let form = [
            ("username", uid),
            ("display_name", ""),
            ("password", PASSWORD),
        ];
        let response = http
            .post(format!("http://{addr}{path}"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{uid} signs up");
        let cookie = cookie_of(&response).expect("a session cookie");
        Self {
            uid: uid.into(),
            http,
            token: session_of(&response).unwrap_or_default(),
            cookie,
            addr,
        }
    }

    /// The same person at a natter that was started again.
    pub fn at(self, addr: SocketAddr) -> Self {
        Self { addr, ..self }
    }

    pub async fn get(&self, path: &str) -> Response {
        let url = format!("http://{}{path}", self.addr);
        self.http.get(url).send().await.unwrap()
    }

    pub async fn page(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    /// Sends a form as a page of this person does.
    pub async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let of_page = [&[(PAGE_OF, self.uid.as_str())], form].concat();
        self.submit_as_it_is(path, &of_page).await
    }

    /// Sends a form with nothing added to it.
    pub async fn submit_as_it_is(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.addr);
        self.http.post(url).form(form).send().await.unwrap()
    }

    /// The live connection of this person's page.
    pub fn dial(&self) -> Client {
        self.dial_to(&format!("ws://{}/nats", self.addr), self.addr)
    }

    /// The same to another listener, from a page of the natter at `site`.
    pub fn dial_to(&self, url: &str, site: SocketAddr) -> Client {
        Self::dial_as(&self.uid, &self.cookie, url, site)
    }

    /// The same for whoever has the cookie of a session. The broker's own listener knows it by a name
    /// without a mark.
    pub fn dial_as(uid: &str, cookie: &str, url: &str, site: SocketAddr) -> Client {
        let origin = format!("http://{site}");
        let token = cookie.split_once('=').map(|(_, token)| token);
        let cookies = format!("{cookie}; natter_session={}", token.unwrap_or_default());
        Client::connect(ConnectOptions {
            servers: vec![url.parse().unwrap()],
            inbox_prefix: format!("_INBOX.{uid}"),
            ws_headers: vec![("Cookie".into(), cookies), ("Origin".into(), origin)],
            ..ConnectOptions::default()
        })
    }

    pub async fn connect(&self) -> Client {
        let client = self.dial();
        client.connected().await.unwrap();
        client
    }

    pub async fn general(&self, client: &Client) -> String {
        let heads: v1::HeadsResponse = self
            .ask(client, "heads", &v1::HeadsRequest::default())
            .await
            .unwrap();
        let mut rooms = heads.rooms.into_iter().filter_map(|head| head.room);
        rooms.find(|room| room.name == "general").unwrap().id
    }

    pub async fn ask<A: prost::Message + Default>(
        &self,
        client: &Client,
        verb: &str,
        question: &impl prost::Message,
    ) -> Result<A, v1::Failure> {
        let reply = self
            .ask_raw(client, verb, question.encode_to_vec())
            .await
            .unwrap();
        answer(reply)
    }

    pub async fn ask_raw(
        &self,
        client: &Client,
        verb: &str,
        payload: Vec<u8>,
    ) -> Result<Message, RequestError> {
        let subject = format!("natter.svc.{}.{verb}", self.uid);
        client.request(&subject, payload.into(), SOON).await
    }

    /// Signs up by a link.
    pub async fn accept(natter: &Natter, uid: &str, link: &str) -> Self {
        let path = link.split_once("/invite/").unwrap().1;
        Self::sign_up_at(natter, uid, &format!("/invite/{path}")).await
    }

    /// What an administrator's page says after `form` was sent.
    pub async fn administer(&self, form: &[(&str, &str)]) -> String {
        let response = self.submit("/admin", form).await;
        let status = response.status();
        let page = response.text().await.unwrap();
        assert!(
            [StatusCode::SEE_OTHER, StatusCode::OK].contains(&status),
            "{form:?}: {status} {page}"
        );
        page
    }

    /// Does something to somebody, as an administrator.
    pub async fn act(&self, uid: &str, act: &str) -> String {
        self.administer(&[("of", "person"), ("uid", uid), ("act", act)])
            .await
    }

    /// A link that makes accounts.
    pub async fn invitation(&self, role: &str, rooms: &str) -> String {
        let form = [("of", "invite"), ("role", role), ("rooms", rooms)];
        link_in(&self.administer(&form).await)
    }

    /// Makes a room, and gives its id.
    pub async fn make_room(&self, client: &Client, kind: v1::RoomKind, name: &str) -> String {
        let asked = v1::MakeRoomRequest {
            kind: kind.into(),
            name: name.into(),
            topic: String::new(),
        };
        let made: v1::RoomResponse = self.ask(client, "make-room", &asked).await.unwrap();
        made.room.unwrap().id
    }

    /// Brings people into a room.
    pub async fn invite(&self, client: &Client, room_id: &str, uids: &[&str]) {
        let asked = v1::InviteRequest {
            room_id: room_id.into(),
            uids: uids.iter().map(ToString::to_string).collect(),
        };
        let _: v1::RoomResponse = self.ask(client, "invite", &asked).await.unwrap();
    }

    /// Sends somebody away from a room.
    pub async fn remove(&self, client: &Client, room_id: &str, uid: &str) {
        let asked = v1::RemoveRequest {
            room_id: room_id.into(),
            uid: uid.into(),
        };
        let _: v1::RoomResponse = self.ask(client, "remove", &asked).await.unwrap();
    }

    pub async fn post(
        &self,
        client: &Client,
        room_id: &str,
        text: &str,
    ) -> Result<v1::PostResponse, v1::Failure> {
        let request = v1::PostRequest {
            room_id: room_id.into(),
            ulid: ulid(),
            text: text.into(),
        };
        self.ask(client, "post", &request).await
    }
}

/// What a reply says: ADR-32's header tells a failure.
pub fn answer<A: prost::Message + Default>(reply: Message) -> Result<A, v1::Failure> {
    match failure_in(&reply) {
        Some(failure) => Err(failure),
        None => Ok(A::decode(reply.payload).unwrap()),
    }
}

/// Why it is none.
pub fn failure_in(reply: &Message) -> Option<v1::Failure> {
    reply.headers.last("Nats-Service-Error-Code")?;
    Some(v1::Failure::decode(reply.payload.clone()).unwrap())
}

/// The link that a page shows, once.
pub fn link_in(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"link\"").expect("a link");
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// The token of the session that an answer begins.
pub fn session_of(response: &Response) -> Option<String> {
    let cookie = cookie_of(response)?;
    cookie.split_once('=').map(|(_, token)| token.to_owned())
}

/// Its whole cookie.
pub fn cookie_of(response: &Response) -> Option<String> {
    let cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let mut pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs
        .find(|pair| pair.starts_with("natter_session_"))
        .map(str::to_owned)
}

pub fn ulid() -> String {
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    Ulid::new(1_700_000_000_000, random).to_string()
}
