//! When the broker can be used, and where.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::config::Ports;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Where the broker listens: ports of 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listening {
    /// NATS over TCP.
    pub nats: u16,
    /// NATS over WebSocket.
    pub websocket: u16,
}

impl From<Listening> for Ports {
    fn from(listening: Listening) -> Self {
        Self {
            nats: Some(listening.nats),
            websocket: Some(listening.websocket),
        }
    }
}

/// Waits until the server has written where it listens, and greets there. No deadline: the
/// caller has one, and knows when the process ends.
pub(super) async fn wait(ports_folder: &Path, pid: u32) -> Listening {
    // The server writes the file last, when JetStream has recovered its streams, under the name
    // of its program and process id. The folder was emptied before: there is one file at most.
    loop {
        if let Some(listening) = read_ports_file(ports_folder, pid)
            && greets(listening.nats).await
        {
            return listening;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// `<program>_<pid>.ports`: `{"nats":["nats://127.0.0.1:4222"],"websocket":["ws://…"]}`.
fn read_ports_file(folder: &Path, pid: u32) -> Option<Listening> {
    let suffix = format!("_{pid}.ports");
    let file = std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))?;
    parse_ports(&std::fs::read_to_string(file.path()).ok()?)
}

fn parse_ports(text: &str) -> Option<Listening> {
    #[derive(Deserialize)]
    struct PortsFile {
        nats: Vec<String>,
        websocket: Vec<String>,
    }
    let file: PortsFile = serde_json::from_str(text).ok()?;
    let port = |urls: &[String]| urls.first()?.rsplit_once(':')?.1.parse().ok();
    Some(Listening {
        nats: port(&file.nats)?,
        websocket: port(&file.websocket)?,
    })
}

/// A NATS server speaks first: INFO, at once.
async fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut greeting = [0; 4];
    match TcpStream::connect(address).await {
        Ok(mut stream) => stream.read_exact(&mut greeting).await.is_ok() && greeting == *b"INFO",
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_file_is_read() {
        let text = r#"{"nats":["nats://127.0.0.1:4222"],"websocket":["ws://127.0.0.1:4280"]}"#;
        let listening = parse_ports(text).unwrap();
        assert_eq!((listening.nats, listening.websocket), (4222, 4280));
        // Half written.
        assert_eq!(parse_ports(r#"{"nats":["nats://127.0"#), None);
    }
}
