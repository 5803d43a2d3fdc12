//! What was acknowledged is there, once, after everything was killed at once.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use natter::wire::v1::{self, event::Body};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::support::{Person, SOON, answer, nats_server, ulid};

/// Messages that are acknowledged before the end comes.
const ACKNOWLEDGED: usize = 60;

#[tokio::test]
async fn after_natter_and_nats_server_were_killed_every_acknowledged_message_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut natter = serve(folder.path(), ports).await;
    let addr = SocketAddr::from(([127, 0, 0, 1], ports[0]));
    let mut people = Vec::new();
    for uid in ["ada", "ben", "cleo"] {
        people.push(Person::sign_up_on(addr, uid, "/signup").await);
    }
    let room = people[0].general(&people[0].connect().await).await;

    // Each posts one message after the other, until nobody answers; the last one is left open.
    let (tell, mut acknowledged) = mpsc::channel(1_000);
    let mut writers = Vec::new();
    for person in people {
        let (tell, room) = (tell.clone(), room.clone());
        writers.push(tokio::spawn(async move {
            let client = person.connect().await;
            for count in 0.. {
                let request = v1::PostRequest {
                    room_id: room.clone(),
                    ulid: ulid(),
                    text: format!("{} {count}.", person.uid),
                };
                match post(&person, &client, &request).await {
                    Some(posted) => tell.send((request.text, posted.sequence)).await.unwrap(),
                    None => return (person, request),
                }
            }
            unreachable!("somebody is not answered some time")
        }));
    }
    drop(tell);
    let mut kept = Vec::new();
    while kept.len() < ACKNOWLEDGED {
        kept.push(acknowledged.recv().await.unwrap());
    }
    send(nats_pid(folder.path()), Signal::KILL);
    send(natter.id().unwrap(), Signal::KILL);
    natter.wait().await.unwrap();
    while let Some(more) = acknowledged.recv().await {
        kept.push(more);
    }

    let _natter = serve(folder.path(), ports).await;
    let mut reader = None;
    for writer in writers {
        let (person, open) = writer.await.unwrap();
        let client = person.connect().await;
        let posted = post(&person, &client, &open).await.unwrap();
        kept.push((open.text, posted.sequence));
        reader = Some((person, client));
    }
    let (person, client) = reader.unwrap();
    let mut found = messages(&person, &client, &room).await;
    kept.sort();
    found.sort();
    assert_eq!(found, kept);
}

/// `None`: there was no answer.
async fn post(
    person: &Person,
    client: &natter::nats::Client,
    request: &v1::PostRequest,
) -> Option<v1::PostResponse> {
    let payload = prost::Message::encode_to_vec(request);
    loop {
        let subject = format!("natter.svc.{}.post", person.uid);
        let asked = client.request(&subject, payload.clone().into(), Duration::from_secs(2));
        match answer(asked.await.ok()?) {
            Ok(posted) => return Some(posted),
            Err(v1::Failure { retry_after_ms, .. }) => {
                tokio::time::sleep(Duration::from_millis(retry_after_ms.into())).await;
            }
        }
    }
}

/// Every message of a room, with its place.
async fn messages(
    person: &Person,
    client: &natter::nats::Client,
    room: &str,
) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut before = 0;
    loop {
        let asked = v1::HistoryRequest {
            room: room.into(),
            before,
            limit: 0,
        };
        let page: v1::HistoryResponse = person.ask(client, "history", &asked).await.unwrap();
        let view = page.view.unwrap();
        before = view.events[0].sequence;
        for logged in view.events {
            if let Some(Body::MessagePosted(posted)) = logged.event.unwrap().body {
                found.push((posted.text, logged.sequence));
            }
        }
        if !view.has_earlier {
            return found;
        }
    }
}

/// `natter serve`, as people run it.
async fn serve(data: &Path, ports: [u16; 3]) -> Child {
    serve_with(data, ports, |_| {}).await
}

/// The same with something changed.
pub async fn serve_with(
    data: &Path,
    [http, nats, ws]: [u16; 3],
    change: impl FnOnce(&mut Command),
) -> Child {
    let site = data.join("site");
    std::fs::create_dir_all(site.join("pkg")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_natter"));
    command
        .arg("serve")
        .args(["--addr", &format!("127.0.0.1:{http}"), "--signup", "open"])
        .args(["--nats-port", &nats.to_string()])
        .args(["--nats-ws-port", &ws.to_string()])
        .arg("--data")
        .arg(data)
        .env("LEPTOS_SITE_ROOT", site)
        .kill_on_drop(true);
    if let Some(nats_server) = nats_server() {
        command.arg("--nats-server").arg(nats_server);
    }
    change(&mut command);
    let child = command.spawn().unwrap();
    let began = Instant::now();
    loop {
        let health = reqwest::get(format!("http://127.0.0.1:{http}/health")).await;
        if health.is_ok_and(|health| health.status() == StatusCode::OK) {
            return child;
        }
        assert!(began.elapsed() < 2 * SOON, "natter serves");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Free ones, of which a natter that is started again has the same.
pub fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

pub fn nats_pid(data: &Path) -> u32 {
    let text = std::fs::read_to_string(data.join("nats/nats.pid")).unwrap();
    text.trim().parse().unwrap()
}

pub fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}
