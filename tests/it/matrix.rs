//! The authorization matrix: everybody, over every way in, tries everything. Each row is printed
//! (`cargo test … matrix -- --nocapture`); a row that is not as it must be fails the test.

use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use natter::nats::{Client, ConnectOptions, Event, Headers, Operation, Outgoing, SubscribeError};
use natter::wire::v1::{self, RoomKind, event::Body};
use prost::Message as _;
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::poison::Raw;
use crate::support::{A_MOMENT, Natter, Person, SOON, failure_in, ulid, with_creds};

/// What a row's outcome must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    Be,
    NotBe,
}

impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Be => "allowed",
            Self::NotBe => "refused",
        })
    }
}

fn must(be: bool) -> Must {
    if be { Must::Be } else { Must::NotBe }
}

/// The table as it comes about.
#[derive(Default)]
struct Table {
    rows: usize,
    wrong: Vec<String>,
}

impl Table {
    fn row(&mut self, who: &str, way: &str, what: &str, must_be: Must, is: Must) {
        self.rows += 1;
        let mark = if must_be == is { "" } else { "  WRONG" };
        let row = format!("{who:<12} {way:<9} {what:<58} {is}{mark}");
        println!("{row}");
        if must_be != is {
            self.wrong.push(row);
        }
    }
}

/// Somebody who tries.
struct Who {
    name: &'static str,
    person: Person,
    /// A `.creds` file from when they were in good standing.
    creds: String,
    is_let_in: bool,
    is_guest: bool,
    /// In the closed room.
    is_in: bool,
    /// In the direct room.
    is_one_of_two: bool,
    /// In the open room that guests were brought into.
    is_in_lobby: bool,
}

/// Where it happens.
struct Scene {
    natter: Natter,
    closed: String,
    lobby: String,
    other_open: String,
    direct: String,
    /// The sequence and key of something said in the closed room.
    said: v1::Position,
}

const WAYS: [&str; 4] = ["tunnel", "websocket", "tcp", "creds"];

fn dial(scene: &Scene, who: &Who, way: &str) -> Client {
    let inbox_prefix = format!("_INBOX.{}", who.person.uid);
    let broker = scene.natter.server.broker().unwrap();
    match way {
        "tunnel" => who.person.dial(),
        "websocket" => {
            let url = format!("ws://{}/", broker.websocket_addr());
            who.person.dial_to(&url, scene.natter.addr())
        }
        "tcp" => Client::connect(ConnectOptions {
            inbox_prefix,
            auth: natter::nats::Auth::Token(who.person.token.clone()),
            ..scene.natter.over_tcp()
        }),
        _ => Client::connect(ConnectOptions {
            inbox_prefix,
            auth: with_creds(&who.creds),
            ..scene.natter.over_tcp()
        }),
    }
}

async fn is_let_in(client: &Client) -> bool {
    matches!(timeout(SOON, client.connected()).await, Ok(Ok(_)))
}

async fn may_subscribe(client: &Client, subject: &str) -> bool {
    let mut feed = client.subscribe(subject).await.unwrap();
    // The broker answers in order: what it refuses is known when the flush is.
    client.flush().await.unwrap();
    let refused = feed.error() == Some(SubscribeError::PermissionDenied);
    let ended = timeout(Duration::from_millis(1), feed.next()).await;
    !refused && !matches!(ended, Ok(None))
}

async fn may_publish(client: &Client, subject: &str, headers: Headers) -> bool {
    let mut events = client.events();
    let message = Outgoing {
        subject: subject.into(),
        payload: "x".into(),
        headers,
        ..Outgoing::default()
    };
    client.publish_message(message).await.unwrap();
    client.flush().await.unwrap();
    let denied = async {
        loop {
            if let Some(Event::PermissionDenied { operation, .. }) = events.next().await {
                return operation == Operation::Publish;
            }
        }
    };
    !matches!(timeout(Duration::from_millis(20), denied).await, Ok(true))
}

