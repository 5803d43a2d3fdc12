//! `natter` commands as their user runs them, at a running natter.

use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Natter, Person, SOON};

/// A natter with ada, and what her terminal needs.
pub struct Terminal {
    pub natter: Natter,
    pub creds: String,
}

impl Terminal {
    pub async fn of_ada() -> Self {
        let natter = Natter::start().await;
        Person::sign_up(&natter, "ada").await;
        let creds = natter.folder.path().join("ada.creds");
        let creds = creds.to_str().unwrap().to_owned();
        natter.make_creds(&["ada", "--out", &creds]).await;
        Self { natter, creds }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let broker = self.natter.server.broker().unwrap().client_url();
        self.command_at(&broker, arguments)
    }

    /// The same at another address of the broker.
    pub fn command_at(&self, broker: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natter"));
        command.args(arguments).kill_on_drop(true);
        command.args(["--creds", &self.creds, "--servers", broker]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        command
    }

    pub async fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(stdin.as_bytes()).await.unwrap();
        drop(input);
        timeout(4 * SOON, child.wait_with_output())
            .await
            .expect("it ends")
            .unwrap()
    }

    /// What it says, when all went well.
    pub async fn says(&self, arguments: &[&str], stdin: &str) -> String {
        let output = self.run(arguments, stdin).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub async fn texts(&self) -> Vec<String> {
        let printed = self
            .says(&["tail", "--room", "general", "-n", "500", "--json"], "")
            .await;
        printed.lines().map(text_of).collect()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.natter.server.broker().unwrap().pid().unwrap();
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

pub fn text_of(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["text"].as_str().unwrap().to_owned()
}

pub fn lines_of(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

pub async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(2 * SOON, lines.next_line()).await;
    line.expect("a line").unwrap().expect("a line")
}
