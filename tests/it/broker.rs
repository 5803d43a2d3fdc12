//! The embedded broker, against a real nats-server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use futures::{SinkExt as _, StreamExt as _};
use natter::server::broker::{
    AuthRequest, BrokerKeys, BrokerState, CALLOUT_SUBJECT, EmbeddedBroker, EmbeddedOptions,
    Permissions, SERVER_XKEY_HEADER, SESSION_COOKIE_UPSTREAM, ServiceUser, SyncInterval,
    UserLimits, connections_of, kick, locate,
};
use nkeys::KeyPair;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest as _};

const ORIGIN: &str = "https://chat.example.org";
const SOON: Duration = Duration::from_secs(10);
/// Long enough for a message to arrive that should not.
const A_MOMENT: Duration = Duration::from_millis(150);

/// A broker in a folder of its own.
struct Started {
    folder: TempDir,
    keys: BrokerKeys,
    broker: EmbeddedBroker,
}

impl Started {
    async fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap()).await
    }

    async fn within(folder: TempDir) -> Self {
        let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
        let broker = EmbeddedBroker::start(options(folder.path()).await, &keys)
            .await
            .unwrap();
        Self {
            folder,
            keys,
            broker,
        }
    }

    async fn as_service(&self, who: ServiceUser) -> Client {
        let options = self.keys.user(who).unwrap().connect_options().unwrap();
        self.connect(options).await.unwrap()
    }

    async fn connect(&self, options: ConnectOptions) -> Result<Client, async_nats::ConnectError> {
        options.connect(self.broker.client_url()).await
    }

    /// Answers the callout: the sessions (by token) and credentials (by name) that are listed
    /// are let in with their rights, under the name `<token or name>.session`.
    async fn answer_callout(&self, known: &[(&str, Permissions)]) {
        let known: HashMap<String, Permissions> = known
            .iter()
            .map(|(who, rights)| ((*who).to_owned(), rights.clone()))
            .collect();
        let keys = BrokerKeys::load(&self.folder.path().join("keys")).unwrap();
        let client = self.as_service(ServiceUser::Callout).await;
        let mut questions = client.subscribe(CALLOUT_SUBJECT).await.unwrap();
        client.flush().await.unwrap();
        tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let header = question.headers.as_ref().and_then(|headers| {
                    headers
                        .get(SERVER_XKEY_HEADER)
                        .map(|value| value.as_str().to_owned())
                });
                assert!(header.is_some(), "the question is sealed");
                let request =
                    AuthRequest::open(&question.payload, header.as_deref(), &keys).unwrap();
                let who = match request.credential(&keys) {
                    Ok(Some(credential)) => Some(credential.name),
                    Ok(None) => request.auth_token.clone(),
                    Err(_) => None,
                };
                let answer = match who.as_ref().and_then(|who| Some((who, known.get(who)?))) {
                    Some((who, rights)) => {
                        let name = format!("{who}.session");
                        let limits = UserLimits::default();
                        let jwt = keys
                            .sign_chat_user(&request.user_nkey, &name, rights, &limits, 0)
                            .unwrap();
                        request.allow(&keys, &jwt)
                    }
                    None => request.refuse(&keys, "unknown"),
                };
                let reply = question.reply.unwrap();
                client.publish(reply, answer.unwrap().into()).await.unwrap();
            }
        });
    }
}

async fn options(data_dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions {
        data_dir: data_dir.to_owned(),
        nats_server: locate(None).await.unwrap(),
        nats_port: None,
        ws_port: None,
        sync_interval: SyncInterval::Every(Duration::from_secs(1)),
        max_store: None,
        allowed_origins: vec![ORIGIN.to_owned()],
    }
}

fn rights(publish: &[&str], subscribe: &[&str]) -> Permissions {
    let list = |subjects: &[&str]| subjects.iter().map(|&subject| subject.to_owned()).collect();
    Permissions {
        publish_allow: list(publish),
        subscribe_allow: list(subscribe),
    }
}

