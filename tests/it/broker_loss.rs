//! The broker dies; people go on.

use futures::StreamExt as _;
use natter::client::logged_event;
use natter::nats::Event;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::support::{Natter, Person, SOON, ulid};

#[tokio::test]
async fn after_a_killed_broker_people_are_connected_again_and_nothing_is_lost() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let room = ada.general(&a).await;
    let mut feed = b.subscribe("natter.evt.open.*").await.unwrap();
    b.flush().await.unwrap();
    ada.post(&a, &room, "before").await.unwrap();
    assert!(feed.next().await.is_some());

    let mut events = b.events();
    signal(&natter, Signal::KILL);
    let back = async { while !matches!(events.next().await, Some(Event::Connected(_))) {} };
    timeout(SOON, back).await.expect("ben is connected again");
    a.connected().await.unwrap();

    let posted = timeout(SOON, async {
        loop {
            // As the page's outbox does: again, until there is an answer.
            match ada.ask_raw(&a, "heads", Vec::new()).await {
                Ok(_) => return ada.post(&a, &room, "after").await.unwrap(),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    });
    let posted = posted.await.expect("natter answers again");
    let heard = timeout(SOON, feed.next()).await.unwrap().unwrap();
    assert_eq!(logged_event(&heard).unwrap().sequence, posted.sequence);
    let page = ada.page("/").await;
    assert!(page.contains("before") && page.contains("after"), "{page}");
}

#[tokio::test]
async fn while_the_broker_does_not_answer_nothing_that_was_typed_is_lost() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let room = ada.general(&ada.connect().await).await;
    let path = format!("/r/{room}");
    let key = ulid();
    let form = [
        ("ulid", key.as_str()),
        ("text", "typed with <care> & 'love'"),
    ];
    signal(&natter, Signal::STOP);
    let refused = ada.submit(&path, &form).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("typed with &lt;care> &amp; &#39;love&#39;"),
        "{page}"
    );
    assert!(page.contains(&key), "the same key");
    signal(&natter, Signal::CONT);
    let back = async { while ada.submit(&path, &form).await.status() != StatusCode::SEE_OTHER {} };
    timeout(SOON, back)
        .await
        .expect("it is taken when the broker is back");
    assert_eq!(ada.page(&path).await.matches("typed with").count(), 1);
}

fn signal(natter: &Natter, signal: Signal) {
    let pid = natter.server.broker().unwrap().pid().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}
