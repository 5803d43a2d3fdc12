//! The applicative server: what a request gets, whatever it is, and what is told of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use natter::nats::{Client, ConnectOptions, Message, Outgoing};
use natter::server::Failure;
use natter::server::broker::ServiceUser;
use natter::server::limits::Limits;
use natter::server::router::{CurrentUser, Proto, Router, Wires};
use natter::wire::echo::{EchoRequest, EchoResponse};
use natter::wire::pingpong::{PingRequest, PingResponse};
use natter::wire::v1::{self, RoomKind};
use prost::Message as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::{A_MOMENT, Natter, Person, SOON, answer, with_creds};

fn hi() -> Vec<u8> {
    EchoRequest {
        message: "hi".into(),
    }
    .encode_to_vec()
}

fn ping(origin: &str, destination: &str) -> Vec<u8> {
    PingRequest {
        destination: destination.into(),
        origin: origin.into(),
        message: "ball".into(),
        answer: false,
    }
    .encode_to_vec()
}

/// Asks, and reads the answer or the failure.
async fn ask<A: prost::Message + Default>(
    client: &Client,
    subject: &str,
    payload: Vec<u8>,
) -> Result<A, v1::Failure> {
    let reply = client.request(subject, payload.into(), SOON).await;
    answer(reply.unwrap())
}

/// A program that watches over the services.
pub async fn monitor(natter: &Natter) -> Client {
    let creds = natter.make_creds(&["--service", "monitor"]).await;
    let monitor = Client::connect(ConnectOptions {
        auth: with_creds(&creds),
        inbox_prefix: "_INBOX.SERVICE.monitor".into(),
        ..natter.over_tcp()
    });
    monitor.connected().await.unwrap();
    monitor
}

/// What two natters say of themselves.
async fn both_say(monitor: &Client, verb: &str) -> Vec<Value> {
    all_say(monitor, verb, 2).await
}

/// What this many natter servers answer.
pub async fn all_say(monitor: &Client, verb: &str, natters: usize) -> Vec<Value> {
    let inbox = "_INBOX.SERVICE.monitor.all";
    let replies = monitor.subscribe(inbox).await.unwrap();
    let question = Outgoing {
        subject: format!("$SRV.{verb}"),
        reply: Some(inbox.into()),
        ..Outgoing::default()
    };
    monitor.publish_message(question).await.unwrap();
    let replies: Vec<_> = tokio::time::timeout(SOON, replies.take(natters).collect())
        .await
        .unwrap();
    let told = replies.iter().map(|reply: &Message| &reply.payload);
    told.map(|told| serde_json::from_slice(told).unwrap())
        .collect()
}

pub fn endpoint<'a>(told: &'a Value, name: &str) -> &'a Value {
    let endpoints = told["endpoints"].as_array().unwrap();
    endpoints.iter().find(|e| e["name"] == name).unwrap()
}

#[tokio::test]
async fn a_ball_is_passed_on_and_does_not_come_round() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let (ada, ben) = (
        Person::sign_up(&natter, "ada").await,
        Person::sign_up(&natter, "ben").await,
    );
    let (ada, ben) = (ada.connect().await, ben.connect().await);
    let mut adas = ada.subscribe("ada.ping").await.unwrap();
    ada.flush().await.unwrap();

    let PingResponse {} = ask(&ben, "ben.ping", ping("ben", "ada")).await.unwrap();
    let got = tokio::time::timeout(SOON, adas.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.reply, None);
    let got = PingRequest::decode(got.payload).unwrap();
    assert_eq!((got.origin.as_str(), got.message.as_str()), ("ben", "ball"));
    // Without a reply subject it is passed on as well.
    ben.publish("ben.ping", ping("ben", "ada").into())
        .await
        .unwrap();
    assert!(tokio::time::timeout(SOON, adas.next()).await.is_ok());

    let refused = ask::<PingResponse>(&ben, "ben.ping", ping("ada", "ada")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), v1::FailureKind::Forbidden);
    assert!(refused.reason.contains("you are ben"), "{refused:?}");
    for destination in ["ben", "no body", ""] {
        let refused = ask::<PingResponse>(&ben, "ben.ping", ping("ben", destination)).await;
        assert_eq!(refused.unwrap_err().kind(), v1::FailureKind::Invalid);
    }
    // Somebody's own forgery of a relay is nobody's request.
    ben.publish("ben.ping", ping("ada", "ada").into())
        .await
        .unwrap();
    tokio::time::sleep(A_MOMENT).await;
    assert!(tokio::time::timeout(A_MOMENT, adas.next()).await.is_err());

    // What natter has passed on counts neither as a request nor against whom it was passed to.
    let stats = both_say(&monitor(&natter).await, "STATS").await;
    let counts = stats
        .iter()
        .map(|told| &endpoint(told, "ping")["num_requests"]);
    assert_eq!(counts.map(|n| n.as_u64().unwrap()).sum::<u64>(), 6);
    drop(beside);
}

