//! More long messages than one answer can hold: all of them arrive, on every path, and none is requested
//! twice.

use std::time::Duration;

use natter::client::Rules;
use natter::domain::{RoomId, limits};
use natter::nats::Client;
use tokio::time::{sleep, timeout};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::filled::{Filler, long_with};
use crate::headless::Headless;
use crate::services::{all_say, endpoint, monitor};
use crate::support::{Natter, Person, SOON};

/// How often natter was asked this.
async fn asked(monitor: &Client, verb: &str) -> u64 {
    let told = all_say(monitor, "STATS", 1).await;
    endpoint(&told[0], verb)["num_requests"].as_u64().unwrap()
}

fn shown(person: &Headless, room: &RoomId) -> Vec<String> {
    let log = person.log(room);
    let entries = log.iter().flat_map(|log| log.entries().to_vec());
    let text = |entry: natter::domain::LogEntry| match entry.what {
        natter::domain::What::Message { text } => Some(text.trim_start_matches('𠀀').to_owned()),
        _ => None,
    };
    entries.filter_map(text).collect()
}

async fn soon_shows(person: &Headless, room: &RoomId, all: &[String]) {
    let come = timeout(2 * SOON, async {
        while shown(person, room) != all {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let come = come.await;
    let shown = shown(person, room);
    assert!(come.is_ok(), "{} of {} are shown", shown.len(), all.len());
}

#[tokio::test]
async fn who_was_away_for_long_messages_catches_up_with_a_bounded_number_of_requests() {
    const AWAY: usize = 150;
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ada.connect().await;
    let id = ada.general(&client).await;
    let room = RoomId::parse(&id).unwrap();
    let monitor = monitor(&natter).await;
    let place = format!("open.{id}");
    let mut filler = Filler::of(&natter).await;
    for number in 0..AWAY {
        let text = long_with(limits::MESSAGE_CHARS, number);
        filler.message(&place, "ada", &text).await;
    }
    filler.done().await;

    let way = FaultProxy::start(natter.addr()).await;
    let rooms = vec![room.clone()];
    let ben = Headless::begin("ben", &ben.cookie, way.addr(), rooms, Rules::default());
    let numbered = |numbers: std::ops::Range<usize>| {
        numbers
            .map(|number| format!("{number:06}"))
            .collect::<Vec<_>>()
    };
    // A page of messages of 16 kB has as many as fit.
    let first = timeout(SOON, async {
        loop {
            let first = shown(&ben, &room);
            if !first.is_empty() {
                return first;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    let first = first.await.expect("the first page");
    assert_eq!(first, numbered(AWAY - first.len()..AWAY));
    // "Show earlier messages", to the first.
    let mut pages = 1;
    while ben.log(&room).unwrap().has_earlier() {
        let before = shown(&ben, &room).len();
        ben.load_earlier(&room);
        let more = timeout(SOON, async {
            while shown(&ben, &room).len() == before && ben.log(&room).unwrap().has_earlier() {
                sleep(Duration::from_millis(10)).await;
            }
        });
        more.await.expect("an earlier page");
        pages += 1;
    }
    soon_shows(&ben, &room, &numbered(0..AWAY)).await;
    assert!(pages <= AWAY / 10, "{pages} pages");

    way.set(Fault::Refuse);
    way.cut();
    for number in AWAY..2 * AWAY {
        let text = long_with(limits::MESSAGE_CHARS, number);
        filler.message(&place, "ada", &text).await;
    }
    filler.done().await;
    let before = asked(&monitor, "sync").await;
    way.set(Fault::Pass);
    ben.wake();
    soon_shows(&ben, &room, &numbered(0..2 * AWAY)).await;
    // 150 messages of 16 kB are 2.4 MB, and an answer holds 256 kB; nothing is asked for after the last.
    let requests = asked(&monitor, "sync").await - before;
    assert!((10..=20).contains(&requests), "{requests} requests");
    sleep(Duration::from_secs(1)).await;
    let later = asked(&monitor, "sync").await - before;
    assert!(later <= requests + 2, "{later} requests, and still asking");
    ben.end();
}
