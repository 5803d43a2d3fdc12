//! A nats-server of its own for a test, without natter.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::support::{SOON, nats_server};

/// A nats-server with a TCP and a WebSocket listener on free ports.
pub struct Broker {
    pub child: Child,
    folder: TempDir,
    pub nats: String,
    pub ws: String,
}

impl Broker {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    pub async fn start_with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, nats, ws) = spawn(&folder, config, "-1", "-1").await;
        Self {
            child,
            folder,
            nats,
            ws,
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the ports that it had.
    pub async fn start_again(&mut self) {
        let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
        let (nats, ws) = (port(&self.nats), port(&self.ws));
        (self.child, ..) = spawn(&self.folder, "", &nats, &ws).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn spawn(folder: &TempDir, config: &str, nats: &str, ws: &str) -> (Child, String, String) {
    let path = folder.path();
    let file = path.join("nats.conf");
    let listener = format!("websocket {{ listen: \"127.0.0.1:{ws}\", no_tls: true }}\n{config}\n");
    std::fs::write(&file, listener).unwrap();
    let child = Command::new(binary())
        .args(["-a", "127.0.0.1", "-p", nats])
        .arg("-c")
        .arg(&file)
        .arg("--ports_file_dir")
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server is there");
    let ports = path.join(format!("nats-server_{}.ports", child.id()));
    let urls = async {
        loop {
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            if let Ok(found) = serde_json::from_str::<serde_json::Value>(&text) {
                let url = |what: &str| found[what][0].as_str().map(str::to_owned);
                return (url("nats").unwrap(), url("websocket").unwrap());
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let (nats, ws) = timeout(SOON, urls).await.expect("nats-server starts");
    (child, nats, ws)
}

pub fn binary() -> PathBuf {
    nats_server().unwrap_or_else(|| "nats-server".into())
}