#[tokio::test]
async fn a_guest_reaches_those_whom_they_may_see_and_learns_of_no_other() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (adas, bens) = (ada.connect().await, ben.connect().await);
    let lobby = ada.make_room(&adas, RoomKind::Open, "Lobby").await;
    let link = ada.invitation("guest", "Lobby").await;
    let guest = Person::accept(&natter, "guest", &link).await;
    let guests = guest.connect().await;
    let mut heard_by_ada = adas.subscribe("ada.ping").await.unwrap();
    let mut heard_by_ben = bens.subscribe("ben.ping").await.unwrap();
    for client in [&adas, &bens] {
        client.flush().await.unwrap();
    }

    // Ada is in the lobby with the guest, ben is not, and there is no eve.
    let refused = async |whom| {
        let refused = ask::<PingResponse>(&guests, "guest.ping", ping("guest", whom)).await;
        refused.unwrap_err()
    };
    assert_eq!(refused("ben").await.kind(), v1::FailureKind::NotFound);
    assert_eq!(refused("ben").await, refused("eve").await);
    let PingResponse {} = ask(&guests, "guest.ping", ping("guest", "ada"))
        .await
        .unwrap();
    assert!(
        tokio::time::timeout(SOON, heard_by_ada.next())
            .await
            .is_ok()
    );
    assert!(
        tokio::time::timeout(A_MOMENT, heard_by_ben.next())
            .await
            .is_err()
    );
    // A member reaches everybody.
    let PingResponse {} = ask(&bens, "ben.ping", ping("ben", "guest")).await.unwrap();

    // Whatever else takes a name.
    let uids = |whom: &str| vec![whom.to_owned()];
    let room_id = lobby.as_str();
    let told = async |verb: &str, question: &dyn Fn(&str) -> Vec<u8>| {
        let mut told = Vec::new();
        for whom in ["ben", "eve"] {
            let subject = format!("natter.svc.guest.{verb}");
            let reply = guests
                .request(&subject, question(whom).into(), SOON)
                .await
                .unwrap();
            told.push(String::from_utf8_lossy(&reply.payload).replace(whom, "WHOM"));
        }
        assert_eq!(told[0], told[1], "{verb}");
        told.remove(0)
    };
    let talk_to = |whom: &str| v1::TalkToRequest { uids: uids(whom) }.encode_to_vec();
    assert!(
        told("talk-to", &talk_to)
            .await
            .contains("nobody of that name")
    );
    let both = |whom: &str| {
        let uids = vec![whom.to_owned(), "ada".to_owned()];
        v1::TalkToRequest { uids }.encode_to_vec()
    };
    assert!(told("talk-to", &both).await.contains("nobody of that name"));
    let people = |whom: &str| {
        v1::PeopleRequest {
            uids: uids(whom),
            ..v1::PeopleRequest::default()
        }
        .encode_to_vec()
    };
    assert_eq!(told("people", &people).await, "");
    let invite = |whom: &str| {
        let (room_id, uids) = (room_id.to_owned(), uids(whom));
        v1::InviteRequest { room_id, uids }.encode_to_vec()
    };
    assert!(told("invite", &invite).await.contains("Guests may not"));
    let remove = |whom: &str| {
        let (room_id, uid) = (room_id.to_owned(), whom.to_owned());
        v1::RemoveRequest { room_id, uid }.encode_to_vec()
    };
    assert!(
        told("remove", &remove)
            .await
            .contains("may send people away")
    );
}

#[tokio::test]
async fn of_two_natters_one_answers_each_request() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await.connect().await;
    let mut replies = ada.subscribe("_INBOX.ada.once.*").await.unwrap();
    // As many as one person may ask at once.
    for n in 0..90 {
        let asked = Outgoing {
            subject: "ada.echo".into(),
            reply: Some(format!("_INBOX.ada.once.{n}")),
            payload: hi().into(),
            ..Outgoing::default()
        };
        ada.publish_message(asked).await.unwrap();
    }
    let mut answered = BTreeSet::new();
    for _ in 0..90 {
        let reply = tokio::time::timeout(SOON, replies.next()).await.unwrap();
        answered.insert(reply.unwrap().subject.as_str().to_owned());
    }
    assert_eq!(answered.len(), 90);
    let more = tokio::time::timeout(A_MOMENT, replies.next()).await;
    assert!(more.is_err(), "answered twice");
    let stats = both_say(&monitor(&natter).await, "STATS").await;
    let counts = stats
        .iter()
        .map(|told| endpoint(told, "echo")["num_requests"].as_u64());
    let counts: Vec<_> = counts.map(Option::unwrap).collect();
    assert_eq!(counts.iter().sum::<u64>(), 90);
    assert!(counts.iter().all(|n| *n > 0), "both work: {counts:?}");
    drop(beside);
}

