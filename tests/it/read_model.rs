//! The read model can be thrown away at any time, and must be when it is damaged or when LOG is no
//! longer the one that it was built from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use natter::client::logged_event;
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, event::Body};
use prost::Message as _;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Natter, Person, SOON, ulid};

/// What happened to the file while natter was away.
type Damage = fn(&Path);

#[tokio::test]
async fn a_file_that_cannot_be_gone_on_with_is_built_anew_at_the_start() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let text = "kept ".repeat(700);
    for _ in 0..8 {
        ada.post(&client, &room, &text).await.unwrap();
    }
    let (mut natter, mut ada) = (natter, ada);
    let damages: [(&str, Damage); 6] = [
        ("garbage", |file| fs::write(file, [7; 40_000]).unwrap()),
        ("empty", |file| fs::write(file, []).unwrap()),
        ("cut in half", |file| {
            let half = fs::metadata(file).unwrap().len() / 2;
            let file = fs::OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(half).unwrap();
        }),
        ("an older version", |file| set_version(file, 1)),
        ("a newer version", |file| set_version(file, 1_000)),
        ("garbage in the write-ahead log", |file| {
            fs::write(beside(file, "-wal"), [7; 40_000]).unwrap();
        }),
    ];
    for (damage, cause) in damages {
        let folder = natter.stop().await;
        let file = model(folder.path());
        // What is in the write-ahead log is read instead of what is in the file.
        checkpoint(&file);
        cause(&file);
        natter = Natter::start_in(folder, |_| {}).await;
        ada = ada.at(natter.addr());
        let page = soon_a_page(&ada).await;
        assert_eq!(page.matches(text.trim()).count(), 8, "{damage}");
    }
}

#[tokio::test]
async fn a_file_that_breaks_while_natter_runs_is_built_anew() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "written before").await.unwrap();
    let file = model(natter.folder.path());
    for name in [file.clone(), beside(&file, "-wal")] {
        let length = usize::try_from(fs::metadata(&name).unwrap().len()).unwrap();
        // In place: natter has it open.
        let open = fs::OpenOptions::new().write(true).open(&name).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&open, &vec![0xa5; length], 0).unwrap();
    }
    let page = soon_a_page(&ada).await;
    assert!(page.contains("written before"), "{page}");
    ada.post(&client, &room, "written after").await.unwrap();
    let page = soon_a_page(&ada).await;
    assert!(page.contains("written after"), "{page}");
}

#[tokio::test]
async fn while_it_is_built_there_is_no_answer_rather_than_a_short_one() {
    const ENTRIES: usize = 20_000;
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    fill(&natter, &room, ENTRIES).await;
    ada.post(&client, &room, "the last one").await.unwrap();
    let folder = natter.stop().await;
    fs::remove_file(model(folder.path())).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    let began = Instant::now();
    let mut was_refused = false;
    let mut was_building = false;
    loop {
        assert!(began.elapsed() < 3 * SOON, "it is built some time");
        let (healthy, health) = natter.health().await;
        let model = &health["read_model"];
        if model["state"] == "building" {
            was_building = true;
            assert_eq!(healthy, StatusCode::SERVICE_UNAVAILABLE, "{health}");
            assert!(model["percent"].is_u64(), "{health}");
            assert!(model["lag"].is_u64(), "{health}");
        }
        let page = ada.get("/").await;
        match page.status() {
            StatusCode::SERVICE_UNAVAILABLE => {
                was_refused = true;
                let page = page.text().await.unwrap();
                assert!(page.contains("Nothing is lost"), "{page}");
            }
            _ => {
                assert!(page.text().await.unwrap().contains("the last one"));
                break;
            }
        }
    }
    assert!(was_building || was_refused, "more entries are needed");
    let (healthy, health) = natter.health().await;
    assert_eq!(healthy, StatusCode::OK, "{health}");
    assert_eq!(health["read_model"]["lag"], 0, "{health}");
}

#[tokio::test]
async fn a_log_that_was_put_back_is_noticed_by_everybody_and_told_once() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "in the backup").await.unwrap();
    assert_eq!(epoch(&ada, &client).await, 0);
    let folder = natter.stop().await;
    let backup = tempfile::tempdir().unwrap();
    copy(&folder.path().join("nats/jetstream"), backup.path());

    // Two natters read on.
    let natter = Natter::start_in(folder, |_| {}).await;
    let beside = natter.start_beside().await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    for text in ["lost one", "lost two"] {
        ada.post(&client, &room, text).await.unwrap();
    }
    let ada = ada.at(beside.addr());
    assert!(ada.page("/").await.contains("lost two"));
    let other_folder = beside.stop().await;
    let folder = natter.stop().await;
    let store = folder.path().join("nats/jetstream");
    fs::remove_dir_all(&store).unwrap();
    copy(backup.path(), &store);

    // The first one finds the end below what it had read.
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    let begun = epoch(&ada, &client).await;
    assert_ne!(begun, 0);
    for text in ["new one", "new two", "new three"] {
        ada.post(&client, &room, text).await.unwrap();
    }
    let page = ada.page("/").await;
    assert!(page.contains("in the backup") && page.contains("new three"));
    assert!(!page.contains("lost"), "{page}");

    // The other one finds an end that it could know, after entries that it does not.
    let beside = natter.start_beside_in(other_folder, |_| {}).await;
    let ada = ada.at(beside.addr());
    let page = soon_a_page(&ada).await;
    assert!(page.contains("in the backup") && page.contains("new three"));
    assert!(!page.contains("lost"), "{page}");
    assert_eq!(epoch(&ada, &ada.connect().await).await, begun);
    assert_eq!(epochs(&natter).await, 1);
}

