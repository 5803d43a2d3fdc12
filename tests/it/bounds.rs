//! Answers have a maximum size: each answer fits, however much there is, and asking for all parts brings
//! each item once.

mod queries;

use std::time::Duration;

use natter::client::Rules;
use natter::domain::limits;
use natter::nats::Client;
use natter::wire::echo::EchoRequest;
use natter::wire::pingpong::PingRequest;
use natter::wire::v1::{self, FailureKind, RoomKind};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::filled::{Filler, long, long_with, username};
use crate::headless::Headless;
use crate::services::{all_say, monitor};
use crate::support::{Natter, Person, SOON, failure_in, ulid};

use queries::{browse, heads, history, mark_read, members, people, sync};

const OPEN_ROOMS: usize = 1_073;
const GROUPS: usize = 112;
const PEOPLE: usize = 1_500;
/// Messages in each of the rooms in which something was said.
const MESSAGES: usize = 80;

/// The most that somebody may publish at once.
const MAY_PUBLISH: usize = 65_536;

fn open_room(number: usize) -> String {
    format!("open-{number:06}")
}

fn group(number: usize) -> String {
    format!("group-{number:06}")
}

/// The rooms in which something was said.
fn talkative() -> [String; 3] {
    [open_room(0), open_room(1), group(0)]
}

/// Ada's workspace: more of everything than one answer holds.
async fn fill(natter: &Natter) {
    let mut filler = Filler::of(natter).await;
    for number in 0..PEOPLE {
        filler.person(&username(number)).await;
    }
    for number in 0..OPEN_ROOMS {
        let name = long_with(limits::ROOM_NAME_CHARS, number);
        let id = open_room(number);
        filler.room(&id, RoomKind::Open, &name, &[]).await;
    }
    for number in 0..GROUPS {
        let others = (0..limits::GROUP_PEOPLE).map(|n| username(number * 9 + n));
        let members: Vec<_> = others.chain(["ada".to_owned()]).collect();
        let id = group(number);
        filler.room(&id, RoomKind::Closed, "", &members).await;
    }
    for room in talkative() {
        let kind = if room.starts_with("open") {
            "open"
        } else {
            "closed"
        };
        for number in 0..MESSAGES {
            // Each of somebody else, so that their names come too.
            let author = username(number);
            let text = long_with(limits::MESSAGE_CHARS, number);
            let place = format!("{kind}.{room}");
            filler.message(&place, &author, &text).await;
        }
    }
    filler.done().await;
}

/// Ada, as she asks.
struct Asker<'a> {
    ada: &'a Person,
    client: Client,
}

impl Asker<'_> {
    /// Asks on the subject until it is not too much at once, and holds the answer to the limit.
    async fn ask_on(&self, subject: &str, payload: Vec<u8>) -> Vec<u8> {
        loop {
            let asked = self.client.request(subject, payload.clone().into(), SOON);
            let reply = asked
                .await
                .unwrap_or_else(|error| panic!("{subject}: {error}"));
            match failure_in(&reply) {
                Some(failure) if failure.kind() == FailureKind::TooMany => {
                    sleep(Duration::from_millis(failure.retry_after_ms.into())).await;
                }
                Some(failure) => panic!("{subject}: {failure:?}"),
                None => {
                    let size = reply.payload.len();
                    assert!(size <= limits::ANSWER_BYTES, "{subject}: {size} bytes");
                    return reply.payload.to_vec();
                }
            }
        }
    }

    async fn ask<A: prost::Message + Default>(&self, verb: &str, asked: &impl prost::Message) -> A {
        let subject = format!("natter.svc.{}.{verb}", self.ada.uid);
        let answer = self.ask_on(&subject, asked.encode_to_vec()).await;
        A::decode(answer.as_slice()).unwrap()
    }

    /// All parts of a list, and holds that it is more than one answer holds. `part` asks for the part
    /// after a key, and gives what it holds and the key to go on after.
    async fn all_parts<A: prost::Message + Default>(
        &self,
        verb: &str,
        asked: impl Fn(String) -> Vec<u8>,
        part: impl Fn(A) -> (Vec<String>, String),
    ) -> Vec<String> {
        let subject = format!("natter.svc.{}.{verb}", self.ada.uid);
        let (mut all, mut after, mut size) = (Vec::new(), String::new(), 0);
        loop {
            let answer = self.ask_on(&subject, asked(after.clone())).await;
            size += answer.len();
            let (items, more) = part(A::decode(answer.as_slice()).unwrap());
            assert!(
                items.len() <= limits::ANSWER_ROWS,
                "{verb}: {}",
                items.len()
            );
            all.extend(items);
            if more.is_empty() {
                break;
            }
            assert!(more > after, "{verb}: {more} after {after}");
            after = more;
        }
        assert!(
            size > limits::ANSWER_BYTES,
            "{verb} is no test: {size} bytes"
        );
        all.sort_unstable();
        all
    }
}

/// A command that is answered with the room that it was about.
async fn about_a_room(asker: &Asker<'_>, verb: &str, asked: &impl prost::Message) {
    let answer: v1::RoomResponse = asker.ask(verb, asked).await;
    assert!(answer.room.is_some(), "{verb}");
}

