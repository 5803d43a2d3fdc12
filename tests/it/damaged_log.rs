//! A file of nats-server's store is damaged: what is missing is told, and what natter has read before is
//! still there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use natter::server::broker::ServiceUser;

use crate::support::{Natter, Person, SOON};

/// A message that is found in a file of the store.
const LOST: &str = "this is in the part of the file that is damaged";

#[tokio::test]
async fn a_damaged_file_of_the_log_is_told_of_and_natter_keeps_what_it_has_read_from_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    fill(&natter, 10).await;
    ada.post(&client, &room, LOST).await.unwrap();
    // The next file begins after 8 MB.
    fill(&natter, 120).await;
    ada.post(&client, &room, "after it").await.unwrap();
    let (_, well) = natter.health().await;
    assert_eq!(well["log"]["missing"], 0, "{well}");
    assert!(ada.page("/").await.contains(LOST));
    let folder = natter.stop().await;
    damage(&folder.path().join("nats/jetstream"));

    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    let began = Instant::now();
    let missing = loop {
        let (status, said) = natter.health().await;
        assert_eq!(status, 200, "people can read and write");
        if let Some(missing @ 1..) = said["log"]["missing"].as_u64() {
            assert!(said["log"]["first_missing"].as_u64() > Some(1), "{said}");
            break missing;
        }
        assert!(began.elapsed() < 2 * SOON, "it is noticed: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let told = format!("{missing} entries of LOG are missing");
    assert!(ada.page("/admin").await.contains(&told));
    let page = ada.page("/").await;
    assert!(page.contains(LOST) && page.contains("after it"), "{page}");

    let verified = verify(&natter).await;
    assert_eq!(verified.status.code(), Some(1));
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(said.contains(&told), "{said}");

    // What makes natter build its read model anew does not take away the only one that has it all.
    let folder = natter.stop().await;
    let model = folder.path().join("read-model.sqlite");
    let with_it = fs::read(&model).unwrap();
    fs::write(&model, [&b"no database"[..], &with_it[11..]].concat()).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    assert!(!ada.page("/").await.contains(LOST));
    let kept = natter.folder.path().join("read-model.kept-1.sqlite");
    assert!(place_of_lost(&fs::read(kept).unwrap()).is_some());
    let (_, said) = natter.health().await;
    assert_eq!(said["log"]["missing"], missing, "{said}");
}

#[tokio::test]
async fn a_whole_log_is_verified() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    for n in 0..20 {
        ada.post(&client, &room, &n.to_string()).await.unwrap();
    }
    let length = natter.log_length().await;
    let verified = verify(&natter).await;
    assert!(verified.status.success(), "{verified:?}");
    let said = String::from_utf8(verified.stdout).unwrap();
    let words = format!("{length} entries of LOG were read, up to {length}.");
    assert!(said.contains(&words), "{said}");
}

/// Writes so many entries of 100 kB that nobody reads.
async fn fill(natter: &Natter, count: u32) {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    for _ in 0..count {
        let filler = vec![1; 100_000].into();
        let written = js.publish("natter.log.user.filler", filler).await.unwrap();
        written.await.unwrap();
    }
}

/// Flips a bit of a message. What nats-server noted of its files at its end goes too, as when it was
/// killed before it noted anything: it reads them then.
fn damage(store: &Path) {
    let mut flipped = 0;
    for file in files(store) {
        if file.ends_with("index.db") {
            fs::remove_file(&file).unwrap();
            continue;
        }
        let mut bytes = fs::read(&file).unwrap();
        let found = place_of_lost(&bytes);
        if let Some(place) = found {
            bytes[place] ^= 1;
            fs::write(&file, bytes).unwrap();
            flipped += 1;
        }
    }
    assert_eq!(flipped, 1);
}

fn place_of_lost(bytes: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(LOST.len());
    windows.position(|bytes| bytes == LOST.as_bytes())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

async fn verify(natter: &Natter) -> std::process::Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_natter"));
    command
        .arg("verify")
        .arg("--data")
        .arg(natter.folder.path());
    command.kill_on_drop(true);
    let output = tokio::time::timeout(3 * SOON, command.output()).await;
    output.expect("it ends").unwrap()
}