#[tokio::test]
async fn a_log_that_is_put_back_while_natter_runs_is_noticed() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "in the backup").await.unwrap();
    let folder = natter.stop().await;
    let store = folder.path().join("nats/jetstream");
    let backup = folder.path().join("nats/backup");
    copy(&store, &backup);
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    let mut feed = client.subscribe("natter.evt.open.*").await.unwrap();
    client.flush().await.unwrap();
    ada.post(&client, &room, "lost").await.unwrap();
    let lost = feed.next().await.unwrap();
    assert!(logged_event(&lost).is_some());

    let pid = natter.server.broker().unwrap().pid().unwrap();
    kill(pid, Signal::STOP);
    fs::rename(&store, natter.folder.path().join("nats/gone")).unwrap();
    fs::rename(&backup, &store).unwrap();
    kill(pid, Signal::KILL);

    let page = soon_a_page(&ada).await;
    assert!(page.contains("in the backup"), "{page}");
    assert!(!page.contains("lost"), "{page}");
    assert_eq!(epochs(&natter).await, 1);
}

#[tokio::test]
async fn who_posts_through_one_natter_reads_it_through_another_at_once() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    let mut here = ada;
    for turn in 0..20 {
        let (to, from) = match turn % 2 {
            0 => (&natter, &beside),
            _ => (&beside, &natter),
        };
        here = here.at(to.addr());
        let text = format!("written in turn {turn}.");
        let form = [("ulid", ulid()), ("text", text.clone())];
        let form: Vec<_> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let posted = here.submit(&format!("/r/{room}"), &form).await;
        assert_eq!(posted.status(), StatusCode::SEE_OTHER);
        here = here.at(from.addr());
        let page = here.page(&format!("/r/{room}")).await;
        assert!(page.contains(&text), "turn {turn}");
    }
}

fn model(data: &Path) -> PathBuf {
    data.join("read-model.sqlite")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// SQLite's `user_version` stands in the file's head.
fn set_version(file: &Path, version: u32) {
    let open = fs::OpenOptions::new().write(true).open(file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&open, &version.to_be_bytes(), 60).unwrap();
}

fn checkpoint(file: &Path) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .args(["-a", "-T"])
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The first page, once there is one.
async fn soon_a_page(person: &Person) -> String {
    let began = Instant::now();
    loop {
        let page = person.get("/").await;
        if page.status() == StatusCode::OK {
            return page.text().await.unwrap();
        }
        let status = page.status();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "or a page");
        assert!(began.elapsed() < SOON, "there is no page: {page:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn epoch(person: &Person, client: &natter::nats::Client) -> u64 {
    let heads: v1::HeadsResponse = person
        .ask(client, "heads", &v1::HeadsRequest::default())
        .await
        .unwrap();
    heads.epoch
}

/// How many epochs LOG has begun.
async fn epochs(natter: &Natter) -> usize {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let stream = js.get_stream("LOG").await.unwrap();
    let mut subjects = stream
        .info_with_subjects("natter.log.dir.epoch")
        .await
        .unwrap();
    let mut count = 0;
    while let Some(subject) = subjects.next().await {
        count += subject.unwrap().1;
    }
    count
}

/// Writes messages past natter, as many as there have to be.
async fn fill(natter: &Natter, room: &str, entries: usize) {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let mut acks = std::collections::VecDeque::new();
    for at in 0..entries {
        let event = v1::Event {
            key: Some(v1::Key {
                uid: "ada".into(),
                ulid: ulid(),
            }),
            at_ms: 1_700_000_000_000,
            body: Some(Body::MessagePosted(v1::MessagePosted {
                text: format!("message {at}"),
                tree: None,
            })),
        };
        let subject = format!("natter.log.open.{room}");
        let payload = event.encode_to_vec().into();
        acks.push_back(js.publish(subject, payload).await.unwrap());
        if acks.len() == 1_000 {
            acks.pop_front().unwrap().await.unwrap();
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
}