/// Asks for what this endpoint has most of.
async fn overdo(asker: &Asker<'_>, endpoint: &str, general: &str) {
    let room_id = open_room(2);
    let uids = vec![username(0)];
    match endpoint {
        "browse" => browse(asker, general).await,
        "heads" => heads(asker, general).await,
        "history" => history(asker).await,
        "mark-read" => mark_read(asker).await,
        "members" => members(asker, general).await,
        "people" => people(asker).await,
        "sync" => sync(asker).await,
        "echo" | "echo-identified" => {
            let message = "x".repeat(MAY_PUBLISH - 8);
            let asked = EchoRequest { message }.encode_to_vec();
            let subject = format!("ada.{}", endpoint.replace('-', "."));
            asker.ask_on(&subject, asked).await;
        }
        "ping" => {
            let asked = PingRequest {
                origin: "ada".into(),
                destination: username(0),
                message: "x".repeat(MAY_PUBLISH - 128),
                answer: false,
            };
            asker.ask_on("ada.ping", asked.encode_to_vec()).await;
        }
        "post" => {
            let asked = v1::PostRequest {
                room_id,
                ulid: ulid(),
                text: long(limits::MESSAGE_CHARS),
            };
            let _: v1::PostResponse = asker.ask(endpoint, &asked).await;
        }
        "join" => about_a_room(asker, endpoint, &v1::JoinRequest { room_id }).await,
        "leave" => about_a_room(asker, endpoint, &v1::LeaveRequest { room_id }).await,
        "make-room" => {
            let asked = v1::MakeRoomRequest {
                kind: RoomKind::Open.into(),
                name: long_with(limits::ROOM_NAME_CHARS, OPEN_ROOMS),
                topic: long(limits::TOPIC_CHARS),
            };
            about_a_room(asker, endpoint, &asked).await;
        }
        "change-room" => {
            let asked = v1::ChangeRoomRequest {
                room_id: group(1),
                topic: Some(long_with(limits::TOPIC_CHARS, 1)),
                ..v1::ChangeRoomRequest::default()
            };
            about_a_room(asker, endpoint, &asked).await;
        }
        "mute" => {
            let (room_id, muted) = (group(1), true);
            about_a_room(asker, endpoint, &v1::MuteRequest { room_id, muted }).await;
        }
        "invite" => {
            let room_id = group(1);
            about_a_room(asker, endpoint, &v1::InviteRequest { room_id, uids }).await;
        }
        "remove" => {
            let (room_id, uid) = (group(1), username(9));
            about_a_room(asker, endpoint, &v1::RemoveRequest { room_id, uid }).await;
        }
        "talk-to" => about_a_room(asker, endpoint, &v1::TalkToRequest { uids }).await,
        unknown => panic!("how large can an answer of {unknown} be? Ask for the largest here"),
    }
}

#[tokio::test]
async fn every_answer_fits_and_asking_on_brings_everything_once() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let general = ada.general(&client).await;
    fill(&natter).await;
    let asker = Asker { ada: &ada, client };
    let told = all_say(&monitor(&natter).await, "INFO", 1).await;
    let endpoints = told[0]["endpoints"].as_array().unwrap();
    let names: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint["name"].as_str().unwrap())
        .collect();
    assert!(names.len() >= 19, "{names:?}");
    let size = told[0].to_string().len();
    assert!(size <= limits::ANSWER_BYTES, "$SRV.INFO: {size} bytes");
    println!("$SRV.INFO has {size} bytes");
    // What only reads comes first: commands change what is there.
    let reads = ["browse", "heads", "history", "members", "people", "sync"];
    let (queries, commands): (Vec<_>, Vec<_>) =
        names.iter().partition(|name| reads.contains(*name));
    assert_eq!(queries.len(), reads.len(), "{names:?}");
    for name in queries.into_iter().chain(commands) {
        overdo(&asker, name, &general).await;
    }
    // The page's own client has all of the sidebar, and pages can be made.
    let person = Headless::begin(
        "ada",
        &ada.cookie,
        natter.addr(),
        Vec::new(),
        Rules::default(),
    );
    let has_all = async {
        while person.sidebar().len() < GROUPS + 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(2 * SOON, has_all).await.expect("the whole sidebar");
    assert!(person.sidebar().is_sorted_by_key(v1::RoomHead::order));
    person.end();
    for path in ["/", "/rooms", "/people", &format!("/r/{}", open_room(0))] {
        assert_eq!(ada.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_same_room_two_hundred_times_is_one_room_and_one_answer() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let general = ada.general(&client).await;
    let mut filler = Filler::of(&natter).await;
    for number in 0..495 {
        let text = long_with(limits::MESSAGE_CHARS, number);
        let place = format!("open.{general}");
        filler.message(&place, "ada", &text).await;
    }
    filler.done().await;
    let position = v1::Position {
        room_id: general.clone(),
        ..v1::Position::default()
    };
    let asked = v1::SyncRequest {
        positions: vec![position; limits::SYNC_ROOMS],
    };
    assert!(asked.encoded_len() < 6_500, "{}", asked.encoded_len());
    let asker = Asker { ada: &ada, client };
    let answer: v1::SyncResponse = asker.ask("sync", &asked).await;
    let [part] = answer.rooms.as_slice() else {
        panic!("{} parts", answer.rooms.len());
    };
    assert!(part.more && !part.events.is_empty());
}
