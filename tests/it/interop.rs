//! Programs in other languages, at a running natter: nats-py, and nats.js over WebSocket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use natter::server::Server;
use natter::wire::v1;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Natter, Person, SOON, options};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The two languages.
#[derive(Debug, Clone, Copy)]
enum Language {
    Python,
    JavaScript,
}

impl Language {
    /// The interpreter with a script of the project, over the transport that it is here for.
    fn command(self, script: &str) -> Command {
        let needed = match self {
            Self::Python => ".tools/python/nats",
            Self::JavaScript => "node_modules/@nats-io/nats-core",
        };
        assert!(
            Path::new(ROOT).join(needed).exists(),
            "{needed} is missing: `make test` installs it"
        );
        let mut command = match self {
            Self::Python => Command::new("python3"),
            Self::JavaScript => Command::new("node"),
        };
        let extension = match self {
            Self::Python => "py",
            Self::JavaScript => "mjs",
        };
        command
            .arg(Path::new(ROOT).join(format!("{script}.{extension}")))
            .env("PYTHONPATH", Path::new(ROOT).join(".tools/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    fn server(self, server: &Server) -> String {
        let broker = server.broker().unwrap();
        match self {
            Self::Python => broker.client_url(),
            Self::JavaScript => format!("ws://{}", broker.websocket_addr()),
        }
    }
}

async fn creds_of(natter: &Natter, uid: &str) -> PathBuf {
    let file = natter.folder.path().join(format!("{uid}.creds"));
    natter
        .make_creds(&[uid, "--out", file.to_str().unwrap()])
        .await;
    file
}

fn lines_of(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(3 * SOON, lines.next_line()).await;
    line.expect("a line in time").unwrap().expect("a line")
}

async fn speaks(language: Language) {
    let natter = Natter::start().await;
    for uid in ["ada", "ben"] {
        Person::sign_up(&natter, uid).await;
    }
    let (adas, bens) = (
        creds_of(&natter, "ada").await,
        creds_of(&natter, "ben").await,
    );
    let mut pong = Command::new(env!("CARGO_BIN_EXE_natter"))
        .args(["pong", "--creds", bens.to_str().unwrap(), "--servers"])
        .arg(natter.server.broker().unwrap().client_url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut pongs = lines_of(&mut pong);
    assert_eq!(line(&mut pongs).await, "Listening on [ben.ping]");

    let mut client = language.command("tests/interop/client");
    client
        .arg(language.server(&natter.server))
        .arg(adas)
        .args(["ada", "ben"]);
    let output = timeout(6 * SOON, client.output())
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let answer = match language {
        Language::Python => "True",
        Language::JavaScript => "true",
    };
    assert_eq!(
        said,
        format!("hello: hello world\necho: are you there?\nerror: 422\npong: ben ball {answer}\n")
    );
    assert!(output.status.success());
}

#[tokio::test]
async fn python_publishes_listens_asks_and_plays() {
    speaks(Language::Python).await;
}

#[tokio::test]
async fn javascript_publishes_listens_asks_and_plays() {
    speaks(Language::JavaScript).await;
}

/// The texts of general, as ada reads it.
async fn texts(ada: &Person, client: &natter::nats::Client) -> Vec<String> {
    let asked = v1::HistoryRequest {
        room: "general".into(),
        ..v1::HistoryRequest::default()
    };
    let answer: Result<v1::HistoryResponse, _> = ada.ask(client, "history", &asked).await;
    let events = answer.unwrap().view.unwrap().events;
    let bodies = events.into_iter().filter_map(|logged| logged.event?.body);
    bodies
        .filter_map(|body| match body {
            v1::event::Body::MessagePosted(posted) => Some(posted.text),
            _ => None,
        })
        .collect()
}

/// Mentions the bot, and waits until it has answered so many times.
async fn call(ada: &Person, client: &natter::nats::Client, room: &str, times: usize) {
    ada.post(client, room, "@robo, are you there?")
        .await
        .unwrap();
    let answered = async {
        loop {
            let texts = texts(ada, client).await;
            let answers = texts.iter().filter(|text| *text == "@ada, you called?");
            if answers.count() == times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(3 * SOON, answered).await.expect("the bot answers");
}

/// Listens, and tries until natter is there.
async fn reach(ada: &Person) -> natter::nats::Client {
    let client = ada.dial();
    timeout(3 * SOON, async {
        while client.connected().await.is_err() {}
    })
    .await
    .expect("ada is connected");
    client
}

async fn answers_mentions_for_ever(language: Language) {
    // On ports that it has again after a restart.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nats_port = free.local_addr().unwrap().port();
    let free_ws = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ws_port = free_ws.local_addr().unwrap().port();
    drop((free, free_ws));
    let natter = Natter::start_with(|options| {
        options.nats_port = nats_port;
        options.nats_ws_port = ws_port;
    })
    .await;
    let ada = Person::sign_up(&natter, "ada").await;
    Person::sign_up(&natter, "robo").await;
    let creds = creds_of(&natter, "robo").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "@robo before you were there")
        .await
        .unwrap();

    let script = match language {
        Language::Python => "examples/bots/mention_bot",
        Language::JavaScript => "examples/bots/mention-bot",
    };
    let mut bot = language.command(script);
    bot.arg("--servers").arg(language.server(&natter.server));
    bot.arg("--creds").arg(&creds).args(["--room", "general"]);
    let mut bot = bot.spawn().unwrap();
    let mut bots = lines_of(&mut bot);
    assert_eq!(line(&mut bots).await, "robo listens in general");
    call(&ada, &client, &room, 1).await;
    ada.post(&client, &room, "not to @robot, nor to robo")
        .await
        .unwrap();

    // The broker dies.
    let pid = natter.server.broker().unwrap().pid().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let client = reach(&ada).await;
    call(&ada, &client, &room, 2).await;

    // Broker and natter end together, and come back: until the callout is up, everybody is refused.
    let Natter { server, folder } = natter;
    server.stop().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut options = options(folder.path().into());
    options.nats_port = nats_port;
    options.nats_ws_port = ws_port;
    let server = Server::start(options).await.unwrap();
    assert!(server.is_ready_within(SOON).await);
    let ada = ada.at(server.addr());
    let client = reach(&ada).await;
    call(&ada, &client, &room, 3).await;
    assert!(bot.try_wait().unwrap().is_none(), "the bot goes on");
    server.stop().await;
}

#[tokio::test]
async fn a_bot_in_python_answers_mentions_for_ever() {
    answers_mentions_for_ever(Language::Python).await;
}

#[tokio::test]
async fn a_bot_in_javascript_answers_mentions_for_ever() {
    answers_mentions_for_ever(Language::JavaScript).await;
}
