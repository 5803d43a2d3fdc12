//! A network that holds a connection open and passes nothing: whoever sends something notices, and
//! sends it on another connection.

use std::time::Duration;

use futures::StreamExt as _;
use natter::client::{Rules, logged_event};
use natter::domain::RoomId;
use natter::nats::Subscription;
use natter::wire::v1::event::Body;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::fault_proxy::FaultProxy;
use crate::headless::{Headless, text_of};
use crate::support::{Natter, Person, SOON};
use crate::terminal::Terminal;

/// Generous for a busy machine, and less than two PINGs that keep a connection alive need: the
/// connection is dead by the rule about answers.
const NOTICED: Duration = Duration::from_secs(50);

async fn hears(feed: &mut Subscription, text: &str) {
    let said = async {
        while let Some(message) = feed.next().await {
            let event = logged_event(&message).and_then(|logged| logged.event);
            if matches!(event.and_then(|event| event.body), Some(Body::MessagePosted(posted)) if posted.text == text)
            {
                return;
            }
        }
        panic!("the feed ended");
    };
    timeout(NOTICED, said).await.expect("it is heard");
}

async fn hears_rooms(ben: &Person) -> Subscription {
    let client = ben.connect().await;
    let feed = client.subscribe("natter.evt.open.*").await.unwrap();
    client.flush().await.unwrap();
    feed
}

#[tokio::test]
async fn what_a_page_sends_over_a_dead_connection_arrives_over_another() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let mut feed = hears_rooms(&ben).await;
    let room = ada.general(&ada.connect().await).await;
    let room = RoomId::parse(&room).unwrap();
    let way = FaultProxy::start(natter.addr()).await;
    let rooms = vec![room.clone()];
    let mut page = Headless::begin("ada", &ada.cookie, way.addr(), rooms, Rules::default());
    page.say(&room).await;
    hears(&mut feed, &text_of("ada", 1)).await;
    assert!(!page.was_told());

    way.hold();
    page.say(&room).await;
    hears(&mut feed, &text_of("ada", 2)).await;
    assert!(page.was_told(), "it says that it is reconnecting meanwhile");
    let is_settled = async {
        while !page.is_all_sent() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(2 * SOON, is_settled).await.expect("it is sent");
    page.end();
}

#[tokio::test]
async fn what_a_terminal_says_over_a_dead_connection_arrives_over_another() {
    let terminal = Terminal::of_ada().await;
    let ben = Person::sign_up(&terminal.natter, "ben").await;
    let mut feed = hears_rooms(&ben).await;
    let broker = terminal.natter.server.broker().unwrap().client_url();
    let broker = broker.trim_start_matches("nats://").parse().unwrap();
    let way = FaultProxy::start(broker).await;
    let url = format!("nats://{}", way.addr());
    let say = ["say", "--room", "general", "--lines"];
    let mut talker = terminal.command_at(&url, &say).spawn().unwrap();
    let mut input = talker.stdin.take().unwrap();
    input.write_all(b"one\n").await.unwrap();
    hears(&mut feed, "one").await;
    way.hold();
    input.write_all(b"two\n").await.unwrap();
    drop(input);
    hears(&mut feed, "two").await;
    let ended = timeout(2 * SOON, talker.wait()).await.expect("it ends");
    assert!(ended.unwrap().success());
}