#[tokio::test]
async fn whatever_a_handler_does_the_caller_is_told() {
    async fn panics(Proto(_): Proto<EchoRequest>) -> Proto<EchoResponse> {
        panic!("on purpose")
    }
    async fn panics_later(CurrentUser(_): CurrentUser) -> Proto<EchoResponse> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        panic!("on purpose")
    }
    async fn refuses(CurrentUser(who): CurrentUser) -> Result<Proto<EchoResponse>, Failure> {
        Err(Failure::forbidden(format!("Not you, {who}.")))
    }
    async fn overflows(Proto(_): Proto<EchoRequest>) -> Proto<EchoResponse> {
        Proto(EchoResponse {
            message: "x".repeat(2_000_000),
        })
    }
    async fn echoes(Proto(echo): Proto<EchoRequest>) -> Proto<EchoResponse> {
        Proto(EchoResponse {
            message: echo.message,
        })
    }
    let natter = Natter::start().await;
    let stop = CancellationToken::new();
    let router = Router::new(())
        .route("*.echo.panic", panics)
        .route("*.echo.panic-later", panics_later)
        .route("*.echo.refuse", refuses)
        .route("*.echo.overflow", overflows)
        .route("*.echo.good", echoes);
    let wires = Wires {
        reader: natter.reader().await,
        writer: natter.as_service(ServiceUser::Chat).await,
        limits: Limits::default(),
        cut_off: Arc::new(|_| {}),
    };
    let _served = router.serve(wires, stop.clone()).await.unwrap();

    let ada = Person::sign_up(&natter, "ada").await.connect().await;
    let kind_of = |failure: Result<EchoResponse, v1::Failure>| failure.unwrap_err().kind();
    for verb in ["panic", "panic-later"] {
        let subject = format!("ada.echo.{verb}");
        let told = ask(&ada, &subject, hi()).await;
        assert_eq!(kind_of(told), v1::FailureKind::Unspecified, "{verb}");
    }
    let told = ask(&ada, "ada.echo.refuse", hi()).await;
    assert_eq!(kind_of(told), v1::FailureKind::Forbidden);
    let told = ask(&ada, "ada.echo.overflow", hi()).await;
    assert_eq!(kind_of(told), v1::FailureKind::TooLarge);
    let told = ask(&ada, "ada.echo.good", vec![0xff; 9]).await;
    assert_eq!(kind_of(told), v1::FailureKind::Invalid);
    let reply = ada
        .request("ada.echo.good", vec![0xff; 9].into(), SOON)
        .await;
    let headers = reply.unwrap().headers;
    assert_eq!(headers.last("Nats-Service-Error-Code"), Some("422"));
    assert_eq!(headers.last("Nats-Service-Error"), Some("invalid"));
    let told: EchoResponse = ask(&ada, "ada.echo.good", hi()).await.unwrap();
    assert_eq!(told.message, "hi", "and the server goes on");
}

#[tokio::test]
async fn natter_tells_how_its_services_are() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await.connect().await;
    let _: EchoResponse = ask(&ada, "ada.echo", hi()).await.unwrap();
    ask::<EchoResponse>(&ada, "ada.echo", vec![0xff; 9])
        .await
        .unwrap_err();
    ada.publish("ada.echo", hi().into()).await.unwrap();
    let elsewhere = Outgoing {
        subject: "ada.echo".into(),
        reply: Some("_INBOX.ben.x".into()),
        payload: hi().into(),
        ..Outgoing::default()
    };
    ada.publish_message(elsewhere).await.unwrap();
    ada.flush().await.unwrap();
    tokio::time::sleep(A_MOMENT).await;

    let monitor = monitor(&natter).await;
    let mut all = Vec::new();
    for verb in ["PING", "INFO", "STATS"] {
        for told in both_say(&monitor, verb).await {
            let kind = format!("io.nats.micro.v1.{}_response", verb.to_lowercase());
            assert_eq!(told["type"], kind.as_str());
            assert_eq!(told["name"], "natter");
            all.push(told);
        }
    }
    let ids: BTreeSet<_> = all
        .iter()
        .map(|told| told["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);

    let echo = endpoint(&all[2], "echo");
    assert_eq!(echo["subject"], "*.echo");
    assert_eq!(echo["queue_group"], "natter");
    let metadata = &echo["metadata"];
    assert_eq!(metadata["request"], "echo.EchoRequest");
    assert_eq!(
        metadata["response_schema"],
        "message EchoResponse { string message = 1; }"
    );
    let sum = |name: &str| {
        let stats = all[4..].iter().map(|told| endpoint(told, "echo"));
        stats.map(|echo| echo[name].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("num_requests"), sum("num_errors")), (3, 1));
    let refused = all[4..]
        .iter()
        .map(|told| &endpoint(told, "echo")["data"]["refused"]);
    assert_eq!(refused.map(|n| n.as_u64().unwrap()).sum::<u64>(), 1);

    // One instance alone, and by who may ask alone.
    let id = all[0]["id"].as_str().unwrap();
    let reply = monitor
        .request(&format!("$SRV.PING.natter.{id}"), "".into(), SOON)
        .await;
    assert!(String::from_utf8_lossy(&reply.unwrap().payload).contains(id));
    assert!(ada.request("$SRV.PING", "".into(), SOON).await.is_err());
    assert!(
        monitor
            .request("monitor.echo", hi().into(), SOON)
            .await
            .is_err()
    );
    drop(beside);
}
