//! Something is wrong with the folder that has everything, or a part of it is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use natter::server::Server;
use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::killed::{free_ports, nats_pid, send, serve_with};
use crate::support::{Natter, Person, SOON, options};

/// Why natter does not start there.
async fn refusal(data: &std::path::Path) -> String {
    match Server::start(options(data.into())).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn natter_does_not_make_new_keys_beside_a_store_that_has_been_written() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let folder = natter.stop().await;
    let (data, keys, away) = (folder.path(), "keys", "keys.away");
    fs::rename(data.join(keys), data.join(away)).unwrap();
    let said = refusal(data).await;
    for folder in ["keys", "nats/jetstream"] {
        let folder = data.join(folder).display().to_string();
        assert!(said.contains(&folder), "{said}");
    }
    assert!(said.contains("backup"), "{said}");
    assert!(!data.join(keys).exists(), "none were made");

    // Those of another natter are no better.
    let other = Natter::start().await.stop().await;
    fs::rename(other.path().join(keys), data.join(keys)).unwrap();
    let said = refusal(data).await;
    assert!(said.contains("are not those under which"), "{said}");

    fs::remove_dir_all(data.join(keys)).unwrap();
    fs::rename(data.join(away), data.join(keys)).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    assert!(!natter.server.is_first_run(), "ada is there");
}

#[tokio::test]
async fn a_file_as_data_folder_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    fs::write(&file, "").unwrap();
    let mut options = options(folder.path().into());
    options.data = file;
    let said = match Server::start(options).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    };
    assert!(said.contains("is a file"), "{said}");
}

#[tokio::test]
async fn what_a_killed_first_start_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join(".natter-keys-OABC");
    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("operator.nk"), "SO…").unwrap();
    let running = folder.path().join(".running.json-7");
    fs::write(&running, "{").unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    assert!(!draft.exists() && !running.exists());
    natter.server.stop().await;
}

#[tokio::test]
async fn natter_starts_when_it_cannot_write_down_where_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    // As on a disk that has no room for the file.
    fs::create_dir(folder.path().join("running.json")).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    assert!(
        natter
            .creds(&["--list"])
            .await
            .stderr
            .starts_with(b"natter: ")
    );
    natter.server.stop().await;
}

#[tokio::test]
async fn a_read_model_without_the_right_to_write_it_is_no_obstacle() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "before").await.unwrap();
    let folder = natter.stop().await;
    let file = folder.path().join("read-model.sqlite");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(ada.at(natter.addr()).page("/").await.contains("before"));
}

#[tokio::test]
async fn a_broker_that_outlived_its_natter_is_not_joined_by_another_also_without_its_pid_file() {
    let folder = tempfile::tempdir().unwrap();
    // Without `setpriv` nats-server does not end with natter.
    let mut natter = serve_with(folder.path(), free_ports(), |command| {
        command.env("PATH", "/nowhere");
    })
    .await;
    let pid = nats_pid(folder.path());
    natter.kill().await.unwrap();
    fs::remove_file(folder.path().join("nats/nats.pid")).unwrap();
    let said = refusal(folder.path()).await;
    assert!(said.contains("still runs"), "{said}");

    send(pid, Signal::TERM);
    // Natter waits a moment for it.
    Natter::start_in(folder, |_| {}).await.server.stop().await;
}

#[tokio::test]
async fn natter_stops_and_says_why_when_its_folder_was_moved() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut natter = serve_with(&data, free_ports(), |command| {
        command.stderr(std::process::Stdio::piped());
    })
    .await;
    fs::rename(&data, parent.path().join("moved")).unwrap();
    let ended = timeout(3 * SOON, natter.wait()).await.expect("it ends");
    assert_eq!(ended.unwrap().code(), Some(1));
    let mut said = String::new();
    let mut stderr = natter.stderr.take().unwrap();
    stderr.read_to_string(&mut said).await.unwrap();
    let words = format!("data folder {} was deleted or moved", data.display());
    assert!(said.contains(&words), "{said}");
}
