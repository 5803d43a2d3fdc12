//! `natter serve` as a separate process, with its output.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::{SOON, nats_server};

/// A natter in a process of its own.
pub struct Process {
    pub folder: TempDir,
    pub addr: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it in a folder, after what `shell` does to the process: `ulimit`, `umask`.
    pub async fn start(folder: TempDir, shell: &str, arguments: &[&str]) -> Self {
        let site = folder.path().join("site");
        std::fs::create_dir_all(site.join("pkg")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = port.local_addr().unwrap();
        drop(port);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_natter"))
            .args(["serve", "--signup", "open", "--nats-port", "0"])
            .args(["--nats-ws-port", "0", "--addr", &addr.to_string()])
            .arg("--data")
            .arg(folder.path())
            .args(arguments)
            .env("LEPTOS_SITE_ROOT", &site)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(nats_server) = nats_server() {
            command.arg("--nats-server").arg(nats_server);
        }
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_ready = async {
            while let Some(line) = told.next_line().await.unwrap() {
                if line.starts_with("Natter is ready: ") {
                    return true;
                }
            }
            false
        };
        let is_ready = timeout(3 * SOON, is_ready).await;
        assert_eq!(is_ready, Ok(true), "{:?}", log.lock().unwrap());
        tokio::spawn(async move { while let Ok(Some(_)) = told.next_line().await {} });
        Self {
            folder,
            addr,
            child,
            log,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Its nats-server's.
    pub fn nats_pid(&self) -> u32 {
        let file = self.folder.path().join("nats/nats.pid");
        let text = std::fs::read_to_string(file).unwrap();
        text.trim().parse().unwrap()
    }

    /// The lines of its log so far with this in them.
    pub fn logged(&self, words: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|line| line.contains(words))
            .cloned()
            .collect()
    }

    /// Ends it as Ctrl-C does.
    pub async fn stop(mut self) -> TempDir {
        let pid = Pid::from_raw(self.pid().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        timeout(3 * SOON, self.child.wait())
            .await
            .expect("it ends")
            .unwrap();
        self.folder
    }
}

/// The answer to a request that is sent as it stands here, over a connection that it closes.
pub async fn raw(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    answer_on(&mut stream).await
}

/// The head of the next answer on a connection, and what came with it; empty when there is none.
pub async fn answer_on(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    let head = async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut piece).await {
                Ok(length @ 1..) => answer.extend_from_slice(&piece[..length]),
                Ok(0) | Err(_) => break,
            }
        }
    };
    timeout(SOON, head).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer; 0 when there is none.
pub fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}
