//! There is no room left: nobody's message is taken, everybody is told why, and reading goes on.

use std::fs;
use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use natter::nats::Client;
use natter::server::broker::ServiceUser;
use natter::wire::v1;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Natter, PASSWORD, Person, SOON, stranger, ulid};

#[tokio::test]
async fn when_the_store_is_as_large_as_it_may_be_reading_goes_on() {
    let natter = Natter::start_with(|options| options.max_store = Some(4_000_000)).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "before").await.unwrap();
    let filler = "natter.log.user.filler";
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    for _ in 0..10_000 {
        let ack = js.publish(filler, vec![1; 20_000].into()).await.unwrap();
        if ack.await.is_err() {
            break;
        }
    }
    is_refused(&ada, &client, &room).await;
    // With scripts off as well: the text stands in a form, to be sent again.
    let key = ulid();
    let form = [("ulid", key.as_str()), ("text", "typed by hand")];
    let refused = ada.submit(&format!("/r/{room}"), &form).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = refused.text().await.unwrap();
    assert!(page.contains("disk is full") && page.contains("typed by hand"));

    // A broker that is started again is full from the beginning, and people come in all the same.
    let pid = natter.server.broker().unwrap().pid().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let began = Instant::now();
    while natter.server.broker().unwrap().pid() == Some(pid.as_raw_nonzero().get().cast_unsigned())
        || natter.health().await.0 != StatusCode::OK
    {
        assert!(began.elapsed() < SOON, "people are let in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let client = ada.connect().await;
    assert!(ada.page("/").await.contains("before"));
    is_refused(&ada, &client, &room).await;

    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let log = js.get_stream("LOG").await.unwrap();
    log.purge().filter(filler).await.unwrap();
    soon_taken(&ada, &client, &room).await;
}

#[tokio::test]
async fn when_the_disk_is_full_reading_goes_on_and_writing_comes_back_with_room() {
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: only root can mount a small disk");
        return;
    };
    let folder = tempfile::tempdir_in(&disk.0).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "before").await.unwrap();

    // Almost: messages are refused, what natter needs for people to read is still written.
    let ballast = disk.fill_up_to(30_000_000);
    let began = Instant::now();
    while natter.health().await.1["disk_full"] != true {
        assert!(began.elapsed() < SOON, "it is noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_refused(&ada, &client, &room).await;
    assert_eq!(sign_in(&natter).await, StatusCode::SEE_OTHER);

    // Wholly: somebody was faster than natter, and nats-server found no room to write.
    let rest = disk.fill_up_to(0);
    let pid = natter.server.broker().unwrap().pid();
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let filler = vec![1; 100_000].into();
    let written = js.publish("natter.log.user.filler", filler).await.unwrap();
    let written = tokio::time::timeout(Duration::from_secs(1), written.into_future()).await;
    assert!(!matches!(written, Ok(Ok(_))), "{written:?}");
    is_refused(&ada, &client, &room).await;
    assert!(ada.page("/").await.contains("before"));

    fs::remove_file(ballast).unwrap();
    fs::remove_file(rest).unwrap();
    soon_taken(&ada, &client, &room).await;
    assert_ne!(natter.server.broker().unwrap().pid(), pid, "another one");
    natter.server.stop().await;
}

#[tokio::test]
async fn natter_starts_on_a_full_disk_for_people_to_read() {
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: only root can mount a small disk");
        return;
    };
    let folder = tempfile::tempdir_in(&disk.0).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "before").await.unwrap();
    let folder = natter.stop().await;
    // Less, and nats-server itself does not start: it has a few small files to write.
    let ballast = disk.fill_up_to(1_000_000);
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = ada.at(natter.addr());
    let client = ada.connect().await;
    is_refused(&ada, &client, &room).await;
    fs::remove_file(ballast).unwrap();
    soon_taken(&ada, &client, &room).await;
    natter.server.stop().await;
}

