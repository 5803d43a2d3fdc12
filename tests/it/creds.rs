//! `.creds` files: made, used and revoked at a running natter.

use std::os::unix::fs::PermissionsExt as _;

use futures::StreamExt as _;
use natter::nats::{Client, ConnectError, ConnectOptions, Event, RequestError};
use natter::wire::echo::{EchoRequest, EchoResponse};
use prost::Message as _;

use crate::support::{Natter, Person, SOON, with_creds};

/// A terminal of somebody who has the file.
fn terminal(natter: &Natter, creds: &str, inbox_prefix: &str) -> Client {
    Client::connect(ConnectOptions {
        auth: with_creds(creds),
        inbox_prefix: inbox_prefix.into(),
        ..natter.over_tcp()
    })
}

async fn echo(client: &Client, subject: &str) -> Result<String, RequestError> {
    let request = EchoRequest {
        message: "hi".into(),
    };
    let reply = client.request(subject, request.encode_to_vec().into(), SOON);
    reply
        .await
        .map(|reply| EchoResponse::decode(reply.payload).unwrap().message)
}

#[tokio::test]
async fn a_person_has_the_same_rights_in_a_terminal() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let creds = natter.make_creds(&["ada"]).await;
    assert!(creds.contains("\n# inbox prefix: _INBOX.ada\n"), "{creds}");

    let ada = terminal(&natter, &creds, "_INBOX.ada");
    ada.connected().await.unwrap();
    assert_eq!(echo(&ada, "ada.echo").await.unwrap(), "hi");
    assert_eq!(echo(&ada, "ada.echo.identified").await.unwrap(), "ada: hi");
    for subject in [
        "ben.echo",
        "$SRV.PING",
        "$JS.API.INFO",
        "natter.svc.ben.post",
    ] {
        let refused = echo(&ada, subject).await;
        assert_eq!(refused, Err(RequestError::PermissionDenied), "{subject}");
    }
    // Over the broker's WebSocket listener too.
    let broker = natter.server.broker().unwrap().websocket_addr();
    let there = Client::connect(ConnectOptions {
        servers: vec![format!("ws://{broker}/").parse().unwrap()],
        auth: with_creds(&creds),
        inbox_prefix: "_INBOX.ada".into(),
        ..ConnectOptions::default()
    });
    there.connected().await.unwrap();
    assert_eq!(echo(&there, "ada.echo").await.unwrap(), "hi");
}

#[tokio::test]
async fn what_is_revoked_is_cut_and_does_not_come_back() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let (first, second) = (
        natter.make_creds(&["ada"]).await,
        natter.make_creds(&["ada"]).await,
    );
    let lost = terminal(&natter, &first, "_INBOX.ada");
    let kept = terminal(&natter, &second, "_INBOX.ada");
    lost.connected().await.unwrap();
    kept.connected().await.unwrap();

    let listed = natter.make_creds(&["--list"]).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines.iter().all(|line| line.contains("  person  ada  ")));
    let nkey = lines[0].split("  ").next().unwrap();

    let mut events = lost.events();
    let told = natter.creds(&["--revoke", nkey]).await;
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(said.contains("Connections cut: 1"), "{said}");
    let mut was_cut = false;
    while let Some(event) = tokio::time::timeout(SOON, events.next()).await.unwrap() {
        match event {
            Event::Disconnected(_) => was_cut = true,
            Event::AuthRefused => break,
            _ => {}
        }
    }
    assert!(was_cut);
    assert_eq!(echo(&kept, "ada.echo").await.unwrap(), "hi");
    let again = terminal(&natter, &first, "_INBOX.ada");
    assert_eq!(again.connected().await, Err(ConnectError::Refused));
}

#[tokio::test]
async fn a_file_is_made_for_somebody_and_for_its_owner_alone() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let nobody = natter.creds(&["ben"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(said.contains("nobody here is called ben"), "{said}");

    let file = natter.folder.path().join("ada.creds");
    let name = file.to_str().unwrap();
    assert!(natter.creds(&["ada", "--out", name]).await.status.success());
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read_to_string(&file).unwrap();
    let again = natter.creds(&["ada", "--out", name]).await;
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    let listed = natter.make_creds(&["--list"]).await;
    assert_eq!(
        listed.lines().count(),
        1,
        "what was not written is not good"
    );

    let other = natter.folder.path().join("ben.creds");
    natter
        .creds(&["ben", "--out", other.to_str().unwrap()])
        .await;
    assert!(!other.exists());
    assert_eq!(natter.creds(&[]).await.status.code(), Some(2));
    let unknown = natter.creds(&["--revoke", "cleo"]).await;
    assert_eq!(unknown.status.code(), Some(1));
}

#[tokio::test]
async fn a_natter_that_does_not_run_is_named() {
    let natter = Natter::start().await;
    let Natter { server, folder } = natter;
    server.stop().await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_natter"))
        .args(["creds", "--list", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no natter runs with the data folder"),
        "{said}"
    );
}

#[tokio::test]
async fn one_person_has_fifty_terminals_and_others_theirs() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    Person::sign_up(&natter, "ben").await;
    // The bound is the person's, however many files they have.
    let adas = [
        natter.make_creds(&["ada"]).await,
        natter.make_creds(&["ada"]).await,
    ];
    let bens = natter.make_creds(&["ben"]).await;
    let dials = (0..56).map(|n| terminal(&natter, &adas[n % 2], "_INBOX.ada"));
    let terminals: Vec<_> = dials.collect();
    for terminal in &terminals {
        let _ = tokio::time::timeout(SOON, terminal.connected()).await;
    }
    let connected = || {
        let up = |one: &&Client| one.status() == natter::nats::Status::Connected;
        terminals.iter().filter(up).count()
    };
    // Those that were cut off try again and again, and are not let in.
    let calm = async {
        let mut looks = 0;
        while looks < 10 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            looks = if connected() == 50 { looks + 1 } else { 0 };
        }
    };
    let calm = tokio::time::timeout(SOON, calm).await;
    assert!(calm.is_ok(), "{} are connected", connected());

    let other = terminal(&natter, &bens, "_INBOX.ben");
    other.connected().await.unwrap();
    assert_eq!(echo(&other, "ben.echo").await.unwrap(), "hi");
    // One goes, and one that waits comes in.
    let up = |one: &&Client| one.status() == natter::nats::Status::Connected;
    terminals.iter().find(up).unwrap().close();
    let filled = async {
        while connected() < 50 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(2 * SOON, filled).await.is_ok());
}