/// Asks, and tells whether natter did it.
async fn does(client: &Client, uid: &str, verb: &str, payload: Vec<u8>) -> Result<Vec<u8>, String> {
    let subject = format!("natter.svc.{uid}.{verb}");
    match client.request(&subject, payload.into(), SOON).await {
        Ok(reply) => match failure_in(&reply) {
            Some(failure) => Err(failure.reason),
            None => Ok(reply.payload.to_vec()),
        },
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_what_is_not_theirs() {
    let (scene, cast) = set_up().await;
    let mut table = Table::default();
    for who in &cast {
        for way in WAYS {
            let client = dial(&scene, who, way);
            let is_in = is_let_in(&client).await;
            table.row(who.name, way, "connect", must(who.is_let_in), must(is_in));
            if !is_in {
                client.close();
                continue;
            }
            subscriptions(&scene, who, way, &client, &mut table).await;
            publications(&scene, who, way, &client, &mut table).await;
            injections(&scene, who, way, &client, &mut table).await;
            client.close();
        }
        if who.is_let_in {
            let client = dial(&scene, who, "tunnel");
            client.connected().await.unwrap();
            commands(&scene, who, &client, &mut table).await;
            client.close();
        }
        poison(&scene, who, &mut table).await;
    }
    nobody(&scene, &mut table).await;
    println!("{} rows, {} wrong", table.rows, table.wrong.len());
    assert!(table.rows > 1_000, "only {} rows", table.rows);
    assert!(table.wrong.is_empty(), "{:#?}", table.wrong);
}

async fn set_up() -> (Scene, Vec<Who>) {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let admin = ada.connect().await;
    let lobby = ada.make_room(&admin, RoomKind::Open, "Lobby").await;
    let other_open = ada.make_room(&admin, RoomKind::Open, "Launch").await;
    let closed = ada.make_room(&admin, RoomKind::Closed, "Board").await;
    let mut cast = Vec::new();
    for name in ["member", "stranger", "removed", "suspended", "signed-out"] {
        cast.push(Person::sign_up(&natter, name).await);
    }
    let link = ada.invitation("guest", "Lobby").await;
    cast.push(Person::accept(&natter, "guest", &link).await);
    ada.invite(
        &admin,
        &closed,
        &["member", "removed", "suspended", "signed-out"],
    )
    .await;
    let posted = ada
        .post(&admin, &closed, "for the board alone")
        .await
        .unwrap();
    let history = v1::HistoryRequest {
        room: closed.clone(),
        ..v1::HistoryRequest::default()
    };
    let history: v1::HistoryResponse = ada.ask(&admin, "history", &history).await.unwrap();
    let last = history.view.unwrap().events.pop().unwrap();
    assert_eq!(last.sequence, posted.sequence);
    let talk = v1::TalkToRequest {
        uids: vec!["member".into()],
    };
    let direct: v1::RoomResponse = ada.ask(&admin, "talk-to", &talk).await.unwrap();
    let direct = direct.room.unwrap().id;
    ada.post(&admin, &direct, "between us").await.unwrap();

    let mut whole = Vec::new();
    for person in cast {
        let creds = natter.make_creds(&[&person.uid]).await;
        let name: &'static str = match person.uid.as_str() {
            "member" => "member",
            "stranger" => "stranger",
            "removed" => "removed",
            "suspended" => "suspended",
            "signed-out" => "signed out",
            _ => "guest",
        };
        whole.push(Who {
            is_let_in: !["suspended", "signed out"].contains(&name),
            is_guest: name == "guest",
            is_in: name == "member",
            is_one_of_two: name == "member",
            is_in_lobby: name == "guest",
            name,
            person,
            creds,
        });
    }
    ada.remove(&admin, &closed, "removed").await;
    ada.act("suspended", "suspend").await;
    let out = whole.iter().find(|who| who.name == "signed out").unwrap();
    out.person.submit("/logout", &[]).await;
    // Their terminals go with them where an administrator says so.
    natter.creds(&["--revoke", "signed-out"]).await;
    let scene = Scene {
        natter,
        closed,
        lobby,
        other_open,
        direct,
        said: v1::Position {
            room_id: String::new(),
            sequence: posted.sequence,
            key: last.event.unwrap().key,
        },
    };
    (scene, whole)
}

async fn subscriptions(scene: &Scene, who: &Who, way: &str, client: &Client, table: &mut Table) {
    let uid = &who.person.uid;
    let (closed, lobby, open) = (&scene.closed, &scene.lobby, &scene.other_open);
    let is_member = !who.is_guest;
    let mut rows = vec![
        (format!("_INBOX.{uid}.>"), true),
        (format!("_INBOX.{uid}.x"), true),
        (format!("natter.evt.user.{uid}"), true),
        (format!("natter.sig.user.{uid}"), true),
        (format!("{uid}.ping"), true),
        ("hello".into(), is_member),
        ("hello.>".into(), is_member),
        ("natter.prs.*".into(), is_member),
        // Who made the lobby is in it with the guest.
        ("natter.prs.ada".into(), true),
        ("natter.prs.member".into(), is_member || uid == "member"),
        (format!("natter.prs.{uid}"), true),
    ];
    for feed in ["evt", "sig"] {
        rows.extend([
            (format!("natter.{feed}.closed.{closed}"), who.is_in),
            (
                format!("natter.{feed}.open.{lobby}"),
                is_member || who.is_in_lobby,
            ),
            (format!("natter.{feed}.open.{open}"), is_member),
            (format!("natter.{feed}.open.*"), is_member),
            (format!("natter.{feed}.dm.ada.member"), who.is_one_of_two),
            (format!("natter.{feed}.dm.{uid}.*"), true),
            (format!("natter.{feed}.dm.*.{uid}"), true),
        ]);
        for wide in [
            "closed.*", "closed.>", "dm.*.*", "dm.>", "dm.ada.*", "*.*", "*", ">", "dir.>",
        ] {
            rows.push((format!("natter.{feed}.{wide}"), false));
        }
    }
    for never in [
        ">",
        "*",
        "*.>",
        "*.*",
        "natter.>",
        "natter.*.>",
        "natter.evt.user.*",
        "natter.evt.user.ada",
        "natter.evt.user.>",
        "natter.sig.user.*",
        "natter.sig.user.ada",
        "natter.sig.user.>",
        "natter.log.>",
        "natter.log.dir.>",
        "natter.log.open.*",
        "natter.svc.>",
        "natter.svc.*.post",
        "natter.svc.ada.>",
        "_INBOX.>",
        "_INBOX.*",
        "_INBOX.*.>",
        "_INBOX.ada.>",
        "_INBOX.SERVICE.>",
        "ada.ping",
        "*.ping",
        "ada.echo",
        "*.echo",
        "$JS.>",
        "$JS.API.>",
        "$JS.EVENT.>",
        "$JS.ACK.>",
        "$KV.>",
        "$O.>",
        "$SYS.>",
        "$SYS.ACCOUNT.>",
        "$SRV.>",
        "$SRV.PING",
        "$NRG.>",
        "_R_.>",
        "$MQTT.>",
    ] {
        rows.push((never.into(), false));
    }
    rows.push((format!("natter.log.closed.{closed}"), false));
    rows.push((format!("natter.svc.{uid}.post"), false));
    for (subject, may) in rows {
        let is = may_subscribe(client, &subject).await;
        let what = format!("hear {subject}");
        table.row(who.name, way, &short(&what, scene), must(may), must(is));
    }
}

async fn publications(scene: &Scene, who: &Who, way: &str, client: &Client, table: &mut Table) {
    let uid = &who.person.uid;
    let is_member = !who.is_guest;
    let length = scene.natter.log_length().await;
    let mut rows = vec![
        (format!("natter.svc.{uid}.nothing-such"), true),
        (format!("{uid}.echo"), true),
        (format!("{uid}.ping"), true),
        ("hello".into(), is_member),
        ("hello.x".into(), is_member),
    ];
    for never in [
        "natter.svc.ada.post",
        "natter.svc.ada.remove",
        "ada.echo",
        "ada.ping",
        "natter.prs.ada",
        "natter.log.dir.person.eve",
        "natter.log.user.ada",
        "natter.evt.user.ada",
        "natter.sig.user.ada",
        "_INBOX.ada.x",
        "_INBOX.x",
        "$SRV.PING",
        "$SRV.INFO.natter",
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.LOG",
        "$JS.API.STREAM.PURGE.LOG",
        "$JS.API.STREAM.DELETE.LOG",
        "$JS.API.STREAM.UPDATE.LOG",
        "$JS.API.STREAM.MSG.GET.LOG",
        "$JS.API.STREAM.MSG.DELETE.LOG",
        "$JS.API.DIRECT.GET.LOG",
        "$JS.API.STREAM.NAMES",
        "$JS.API.CONSUMER.CREATE.LOG",
        "$JS.API.CONSUMER.CREATE.LOG.x",
        "$JS.API.CONSUMER.DURABLE.CREATE.LOG.x",
        "$JS.API.CONSUMER.MSG.NEXT.LOG.x",
        "$JS.API.CONSUMER.LIST.LOG",
        "$JS.API.STREAM.SNAPSHOT.LOG",
        "$JS.API.STREAM.RESTORE.LOG",
        "$JS.API.STREAM.INFO.KV_natter-sessions",
        "$JS.API.STREAM.MSG.GET.KV_natter-credentials",
        "$JS.API.DIRECT.GET.KV_natter-sessions",
        "$JS.ACK.LOG.x",
        "$KV.natter-sessions.ada.x",
        "$KV.natter-credentials.x",
        "$KV.natter-creds.x",
        "$KV.natter-invitations.x",
        "$KV.natter-oidc.x",
        "$KV.natter-read.ada",
        "$JS.API.STREAM.MSG.GET.KV_natter-read",
        "$O.natter-files.C.x",
        "$SYS.REQ.USER.INFO",
        "$SYS.REQ.USER.AUTH",
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
        "$SYS.REQ.CLAIMS.UPDATE",
    ] {
        rows.push((never.into(), false));
    }
    for (kind, room) in [("closed", &scene.closed), ("open", &scene.lobby)] {
        for space in ["log", "evt", "sig"] {
            rows.push((format!("natter.{space}.{kind}.{room}"), false));
        }
    }
    rows.push(("natter.log.dm.ada.member".into(), false));
    for (subject, may) in rows {
        let is = may_publish(client, &subject, Headers::default()).await;
        let what = format!("publish {subject}");
        table.row(who.name, way, &short(&what, scene), must(may), must(is));
    }
    // Headers that mean something to JetStream, on what natter reads: they get nowhere.
    for (name, value) in [
        ("Nats-Sequence", "1"),
        ("Nats-Subject", "natter.evt.user.ada"),
        ("Nats-Msg-Id", "ada:x"),
        ("Nats-Rollup", "all"),
        ("Nats-TTL", "1s"),
        ("Nats-Schedule-Target", "natter.log.dir.x"),
    ] {
        let mut headers = Headers::default();
        headers.append(name, value).unwrap();
        let subject = format!("natter.svc.{uid}.post");
        may_publish(client, &subject, headers).await;
        let _ = does(client, uid, "heads", Vec::new()).await;
        let wrote = scene.natter.log_length().await != length;
        let what = format!("make natter write by the header {name}");
        table.row(who.name, way, &what, Must::NotBe, must(wrote));
    }
}

/// Answers where nobody should get them.
async fn injections(scene: &Scene, who: &Who, way: &str, client: &Client, table: &mut Table) {
    let uid = &who.person.uid;
    let length = scene.natter.log_length().await;
    for reply in [
        "_INBOX.ada.x".to_owned(),
        format!("natter.log.closed.{}", scene.closed),
        format!("natter.evt.closed.{}", scene.closed),
        "natter.evt.user.ada".into(),
        "$JS.API.STREAM.PURGE.LOG".into(),
        "$KV.natter-sessions.x".into(),
    ] {
        let request = v1::PostRequest {
            room_id: scene.lobby.clone(),
            ulid: ulid(),
            text: "not this way".into(),
        };
        let sent = client
            .publish_message(Outgoing {
                subject: format!("natter.svc.{uid}.post"),
                reply: Some(reply.clone()),
                payload: request.encode_to_vec().into(),
                ..Outgoing::default()
            })
            .await;
        sent.unwrap();
        // What was asked after it is answered: it has been seen.
        let _ = does(client, uid, "heads", Vec::new()).await;
        let wrote = scene.natter.log_length().await != length;
        let what = format!("have the answer sent to {reply}");
        table.row(
            who.name,
            way,
            &short(&what, scene),
            Must::NotBe,
            must(wrote),
        );
    }
}

async fn commands(scene: &Scene, who: &Who, client: &Client, table: &mut Table) {
    let uid = &who.person.uid;
    let is_member = !who.is_guest;
    let reads_lobby = is_member || who.is_in_lobby;
    let post = |room: &str, text: &str| {
        v1::PostRequest {
            room_id: room.into(),
            ulid: ulid(),
            text: text.into(),
        }
        .encode_to_vec()
    };
    let history = |room: &str| {
        v1::HistoryRequest {
            room: room.into(),
            ..v1::HistoryRequest::default()
        }
        .encode_to_vec()
    };
    let members = |room: &str| {
        let asked = v1::MembersRequest {
            room: room.into(),
            ..v1::MembersRequest::default()
        };
        asked.encode_to_vec()
    };
    let join = |room: &str| {
        v1::JoinRequest {
            room_id: room.into(),
        }
        .encode_to_vec()
    };
    let invite = |room: &str| {
        v1::InviteRequest {
            room_id: room.into(),
            uids: vec![uid.clone()],
        }
        .encode_to_vec()
    };
    let remove = |room: &str| {
        v1::RemoveRequest {
            room_id: room.into(),
            uid: "ada".into(),
        }
        .encode_to_vec()
    };
    let change = |room: &str| {
        v1::ChangeRoomRequest {
            room_id: room.into(),
            topic: Some("mine".into()),
            ..v1::ChangeRoomRequest::default()
        }
        .encode_to_vec()
    };
    let (closed, lobby, open) = (&scene.closed, &scene.lobby, &scene.other_open);
    let rows = [
        (
            "history of the closed room",
            "history",
            history(closed),
            who.is_in,
        ),
        (
            "history of the closed room by name",
            "history",
            history("Board"),
            who.is_in,
        ),
        (
            "history of a guest’s room",
            "history",
            history(lobby),
            reads_lobby,
        ),
        (
            "history of an open room",
            "history",
            history(open),
            is_member,
        ),
        (
            "history of general",
            "history",
            history("general"),
            is_member,
        ),
        (
            "history of others’ direct messages",
            "history",
            history(&scene.direct),
            who.is_one_of_two,
        ),
        (
            "members of the closed room",
            "members",
            members(closed),
            who.is_in,
        ),
        (
            "members of others’ direct messages",
            "members",
            members(&scene.direct),
            who.is_one_of_two,
        ),
        (
            "post to the closed room",
            "post",
            post(closed, "hi"),
            who.is_in,
        ),
        ("post to an open room", "post", post(open, "hi"), is_member),
        (
            "post to others’ direct messages",
            "post",
            post(&scene.direct, "hi"),
            who.is_one_of_two,
        ),
        (
            "post to a room that is not there",
            "post",
            post("nowhere", "hi"),
            false,
        ),
        ("join the closed room", "join", join(closed), who.is_in),
        (
            "join others’ direct messages",
            "join",
            join(&scene.direct),
            who.is_one_of_two,
        ),
        (
            "invite oneself to the closed room",
            "invite",
            invite(closed),
            who.is_in,
        ),
        (
            "remove the maker of the closed room",
            "remove",
            remove(closed),
            false,
        ),
        (
            "set the topic of the closed room",
            "change-room",
            change(closed),
            who.is_in,
        ),
    ];
    for (what, verb, payload, may) in rows {
        let done = does(client, uid, verb, payload).await;
        table.row(who.name, "command", what, must(may), must(done.is_ok()));
    }

    // Answers that are given, with what they must not hold.
    let position = v1::Position {
        room_id: closed.clone(),
        ..scene.said.clone()
    };
    let sync = v1::SyncRequest {
        positions: vec![
            position,
            v1::Position {
                room_id: closed.clone(),
                ..v1::Position::default()
            },
        ],
    };
    let synced = does(client, uid, "sync", sync.encode_to_vec())
        .await
        .unwrap();
    let synced = v1::SyncResponse::decode(synced.as_slice()).unwrap();
    let told = synced
        .rooms
        .iter()
        .any(|room| !room.gone || !room.events.is_empty());
    table.row(
        who.name,
        "command",
        "sync of the closed room",
        must(who.is_in),
        must(told),
    );

    let also = v1::HeadsRequest {
        also: vec![closed.clone(), scene.direct.clone()],
        ..v1::HeadsRequest::default()
    };
    let heads = does(client, uid, "heads", also.encode_to_vec())
        .await
        .unwrap();
    let heads = v1::HeadsResponse::decode(heads.as_slice()).unwrap();
    let names = |id: &str| {
        heads
            .rooms
            .iter()
            .any(|head| head.room.as_ref().unwrap().id == *id)
    };
    table.row(
        who.name,
        "command",
        "the closed room in heads",
        must(who.is_in),
        must(names(closed)),
    );
    let direct = must(names(&scene.direct));
    let what = "others’ direct messages in heads";
    table.row(who.name, "command", what, must(who.is_one_of_two), direct);

    let found = does(client, uid, "browse", Vec::new()).await.unwrap();
    let found = v1::BrowseResponse::decode(found.as_slice()).unwrap();
    let lists = |id: &str| {
        found
            .rooms
            .iter()
            .any(|one| one.room.as_ref().unwrap().id == *id)
    };
    table.row(
        who.name,
        "command",
        "the closed room in browse",
        Must::NotBe,
        must(lists(closed)),
    );
    table.row(
        who.name,
        "command",
        "an open room in browse",
        must(is_member),
        must(lists(open)),
    );

    let asked = v1::PeopleRequest {
        uids: vec!["ada".into(), "member".into()],
        ..v1::PeopleRequest::default()
    };
    let people = does(client, uid, "people", asked.encode_to_vec())
        .await
        .unwrap();
    let people = v1::PeopleResponse::decode(people.as_slice()).unwrap();
    let sees = |uid: &str| people.people.iter().any(|person| person.uid == uid);
    // Whoever made the lobby is in it.
    table.row(
        who.name,
        "command",
        "somebody of the same room",
        Must::Be,
        must(sees("ada")),
    );
    let what = "somebody of other rooms alone";
    table.row(
        who.name,
        "command",
        what,
        must(is_member),
        must(sees("member")),
    );
    let talk = v1::TalkToRequest {
        uids: vec!["member".into()],
    };
    if uid != "member" {
        let done = does(client, uid, "talk-to", talk.encode_to_vec()).await;
        let what = "talk to somebody of other rooms alone";
        table.row(
            who.name,
            "command",
            what,
            must(is_member),
            must(done.is_ok()),
        );
    }

    // Nothing of the closed room is in what was answered.
    let secret = b"for the board alone";
    let pages = [who.person.page("/").await, who.person.page("/rooms").await];
    let leaks = pages
        .iter()
        .any(|page| page.as_bytes().windows(secret.len()).any(|w| w == secret));
    table.row(
        who.name,
        "page",
        "the closed room’s words",
        Must::NotBe,
        must(leaks),
    );
}

/// Bytes that were seen to take a client down, to every subject that one may publish to.
async fn poison(scene: &Scene, who: &Who, table: &mut Table) {
    let uid = &who.person.uid;
    if !who.is_let_in {
        return;
    }
    let mut raw = Raw::connect(&scene.natter, &who.person.token).await;
    for subject in [
        format!("natter.svc.{uid}.post"),
        format!("natter.svc.{uid}.remove"),
        format!("{uid}.echo"),
        format!("{uid}.ping"),
    ] {
        raw.poison(uid, &subject).await;
        raw.settle().await;
        let client = who.person.connect().await;
        let heads = does(&client, uid, "heads", Vec::new()).await;
        client.close();
        let what = format!("stop natter by bytes to {subject}");
        table.row(who.name, "raw", &what, Must::NotBe, must(heads.is_err()));
    }
}

/// Without a session, over every way in.
async fn nobody(scene: &Scene, table: &mut Table) {
    let broker = scene.natter.server.broker().unwrap();
    let made_up = format!("ada.{}", "A".repeat(43));
    for token in ["", "x", made_up.as_str()] {
        let websocket = Client::connect(ConnectOptions {
            servers: vec![
                format!("ws://{}/", broker.websocket_addr())
                    .parse()
                    .unwrap(),
            ],
            ws_headers: vec![("Cookie".into(), format!("natter_session={token}"))],
            ..ConnectOptions::default()
        });
        let tcp = Client::connect(ConnectOptions {
            auth: natter::nats::Auth::Token(token.to_owned()),
            ..scene.natter.over_tcp()
        });
        for (way, client) in [("websocket", websocket), ("tcp", tcp)] {
            let what = format!("connect with the token {:?}", &token[..token.len().min(9)]);
            let is = must(is_let_in(&client).await);
            table.row("nobody", way, &what, Must::NotBe, is);
            client.close();
        }
    }
    let http = crate::support::stranger();
    for path in [
        "/nats",
        "/nats/",
        "/nats/leafnode",
        "/nats/mqtt",
        "/leafnode",
        "/mqtt",
    ] {
        let handshake = http
            .get(scene.natter.url(path))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send();
        let upgraded = handshake.await.unwrap().status() == StatusCode::SWITCHING_PROTOCOLS;
        let what = format!("a WebSocket at {path}");
        table.row("nobody", "tunnel", &what, Must::NotBe, must(upgraded));
    }
}

fn short(what: &str, scene: &Scene) -> String {
    what.replace(&scene.closed, "<closed>")
        .replace(&scene.lobby, "<lobby>")
        .replace(&scene.other_open, "<open>")
}

/// What is heard is right too: a member hears the closed room, and headers of the broker's alone.
#[tokio::test]
async fn headers_that_a_member_sends_do_not_come_out() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    let client = ada.connect().await;
    let mut feed = client
        .subscribe(&format!("natter.evt.closed.{room}"))
        .await
        .unwrap();
    client.flush().await.unwrap();
    let request = v1::PostRequest {
        room_id: room,
        ulid: ulid(),
        text: "hi".into(),
    };
    let mut headers = Headers::default();
    for (name, value) in [
        ("Nats-Sequence", "1"),
        ("Nats-Rollup", "all"),
        ("Nats-Msg-Id", "x"),
        ("Mine", "yes"),
    ] {
        headers.append(name, value).unwrap();
    }
    let message = Outgoing {
        subject: "natter.svc.ada.post".into(),
        reply: Some("_INBOX.ada.r".into()),
        payload: request.encode_to_vec().into(),
        headers,
    };
    client.publish_message(message).await.unwrap();
    let heard = timeout(SOON, feed.next()).await.unwrap().unwrap();
    assert_eq!(heard.headers.last("Mine"), None);
    assert_eq!(heard.headers.last("Nats-Rollup"), None);
    assert_ne!(heard.headers.last("Nats-Sequence"), Some("1"));
    let event = v1::Event::decode(heard.payload).unwrap();
    assert!(matches!(event.body, Some(Body::MessagePosted(posted)) if posted.text == "hi"));
    assert!(timeout(A_MOMENT, feed.next()).await.is_err());
}