#[tokio::test]
async fn when_the_disk_is_read_only_that_is_said_and_the_broker_goes_on_for_people_to_read() {
    let Some(disk) = FailingDisk::mount() else {
        eprintln!("skipped: only root can mount an image of a disk");
        return;
    };
    let folder = tempfile::tempdir_in(&disk.mounted).unwrap();
    let natter = Natter::start_in(folder, |_| {}).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.general(&client).await;
    ada.post(&client, &room, "before").await.unwrap();
    let pid = natter.server.broker().unwrap().pid();

    disk.fail();
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let filler = vec![1; 100_000].into();
    let written = js.publish("natter.log.user.filler", filler).await.unwrap();
    let written = tokio::time::timeout(Duration::from_secs(2), written.into_future()).await;
    assert!(!matches!(written, Ok(Ok(_))), "{written:?}");
    let began = Instant::now();
    while natter.health().await.1["disk_read_only"] != true {
        assert!(began.elapsed() < 2 * SOON, "it is noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(natter.health().await.1["disk_full"], false);
    is_refused_since(&ada, &client, &room, "disk is read-only").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(natter.server.broker().unwrap().pid(), pid, "the same one");
    is_refused_since(&ada, &client, &room, "disk is read-only").await;
    natter.server.stop().await;
}

async fn is_refused(person: &Person, client: &Client, room: &str) {
    is_refused_since(person, client, room, "disk is full").await;
}

async fn is_refused_since(person: &Person, client: &Client, room: &str, why: &str) {
    let refused = person.post(client, room, "too much").await.unwrap_err();
    assert_eq!(refused.kind(), v1::FailureKind::Unavailable);
    assert!(refused.reason.contains(why), "{refused:?}");
    assert!(refused.retry_after_ms >= 1_000, "{refused:?}");
    let page = person.page("/").await;
    assert!(page.contains("before"), "{page}");
    assert!(!page.contains("too much"), "{page}");
}

/// As the outbox does: the same again, until it is taken.
async fn soon_taken(person: &Person, client: &Client, room: &str) {
    let request = v1::PostRequest {
        room_id: room.into(),
        ulid: ulid(),
        text: "there is room again".into(),
    };
    let began = Instant::now();
    loop {
        let reply = person.ask_raw(client, "post", prost::Message::encode_to_vec(&request));
        let posted = reply
            .await
            .ok()
            .map(crate::support::answer::<v1::PostResponse>);
        if let Some(Ok(_)) = posted {
            break;
        }
        assert!(began.elapsed() < 2 * SOON, "it is taken: {posted:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let page = person.page("/").await;
    assert_eq!(page.matches("there is room again").count(), 1, "{page}");
}

async fn sign_in(natter: &Natter) -> StatusCode {
    let form = [("username", "ada"), ("password", PASSWORD)];
    let signed_in = stranger().post(natter.url("/login")).form(&form).send();
    signed_in.await.unwrap().status()
}

/// An image of a disk, in a file.
struct FailingDisk {
    mounted: PathBuf,
    image: tempfile::NamedTempFile,
}

impl FailingDisk {
    fn mount() -> Option<Self> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(256 * 1_024 * 1_024).unwrap();
        let mounted = tempfile::tempdir().unwrap().keep();
        let disk = Self { mounted, image };
        let is_done = |command: &mut Command| {
            let output = command.stdin(Stdio::null()).output();
            output.is_ok_and(|output| output.status.success())
        };
        let is_mounted = is_done(Command::new("mkfs.ext4").arg("-q").arg(disk.image.path()))
            && is_done(
                Command::new("mount")
                    .args(["-o", "loop"])
                    .arg(disk.image.path())
                    .arg(&disk.mounted),
            );
        is_mounted.then_some(disk)
    }

    /// As after an error of the device: Linux makes the file system read-only, whoever has files open.
    fn fail(&self) {
        let mut remount = Command::new("mount");
        remount.args(["-o", "remount,abort"]).arg(&self.mounted);
        assert!(remount.status().unwrap().success());
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
        let _ = fs::remove_dir(&self.mounted);
    }
}

/// A small disk in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount() -> Option<Self> {
        let path = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=192m", "tmpfs"])
            .arg(&path)
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(path))
    }

    /// Leaves this many bytes free, by a file that it gives back.
    fn fill_up_to(&self, free: u64) -> PathBuf {
        let path = self.0.join(format!("ballast-{free}"));
        let file = fs::File::create(&path).unwrap();
        let now = rustix::fs::statvfs(Path::new(&self.0)).unwrap();
        let length = (now.f_bavail * now.f_frsize).saturating_sub(free);
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, length).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}