fn token(token: &str) -> ConnectOptions {
    ConnectOptions::with_token(token.to_owned())
}

fn runs(pid: u32) -> bool {
    // Empty for one that has ended and was not waited for yet.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

async fn ends(pid: u32) {
    let gone = async {
        while runs(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, gone)
        .await
        .expect("the process ends");
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

async fn next(messages: &mut async_nats::Subscriber) -> String {
    let message = tokio::time::timeout(SOON, messages.next()).await;
    String::from_utf8(message.unwrap().unwrap().payload.to_vec()).unwrap()
}

async fn nothing(messages: &mut async_nats::Subscriber) -> bool {
    tokio::time::timeout(A_MOMENT, messages.next())
        .await
        .is_err()
}

#[tokio::test]
async fn the_first_start_keeps_its_secrets_to_itself() {
    let started = Started::new().await;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let keys = started.folder.path().join("keys");
    assert_eq!(mode(keys.clone()), 0o700);
    let files: Vec<_> = std::fs::read_dir(&keys)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(files.len() >= 11, "{files:?}");
    for file in files {
        assert_eq!(mode(file.path()), 0o600, "{file:?}");
    }
    assert_eq!(mode(started.folder.path().join("nats/nats.conf")), 0o600);
    assert_eq!(mode(started.folder.path().join("nats")), 0o700);
}

#[tokio::test]
async fn a_folder_may_have_any_name() {
    let mut name = tempfile::Builder::new();
    let folder = name.prefix("$HOME \"it's\" # {a}\\x41;\n").tempdir();
    let started = Started::within(folder.unwrap()).await;
    let client = started.as_service(ServiceUser::Chat).await;
    store(&client, "one").await;
    assert!(started.folder.path().join("nats/jetstream").is_dir());
}

#[tokio::test]
async fn it_runs_without_the_operators_seed_and_keeps_what_was_stored() {
    let started = Started::new().await;
    let client = started.as_service(ServiceUser::Chat).await;
    store(&client, "one").await;
    started.broker.shutdown().await;

    let keys = started.folder.path().join("keys");
    std::fs::remove_file(keys.join("operator.nk")).unwrap();
    let keys = BrokerKeys::load_or_create(&keys).unwrap();
    let broker = EmbeddedBroker::start(options(started.folder.path()).await, &keys)
        .await
        .unwrap();
    let again = Started {
        folder: started.folder,
        keys,
        broker,
    };
    let client = again.as_service(ServiceUser::Chat).await;
    assert_eq!(stored(&client).await, "one");
}

async fn store(client: &Client, text: &str) {
    let jetstream = async_nats::jetstream::new(client.clone());
    let config = async_nats::jetstream::stream::Config {
        name: "LOG".to_owned(),
        subjects: vec!["log.>".to_owned()],
        ..Default::default()
    };
    jetstream.get_or_create_stream(config).await.unwrap();
    let ack = jetstream
        .publish("log.a", text.to_owned().into())
        .await
        .unwrap();
    ack.await.unwrap();
}

async fn stored(client: &Client) -> String {
    let jetstream = async_nats::jetstream::new(client.clone());
    let log = jetstream.get_stream("LOG").await.unwrap();
    let message = log.get_last_raw_message_by_subject("log.a").await.unwrap();
    String::from_utf8(message.payload.to_vec()).unwrap()
}

#[tokio::test]
async fn a_session_becomes_a_user_of_chat_with_its_rights_and_no_more() {
    let started = Started::new().await;
    started
        .answer_callout(&[("ada", rights(&["mine"], &["news"]))])
        .await;
    let natter = started.as_service(ServiceUser::Chat).await;
    let mut mine = natter.subscribe("mine").await.unwrap();
    let mut other = natter.subscribe("other").await.unwrap();
    natter.flush().await.unwrap();

    let ada = started.connect(token("ada")).await.unwrap();
    let mut news = ada.subscribe("news").await.unwrap();
    let mut secrets = ada.subscribe("secrets").await.unwrap();
    ada.publish("other", "no".into()).await.unwrap();
    ada.publish("mine", "yes".into()).await.unwrap();
    ada.flush().await.unwrap();
    assert_eq!(next(&mut mine).await, "yes");
    assert!(nothing(&mut other).await);

    natter.publish("secrets", "no".into()).await.unwrap();
    natter.publish("news", "yes".into()).await.unwrap();
    natter.flush().await.unwrap();
    assert_eq!(next(&mut news).await, "yes");
    assert!(nothing(&mut secrets).await);
}

#[tokio::test]
async fn an_unknown_session_is_refused() {
    let started = Started::new().await;
    started
        .answer_callout(&[("ada", rights(&["mine"], &[]))])
        .await;
    for wrong in ["eve", ""] {
        let error = started.connect(token(wrong)).await.unwrap_err();
        let kind = error.kind();
        assert_eq!(
            kind,
            async_nats::ConnectErrorKind::AuthorizationViolation,
            "{error}"
        );
    }
}

#[tokio::test]
async fn no_rights_are_none_and_not_all() {
    let started = Started::new().await;
    started
        .answer_callout(&[("nobody", Permissions::default())])
        .await;
    let natter = started.as_service(ServiceUser::Chat).await;
    let mut heard = natter.subscribe("anything").await.unwrap();
    natter.flush().await.unwrap();

    let nobody = started.connect(token("nobody")).await.unwrap();
    let mut everything = nobody.subscribe(">").await.unwrap();
    nobody.publish("anything", "hello".into()).await.unwrap();
    nobody.flush().await.unwrap();
    assert!(nothing(&mut heard).await);
    natter.publish("anything", "hello".into()).await.unwrap();
    natter.flush().await.unwrap();
    assert!(nothing(&mut everything).await);
}

#[tokio::test]
async fn credentials_are_worth_what_the_callout_says() {
    let started = Started::new().await;
    started
        .answer_callout(&[("bot", rights(&["mine"], &[]))])
        .await;
    let natter = started.as_service(ServiceUser::Chat).await;
    let mut mine = natter.subscribe("mine").await.unwrap();
    natter.flush().await.unwrap();

    let bot = started.keys.sign_terminal_user("bot").unwrap();
    let file = ConnectOptions::with_credentials(&bot.to_creds_file()).unwrap();
    let client = started.connect(file).await.unwrap();
    client.publish("mine", "hello".into()).await.unwrap();
    assert_eq!(next(&mut mine).await, "hello");

    let forgotten = started.keys.sign_terminal_user("forgotten").unwrap();
    let refused = started.connect(forgotten.connect_options().unwrap()).await;
    assert!(refused.is_err());

    // The JWT of a credential is no secret: without its key it is worth nothing.
    let foreign = KeyPair::new_user().sign(b"a nonce").unwrap();
    let mut sockets = Vec::new();
    for signature in [None, Some(BASE64URL_NOPAD.encode(&foreign))] {
        let connect = serde_json::json!({ "verbose": false, "jwt": bot.jwt, "sig": signature });
        let hello = format!("CONNECT {connect}\r\nPUB mine 5\r\nhello\r\nPING\r\n");
        let mut socket = websocket(&started.broker, ORIGIN, "").await.unwrap();
        socket.send(Message::binary(hello)).await.unwrap();
        sockets.push(socket);
    }
    for mut socket in sockets {
        let answer = heard(&mut socket, "-ERR").await;
        assert!(!answer.contains("PONG"), "{answer}");
    }
    assert!(nothing(&mut mine).await);
}

#[tokio::test]
async fn a_client_may_sign_in_plain_base64() {
    let started = Started::new().await;
    started
        .answer_callout(&[("bot", rights(&["mine"], &[]))])
        .await;
    let bot = started.keys.sign_terminal_user("bot").unwrap();
    let key = KeyPair::from_seed(&bot.seed).unwrap();

    // As nats-py does.
    let mut socket = websocket(&started.broker, ORIGIN, "").await.unwrap();
    let info = heard(&mut socket, "\r\n").await;
    let info = info.strip_prefix("INFO ").unwrap();
    let info: serde_json::Value = serde_json::from_str(info).unwrap();
    let signature = key.sign(info["nonce"].as_str().unwrap().as_bytes());
    let signature = BASE64.encode(&signature.unwrap());
    let connect = serde_json::json!({ "verbose": false, "jwt": bot.jwt, "sig": signature });
    let hello = format!("CONNECT {connect}\r\nPING\r\n");
    socket.send(Message::binary(hello)).await.unwrap();
    heard(&mut socket, "PONG").await;
}

#[tokio::test]
async fn a_browsers_cookie_is_its_token() {
    let started = Started::new().await;
    started
        .answer_callout(&[("ada", rights(&["mine"], &[]))])
        .await;
    let natter = started.as_service(ServiceUser::Chat).await;
    let mut mine = natter.subscribe("mine").await.unwrap();
    natter.flush().await.unwrap();

    let mut socket = websocket(&started.broker, ORIGIN, "ada").await.unwrap();
    let hello = "CONNECT {\"verbose\":false}\r\nPUB mine 5\r\nhello\r\nPING\r\n";
    socket.send(Message::binary(hello)).await.unwrap();
    heard(&mut socket, "PONG").await;
    assert_eq!(next(&mut mine).await, "hello");

    let mut socket = websocket(&started.broker, ORIGIN, "eve").await.unwrap();
    socket.send(Message::binary(hello)).await.unwrap();
    heard(&mut socket, "Authorization Violation").await;

    let refused = websocket(&started.broker, "https://evil.example", "ada").await;
    assert!(
        matches!(&refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 403),
        "{refused:?}"
    );
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

async fn websocket(
    broker: &EmbeddedBroker,
    origin: &str,
    session: &str,
) -> Result<Socket, tungstenite::Error> {
    let address = broker.websocket_addr();
    let mut request = format!("ws://{address}/").into_client_request()?;
    let cookie = format!("{SESSION_COOKIE_UPSTREAM}={session}");
    request
        .headers_mut()
        .insert("Cookie", cookie.parse().unwrap());
    request
        .headers_mut()
        .insert("Origin", origin.parse().unwrap());
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// Everything that comes until `word` does.
async fn heard(socket: &mut Socket, word: &str) -> String {
    let mut all = String::new();
    let listen = async {
        while !all.contains(word) {
            let message = socket.next().await.expect("more to come").unwrap();
            all.push_str(&String::from_utf8_lossy(&message.into_data()));
        }
    };
    let in_time = tokio::time::timeout(SOON, listen).await.is_ok();
    assert!(in_time, "no {word} in {all}");
    all
}

#[tokio::test]
async fn a_second_broker_on_the_same_folder_is_refused() {
    let started = Started::new().await;
    let options = options(started.folder.path()).await;
    let error = EmbeddedBroker::start(options, &started.keys)
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("another natter uses the data folder"),
        "{error}"
    );
    assert!(error.contains(&std::process::id().to_string()), "{error}");
}

#[tokio::test]
async fn a_killed_server_comes_back_where_it_was_with_what_it_had() {
    let started = Started::new().await;
    let client = started.as_service(ServiceUser::Chat).await;
    store(&client, "one").await;
    let (pid, websocket) = (
        started.broker.pid().unwrap(),
        started.broker.websocket_addr(),
    );
    let mut state = started.broker.state();
    signal(pid, rustix::process::Signal::KILL);
    let restarting =
        state.wait_for(|state| matches!(state, BrokerState::Restarting { attempt: 1, .. }));
    tokio::time::timeout(SOON, restarting)
        .await
        .unwrap()
        .unwrap();
    let running = state.wait_for(|state| matches!(state, BrokerState::Running { .. }));
    tokio::time::timeout(SOON, running).await.unwrap().unwrap();
    assert_ne!(started.broker.pid(), Some(pid));
    tokio::net::TcpStream::connect(websocket).await.unwrap();
    // A client of before, which reconnects by itself.
    assert_eq!(stored(&client).await, "one");
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let usual = options(folder.path()).await;
    for (nats_port, ws_port, flag) in [(port, None, "--nats-port"), (None, port, "--nats-ws-port")]
    {
        let options = EmbeddedOptions {
            nats_port,
            ws_port,
            ..usual.clone()
        };
        let error = EmbeddedBroker::start(options, &keys).await.unwrap_err();
        assert!(error.to_string().contains(flag), "{error}");
    }
    // And a start that failed leaves nothing that stops the next.
    EmbeddedBroker::start(usual, &keys).await.unwrap();
}

#[tokio::test]
async fn ports_that_were_asked_for_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (nats, websocket) = (free(), free());
    let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    let (nats_port, ws_port) = (port(&nats), port(&websocket));
    drop((nats, websocket));
    let options = EmbeddedOptions {
        nats_port: Some(nats_port),
        ws_port: Some(ws_port),
        ..options(folder.path()).await
    };
    let broker = EmbeddedBroker::start(options, &keys).await.unwrap();
    assert_eq!(broker.client_url(), format!("nats://127.0.0.1:{nats_port}"));
    assert_eq!(broker.websocket_addr().port(), ws_port);
}

#[tokio::test]
async fn shutdown_leaves_no_process() {
    let started = Started::new().await;
    let pid = started.broker.pid().unwrap();
    started.broker.shutdown().await;
    assert!(!runs(pid));
    assert_eq!(started.broker.pid(), None);
    assert_eq!(*started.broker.state().borrow(), BrokerState::Stopped);
    started.broker.shutdown().await;
}

#[tokio::test]
async fn a_drop_ends_it_too() {
    let started = Started::new().await;
    let pid = started.broker.pid().unwrap();
    drop(started.broker);
    ends(pid).await;
}

#[tokio::test]
async fn what_is_no_server_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let keys = BrokerKeys::load_or_create(&folder.path().join("keys")).unwrap();
    let options = EmbeddedOptions {
        nats_server: "/bin/false".into(),
        ..options(folder.path()).await
    };
    let error = EmbeddedBroker::start(options, &keys).await.unwrap_err();
    assert!(error.to_string().contains("did not start"), "{error}");
    // Who is told so may try again at once.
    EmbeddedBroker::start(self::options(folder.path()).await, &keys)
        .await
        .unwrap();
}

#[tokio::test]
async fn ctrl_c_in_a_terminal_does_not_reach_it() {
    let started = Started::new().await;
    let pid = rustix::process::Pid::from_raw(started.broker.pid().unwrap().cast_signed());
    // The terminal signals its foreground group, which is natter's.
    let group = rustix::process::getpgid(pid).unwrap();
    assert_eq!(Some(group), pid);
    assert_ne!(group, rustix::process::getpgid(None).unwrap());
}

#[tokio::test]
async fn a_crash_is_told_by_how_it_began() {
    let started = Started::new().await;
    let mut state = started.broker.state();
    let pid = started.broker.pid().unwrap();
    // On which the Go runtime writes a page about every goroutine.
    signal(pid, rustix::process::Signal::ABORT);
    let told = state.wait_for(
        |state| matches!(state, BrokerState::Restarting { reason, .. } if reason.contains("SIGABRT")),
    );
    tokio::time::timeout(SOON, told).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_left_behind_is_stopped_first() {
    let started = Started::new().await;
    let data_dir = started.folder.path().to_owned();
    let EmbeddedOptions { nats_server, .. } = options(&data_dir).await;
    started.broker.shutdown().await;
    let config = data_dir.canonicalize().unwrap().join("nats/nats.conf");
    let mut orphan = tokio::process::Command::new(nats_server)
        .arg("-c")
        .arg(config)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = orphan.id().unwrap();
    let pid_file = data_dir.join("nats/nats.pid");
    let written = async {
        while std::fs::read_to_string(&pid_file).ok() != Some(pid.to_string()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, written).await.unwrap();

    let broker = EmbeddedBroker::start(options(&data_dir).await, &started.keys)
        .await
        .unwrap();
    assert_ne!(broker.pid(), Some(pid));
    tokio::time::timeout(SOON, orphan.wait())
        .await
        .unwrap()
        .unwrap();
}

/// The name of the folder for [`a_natter_to_kill`], which runs in a process of its own.
const FOLDER_OF_ONE_TO_KILL: &str = "NATTER_TEST_FOLDER_OF_ONE_TO_KILL";

#[tokio::test]
#[ignore = "started by the_server_dies_with_a_killed_natter"]
async fn a_natter_to_kill() {
    let Some(folder) = std::env::var_os(FOLDER_OF_ONE_TO_KILL).map(PathBuf::from) else {
        return;
    };
    let keys = BrokerKeys::load_or_create(&folder.join("keys")).unwrap();
    let broker = EmbeddedBroker::start(options(&folder).await, &keys)
        .await
        .unwrap();
    std::fs::write(folder.join("ready"), broker.pid().unwrap().to_string()).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_server_dies_with_a_killed_natter() {
    let folder = tempfile::tempdir().unwrap();
    let name = concat!(module_path!(), "::a_natter_to_kill");
    let (_crate, name) = name.split_once("::").unwrap();
    let mut natter = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored"])
        .env(FOLDER_OF_ONE_TO_KILL, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ready = async {
        loop {
            let pid = std::fs::read_to_string(folder.path().join("ready"));
            if let Some(pid) = pid.ok().and_then(|pid| pid.parse().ok()) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let pid: u32 = tokio::time::timeout(SOON, ready).await.unwrap();
    assert!(runs(pid));
    natter.kill().await.unwrap();
    ends(pid).await;
}

#[tokio::test]
async fn a_kick_ends_a_live_connection() {
    let started = Started::new().await;
    let some = rights(&["mine"], &[]);
    started
        .answer_callout(&[("ada", some.clone()), ("bob", some)])
        .await;
    let system = started.as_service(ServiceUser::System).await;
    let (event, mut events) = tokio::sync::mpsc::unbounded_channel();
    let options = token("ada").event_callback(move |happened| {
        let _ = event.send(happened);
        std::future::ready(())
    });
    let _ada = started.connect(options).await.unwrap();
    let _bob = started.connect(token("bob")).await.unwrap();

    let of_ada = connections_of(&system, &["ada.session"]).await.unwrap();
    let [(server, cid)] = &of_ada[..] else {
        panic!("one connection: {of_ada:?}");
    };
    let of_bob = connections_of(&system, &["bob.session"]).await.unwrap();
    assert_eq!(connections_of(&system, &["eve.session"]).await.unwrap(), []);

    kick(&system, server, *cid).await.unwrap();
    let disconnected = async {
        while let Some(event) = events.recv().await {
            if matches!(event, async_nats::Event::Disconnected) {
                return;
            }
        }
        panic!("no word of it");
    };
    tokio::time::timeout(SOON, disconnected).await.unwrap();
    let of_ada = connections_of(&system, &["ada.session"]).await.unwrap();
    assert!(!of_ada.contains(&(server.clone(), *cid)), "{of_ada:?}");
    assert_eq!(
        connections_of(&system, &["bob.session"]).await.unwrap(),
        of_bob
    );
    // It is gone already: that is what was wanted.
    kick(&system, server, *cid).await.unwrap();
}
