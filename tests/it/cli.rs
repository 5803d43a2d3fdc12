//! The terminal clients: what they print, where, and with what they end.

use std::process::{Output, Stdio};

use futures::StreamExt as _;
use natter::nats::{Client, ConnectOptions, Outgoing};
use natter::wire::v1::{Failure, FailureKind};
use prost::Message as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::plain_nats::Broker;
use crate::support::{Natter, Person, SOON};

/// A terminal with its servers.
struct Terminal {
    servers: String,
    creds: Option<String>,
}

impl Terminal {
    fn at(broker: &Broker) -> Self {
        Self {
            servers: broker.nats.clone(),
            creds: None,
        }
    }

    /// Of somebody with an account.
    async fn of(natter: &Natter, uid: &str) -> Self {
        Person::sign_up(natter, uid).await;
        let file = natter.folder.path().join(format!("{uid}.creds"));
        let file = file.to_str().unwrap().to_owned();
        natter.make_creds(&[uid, "--out", &file]).await;
        Self {
            servers: natter.server.broker().unwrap().client_url(),
            creds: Some(file),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natter"));
        command.args(arguments).args(["--servers", &self.servers]);
        if let Some(creds) = &self.creds {
            command.args(["--creds", creds]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "").await
    }

    async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // Who does not read it may have ended.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = timeout(2 * SOON, child.wait_with_output()).await;
        Ended::from(output.expect("it ends").unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        Running {
            out: BufReader::new(child.stdout.take().unwrap()).lines(),
            err: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }
}

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Running {
    async fn says(&mut self) -> String {
        line(&mut self.out).await
    }

    async fn tells(&mut self) -> String {
        line(&mut self.err).await
    }

    fn interrupt(&self) {
        let pid = self.child.id().unwrap();
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    async fn ends(mut self) -> Ended {
        let status = timeout(2 * SOON, self.child.wait()).await.expect("it ends");
        let mut ended = Ended {
            code: status.unwrap().code(),
            out: String::new(),
            err: String::new(),
        };
        while let Some(line) = self.out.next_line().await.unwrap() {
            ended.out += &(line + "\n");
        }
        while let Some(line) = self.err.next_line().await.unwrap() {
            ended.err += &(line + "\n");
        }
        ended
    }
}

async fn line<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    let line = timeout(2 * SOON, lines.next_line()).await;
    line.expect("a line in time").unwrap().expect("a line")
}

async fn client(broker: &Broker) -> Client {
    let client = Client::connect(ConnectOptions {
        servers: vec![broker.nats.parse().unwrap()],
        ..ConnectOptions::default()
    });
    client.connected().await.unwrap();
    client
}

#[tokio::test]
async fn what_one_publishes_the_other_prints() {
    let broker = Broker::start().await;
    let terminal = Terminal::at(&broker);
    let mut sub = terminal.start(&["sub"]);
    assert_eq!(sub.says().await, "Listening on [hello]");
    let published = terminal.run(&["pub"]).await;
    assert_eq!(published.code, Some(0));
    assert_eq!(published.out, "Published on [hello]: 'hello world'\n");
    assert_eq!(sub.says().await, "Received on [hello]: 'hello world'");
    for arguments in [
        &["pub", "hello", "good morning"][..],
        &["pub", "hello", "good morning", "-d", "not this"],
        &["pub", "-d", "good morning"],
    ] {
        terminal.run(arguments).await;
        assert_eq!(sub.says().await, "Received on [hello]: 'good morning'");
    }
    terminal
        .run_with(&["pub", "hello", "-"], "a\u{1b}[2J\nb")
        .await;
    assert_eq!(sub.says().await, "Received on [hello]: 'a\\u{1b}[2J\\nb'");
    terminal.run(&["pub", "hello", "bare", "--raw"]).await;
    assert_eq!(
        sub.says().await,
        "Received on [hello]: 'bare' (not an EchoRequest)"
    );
    sub.interrupt();
    let ended = sub.ends().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn json_is_one_object_a_line_and_raw_is_the_bytes() {
    let broker = Broker::start().await;
    // Over the WebSocket listener as well.
    let terminal = Terminal {
        servers: broker.ws.clone(),
        creds: None,
    };
    let mut sub = terminal.start(&["sub", "hello.>", "--json", "--raw", "--count", "2"]);
    assert_eq!(
        sub.says().await,
        r#"{"event":"listening","subject":"hello.>"}"#
    );
    terminal
        .run(&["pub", "hello.x", "{\"n\":1}", "--raw"])
        .await;
    let said: serde_json::Value = serde_json::from_str(&sub.says().await).unwrap();
    assert_eq!(
        (&said["event"], &said["data"]),
        (&"received".into(), &"{\"n\":1}".into())
    );
    terminal.run(&["pub", "hello.x", "x"]).await;
    sub.says().await;
    assert_eq!(sub.ends().await.code, Some(0), "after two");
}

#[tokio::test]
async fn every_end_has_its_exit_code() {
    let broker = Broker::start_with("authorization { token: secret }").await;
    let stranger = Terminal {
        servers: broker.nats.clone(),
        creds: None,
    };
    let refused = stranger.run(&["pub"]).await;
    assert_eq!(refused.code, Some(5), "{}", refused.err);
    assert!(refused.err.contains("not authorised"), "{}", refused.err);
    let right = stranger.run(&["pub", "--token", "secret"]).await;
    assert_eq!(right.code, Some(0), "{}", right.err);
    let wrong = stranger.run(&["pub", "--token", "wrong"]).await;
    assert_eq!(wrong.code, Some(5), "{}", wrong.err);

    let open = Broker::start().await;
    let terminal = Terminal::at(&open);
    let nobody = terminal.run(&["request", "nobody.there"]).await;
    assert_eq!(nobody.code, Some(4), "{}", nobody.err);
    assert_eq!(nobody.err, "natter: nobody answers on [nobody.there]\n");
    let listener = client(&open).await;
    let _silent = listener.subscribe("silent").await.unwrap();
    listener.flush().await.unwrap();
    let late = terminal
        .run(&["request", "silent", "--timeout", "100ms"])
        .await;
    assert_eq!(late.code, Some(3), "{}", late.err);
    for usage in [
        &["request", "x", "--timeout", "soon"][..],
        &["pub", "--servers", "http://x"],
        &["sub", "--count", "0"],
        &["ping"],
        &["nonsense"],
    ] {
        assert_eq!(terminal.run(usage).await.code, Some(2), "{usage:?}");
    }
    let bad = terminal.run(&["pub", "two words"]).await;
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    let nothing = Terminal {
        servers: "nats://127.0.0.1:1".into(),
        creds: None,
    };
    let nothing = nothing.run(&["sub"]).await;
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.err.contains("127.0.0.1:1"), "{}", nothing.err);
    let no_file = terminal.run(&["pub", "--creds", "/no/such.creds"]).await;
    assert_eq!(no_file.code, Some(1));
    assert!(no_file.err.contains("/no/such.creds"), "{}", no_file.err);
}

#[tokio::test]
async fn a_request_has_its_answer() {
    let natter = Natter::start().await;
    let ada = Terminal::of(&natter, "ada").await;
    let answered = ada.run(&["request", "ada.echo", "are you there?"]).await;
    assert_eq!(answered.code, Some(0), "{}", answered.err);
    assert_eq!(
        answered.out,
        "Requested on [ada.echo]: 'are you there?'\nGot a response: 'are you there?'\n"
    );
    let who = ada
        .run(&["request", "ada.echo.identified", "me", "--json"])
        .await;
    assert!(who.out.contains(r#""data":"ada: me""#), "{}", who.out);
    let malformed = ada.run(&["request", "ada.echo", "\u{7}", "--raw"]).await;
    assert_eq!(malformed.code, Some(1));
    assert!(
        malformed.err.contains("echo.EchoRequest"),
        "{}",
        malformed.err
    );
    for denied in [
        &["request", "ben.echo"][..],
        &["pub", "natter.log.open.x"],
        &["sub", "natter.log.>"],
        &["sub", "_INBOX.>"],
    ] {
        let denied_at_once = ada.run(denied).await;
        assert_eq!(
            denied_at_once.code,
            Some(5),
            "{denied:?}: {}",
            denied_at_once.err
        );
        assert_eq!(
            denied_at_once
                .out
                .lines()
                .filter(|l| !l.starts_with("Requested"))
                .count(),
            0
        );
    }
}

#[tokio::test]
async fn what_others_say_does_nothing_to_a_terminal() {
    let broker = Broker::start().await;
    let terminal = Terminal::at(&broker);
    let hostile = "a\u{7f}b\u{9b}31mc\u{1b}[2Jd\u{85}e";
    let obeyed = |c: char| c.is_control() && c != '\n';
    let other = client(&broker).await;
    let mut asked = other.subscribe("asked.*").await.unwrap();
    other.flush().await.unwrap();
    let answers = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let mut answer = Outgoing {
                subject: message.reply_str().unwrap().to_owned(),
                payload: hostile.into(),
                ..Outgoing::default()
            };
            if message.subject.as_str() == "asked.refused" {
                answer
                    .headers
                    .append("Nats-Service-Error-Code", "403")
                    .unwrap();
                let failure = Failure {
                    kind: FailureKind::Forbidden.into(),
                    reason: hostile.into(),
                    ..Failure::default()
                };
                answer.payload = failure.encode_to_vec().into();
            }
            other.publish_message(answer).await.unwrap();
        }
    });
    for arguments in [
        &["request", "asked.x", "--raw"][..],
        &["request", "asked.x", "--raw", "--json"],
        &["request", "asked.refused", "--raw"],
    ] {
        let ended = terminal.run(arguments).await;
        let printed = format!("{}{}", ended.out, ended.err);
        assert!(printed.contains("31mc"), "{arguments:?}: {printed:?}");
        assert!(!printed.contains(obeyed), "{arguments:?}: {printed:?}");
    }
    answers.abort();
    for arguments in [
        &["sub", "--raw", "--json"][..],
        &["sub", "--raw"],
        &["sub", "--json"],
        &["sub"],
    ] {
        let mut sub = terminal.start(&[arguments, &["--count", "1"]].concat());
        sub.says().await;
        let flags = arguments.contains(&"--raw").then_some("--raw");
        let published = ["pub", "hello", "-"].into_iter().chain(flags);
        let published: Vec<_> = published.collect();
        let published = terminal.run_with(&published, hostile).await;
        assert!(!published.out.contains(obeyed), "{:?}", published.out);
        let line = sub.says().await;
        assert!(
            line.contains("31mc") && !line.contains(obeyed),
            "{arguments:?}: {line:?}"
        );
    }
}

#[tokio::test]
async fn a_listener_lives_through_a_restart_of_the_broker() {
    let mut broker = Broker::start().await;
    let terminal = Terminal::at(&broker);
    let mut sub = terminal.start(&["sub"]);
    sub.says().await;
    broker.kill();
    let told = sub.tells().await;
    assert!(told.starts_with("Disconnected: "), "{told}");
    broker.start_again().await;
    let told = sub.tells().await;
    assert!(told.starts_with("Reconnected to "), "{told}");
    client(&broker).await.round_trip().await.unwrap();
    terminal.run(&["pub", "hello", "again"]).await;
    assert_eq!(sub.says().await, "Received on [hello]: 'again'");
    sub.interrupt();
    assert_eq!(sub.ends().await.code, Some(0));
}

#[tokio::test]
async fn who_has_read_enough_may_close_the_pipe() {
    let natter = Natter::start().await;
    let ada = Terminal::of(&natter, "ada").await;
    let ben = Terminal::of(&natter, "ben").await;
    for (listen, speak) in [
        (&["sub"][..], &["pub"][..]),
        (&["pong"], &["ping", "--destination", "ben", "--count", "1"]),
    ] {
        let mut running = ben.start(listen);
        running.says().await;
        let Running { mut child, out, .. } = running;
        drop(out);
        ada.run(speak).await;
        let status = timeout(2 * SOON, child.wait()).await.expect("it ends");
        assert_eq!(status.unwrap().code(), Some(0), "{listen:?}");
    }
}

#[tokio::test]
async fn of_a_group_one_gets_each_message() {
    let broker = Broker::start().await;
    let terminal = Terminal::at(&broker);
    let mut group = [(); 2].map(|()| terminal.start(&["sub", "--queue", "workers"]));
    for one in &mut group {
        one.says().await;
    }
    for n in 0..10 {
        terminal.run(&["pub", "hello", &n.to_string()]).await;
    }
    let mut got = 0;
    for one in group {
        one.interrupt();
        got += one.ends().await.out.lines().count();
    }
    assert_eq!(got, 10);
}

#[tokio::test]
async fn ping_and_pong_play_through_natter() {
    let natter = Natter::start().await;
    let ada = Terminal::of(&natter, "ada").await;
    let ben = Terminal::of(&natter, "ben").await;
    // Two who answer do not answer each other.
    let mut bens = ben.start(&["pong"]);
    let mut adas = ada.start(&["pong"]);
    assert_eq!(bens.says().await, "Listening on [ben.ping]");
    assert_eq!(adas.says().await, "Listening on [ada.ping]");

    let played = ada
        .run(&[
            "ping",
            "--destination",
            "ben",
            "--count",
            "3",
            "--interval",
            "50ms",
        ])
        .await;
    assert_eq!(played.code, Some(0), "{}", played.err);
    let lines: Vec<_> = played.out.lines().collect();
    assert_eq!(lines[0], "Pinging ben as ada");
    for (n, line) in lines[1..4].iter().enumerate() {
        let start = format!("pong from ben: seq={} time=", n + 1);
        assert!(line.starts_with(&start) && line.ends_with(" ms"), "{line}");
    }
    assert_eq!(lines[4], "--- ben ping statistics ---");
    assert_eq!(lines[5], "3 sent, 3 received, 0% lost");
    assert!(lines[6].starts_with("round trip min/avg/max/mdev = "));
    bens.interrupt();
    adas.interrupt();
    let (bens, adas) = (bens.ends().await, adas.ends().await);
    assert_eq!((bens.code, adas.code), (Some(0), Some(0)));
    assert_eq!(bens.out.lines().count(), 3, "{}", bens.out);
    assert_eq!(adas.out, "", "what answers is not answered");
}

#[tokio::test]
async fn a_ping_that_finds_nobody_says_so() {
    let natter = Natter::start().await;
    let ada = Terminal::of(&natter, "ada").await;
    let ping = [
        "ping",
        "--count",
        "1",
        "--timeout",
        "200ms",
        "--destination",
    ];
    let silent = ada.run(&[&ping[..], &["cleo"]].concat()).await;
    assert_eq!(silent.code, Some(3), "{}", silent.err);
    assert!(silent.out.contains("no answer to seq=1 in time\n"));
    assert!(silent.out.contains("1 sent, 0 received, 100% lost\n"));
    let oneself = ada.run(&[&ping[..], &["ada"]].concat()).await;
    assert_eq!(oneself.code, Some(1));
    assert!(oneself.err.contains("with themselves"), "{}", oneself.err);
    let forged = ada
        .run(&[&ping[..], &["ben", "--origin", "ben"]].concat())
        .await;
    assert_eq!(forged.code, Some(5), "{}", forged.err);

    let broker = Broker::start().await;
    let without = Terminal::at(&broker);
    let nobody = without
        .run(&[&ping[..], &["ben", "--origin", "ada"]].concat())
        .await;
    assert_eq!(nobody.code, Some(4), "{}", nobody.err);
}

#[tokio::test]
async fn help_tells_examples_and_exit_codes() {
    for command in [
        "creds", "say", "tail", "pub", "sub", "request", "ping", "pong",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_natter"))
            .args([command, "--help"])
            .output()
            .await
            .unwrap();
        let help = Ended::from(output);
        assert_eq!(help.code, Some(0));
        for part in ["Usage: natter", "Examples:", "Exit codes: 0"] {
            assert!(help.out.contains(part), "{command}: {part}\n{}", help.out);
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_natter"))
        .args(["completions", "bash"])
        .output();
    assert!(Ended::from(output.await.unwrap()).out.contains("request"));
}

#[tokio::test]
async fn what_is_no_address_is_told_what_one_looks_like() {
    for arguments in [
        &["serve", "--addr", "3000"][..],
        &["serve", "--addr", "http://localhost:3000"],
        &[
            "serve",
            "--nats",
            "x",
            "--keys",
            "x",
            "--nats-ws",
            "localhost",
        ],
        &["nats-config", "--listen", ":4222"],
    ] {
        let natter = tokio::process::Command::new(env!("CARGO_BIN_EXE_natter"))
            .args(arguments)
            .output();
        let output = natter.await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains("localhost:3000"), "{arguments:?}: {told}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_command_whose_server_says_nothing() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    for arguments in [&["sub"][..], &["pong"], &["ping", "--destination", "ada"]] {
        let terminal = Terminal {
            servers: format!("nats://{address}"),
            creds: None,
        };
        let listening = terminal.start(arguments);
        let _connection = timeout(2 * SOON, silent.accept()).await.unwrap();
        listening.interrupt();
        // It gives up by itself after a while, with another code.
        assert_eq!(listening.ends().await.code, Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn an_empty_variable_counts_as_unset() {
    let broker = Broker::start().await;
    let mut command = Terminal::at(&broker).command(&["pub", "hello", "hello world"]);
    command.env("NATTER_CREDS", "").env("NATTER_TOKEN", "");
    let output = timeout(2 * SOON, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_natter"));
    command
        .args(["serve", "--data", "/dev/null"])
        .kill_on_drop(true);
    command.env("NATTER_ADDR", "").env("NATTER_NATS_PORT", "");
    let output = timeout(2 * SOON, command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "no wrong usage: {said}");
}
