//! Somebody who misses more of a room than one answer brings gets all of it, and asks little for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use natter::client::Rules;
use natter::domain::{LogEntry, RoomId, RoomLog, What, limits};
use natter::server::broker::ServiceUser;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::fault_proxy::{Fault, FaultProxy, Way};
use crate::filled::Filler;
use crate::headless::Headless;
use crate::support::{A_MOMENT, Natter, Person, SOON};
use crate::terminal::{Terminal, lines_of, next, text_of};

/// On its way to the client when the broker dies.
const UNDER_WAY: usize = 300;

/// And then more than `sync` brings.
const MISSED: usize = limits::SYNC_ENTRIES as usize + 40;

const ALL: usize = UNDER_WAY + MISSED;

/// How often somebody asked natter for what, from here on.
struct Asked(Arc<Mutex<HashMap<String, usize>>>);

impl Asked {
    async fn by(natter: &Natter, uid: &str) -> Self {
        let counts = Arc::<Mutex<HashMap<String, usize>>>::default();
        let service = natter.as_service(ServiceUser::Chat).await;
        let commands = format!("natter.svc.{uid}.*");
        let mut heard = service.subscribe(commands).await.unwrap();
        service.flush().await.unwrap();
        let counted = Arc::clone(&counts);
        tokio::spawn(async move {
            let _service = service;
            while let Some(message) = heard.next().await {
                let verb = message.subject.rsplit('.').next().unwrap_or_default();
                *counted.lock().unwrap().entry(verb.to_owned()).or_default() += 1;
            }
        });
        Self(counts)
    }

    fn count(&self, verb: &str) -> usize {
        let counts = self.0.lock().unwrap();
        counts.get(verb).copied().unwrap_or_default()
    }
}

/// Ben says so many things in a room that the broker had before it was killed, and then the rest.
async fn say_much(natter: &Natter, room: &str) {
    let place = format!("open.{room}");
    write(natter, &place, 0..UNDER_WAY).await;
    sleep(A_MOMENT).await;
    let pid = natter.server.broker().unwrap().pid().unwrap();
    signal(pid, Signal::KILL);
    let is_back = async {
        while natter.server.broker().unwrap().pid() == Some(pid)
            || natter.health().await.0 != StatusCode::OK
        {
            sleep(A_MOMENT).await;
        }
    };
    timeout(4 * SOON, is_back)
        .await
        .expect("the broker is back");
    write(natter, &place, UNDER_WAY..ALL).await;
}

async fn write(natter: &Natter, place: &str, numbers: std::ops::Range<usize>) {
    let mut filler = Filler::of(natter).await;
    for number in numbers {
        filler.message(place, "ben", &number.to_string()).await;
    }
    filler.done().await;
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_terminal_that_was_stopped_prints_all_that_was_said_meanwhile() {
    let terminal = Terminal::of_ada().await;
    let natter = &terminal.natter;
    let ben = Person::sign_up(natter, "ben").await;
    let room = ben.general(&ben.connect().await).await;
    terminal
        .says(&["say", "--room", "general", "before"], "")
        .await;
    let follow = ["tail", "--room", "general", "--follow", "--json"];
    let mut follower = terminal.command(&follow).spawn().unwrap();
    let mut heard = lines_of(&mut follower);
    assert_eq!(text_of(&next(&mut heard).await), "before");

    signal(follower.id().unwrap(), Signal::STOP);
    say_much(natter, &room).await;
    let asked = Asked::by(natter, "ada").await;
    signal(follower.id().unwrap(), Signal::CONT);
    for expected in 0..ALL {
        assert_eq!(text_of(&next(&mut heard).await), expected.to_string());
    }
    write(natter, &format!("open.{room}"), ALL..ALL + 1).await;
    assert_eq!(text_of(&next(&mut heard).await), ALL.to_string());
    let pages = ALL.div_ceil(limits::PAGE_MESSAGES as usize) + 1;
    let loads = asked.count("history");
    assert!(loads <= pages, "{loads} pages were loaded, not {pages}");
}

#[tokio::test]
async fn a_page_that_was_asleep_has_the_end_at_once_and_the_rest_when_somebody_looks_there() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let id = RoomId::parse(&room).unwrap();
    let way = FaultProxy::start(natter.addr()).await;
    let rooms = vec![id.clone()];
    let page = Headless::begin("ada", &ada.cookie, way.addr(), rooms, Rules::default());
    until(|| page.log(&id).is_some()).await;

    way.set(Fault::HalfOpen(Way::Both));
    say_much(&natter, &room).await;
    let asked = Asked::by(&natter, "ada").await;
    way.set(Fault::Pass);
    let last = (ALL - 1).to_string();
    until(|| {
        page.log(&id)
            .is_some_and(|log| texts(&log).last() == Some(&last))
    })
    .await;
    // What is still on its way does not load it again.
    sleep(A_MOMENT).await;
    let loads = asked.count("history");
    assert!(loads <= 2, "the room was loaded {loads} times");

    page.hold(&id);
    while let Some(log) = page.log(&id).filter(|log| log.has_earlier()) {
        let first = log.entries()[0].sequence;
        page.load_earlier(&id);
        until(|| {
            page.log(&id)
                .is_some_and(|log| log.entries()[0].sequence < first)
        })
        .await;
    }
    let all: Vec<_> = (0..ALL).map(|number| number.to_string()).collect();
    assert_eq!(texts(&page.log(&id).unwrap()), all);
    page.end();
}

fn texts(log: &RoomLog) -> Vec<String> {
    let text = |entry: &LogEntry| match &entry.what {
        What::Message { text } => Some(text.to_string()),
        _ => None,
    };
    log.entries().iter().filter_map(text).collect()
}

async fn until(is_so: impl Fn() -> bool) {
    let waited = timeout(4 * SOON, async {
        while !is_so() {
            sleep(A_MOMENT / 10).await;
        }
    });
    waited.await.expect("it comes");
}
