//! Acts of others end few of a person's connections, and nobody else's: nobody can keep a person
//! offline by bringing them in and removing them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use natter::client::Rules;
use natter::nats::{Client, Event, EventStream};
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, FailureKind, RoomKind};
use reqwest::{StatusCode, header};
use tokio::time::{sleep, timeout};

use crate::headless::Headless;
use crate::support::{A_MOMENT, Natter, Person, SOON};

/// The second look at connections is over by then.
const AFTER_THE_SECOND_LOOK: Duration = Duration::from_secs(8);

/// Removals of one person that several others can make in the time of a test.
const MOST_REMOVALS: usize = 10;

/// How often a connection was lost, or not made, by what it has told so far.
fn losses(events: &mut EventStream) -> usize {
    let told = std::iter::from_fn(|| events.next().now_or_never().flatten());
    let lost = told.filter(|event| {
        matches!(
            event,
            Event::Disconnected(_) | Event::ConnectFailed(_) | Event::AuthRefused
        )
    });
    lost.count()
}

async fn invite(by: &Person, client: &Client, room: &str, uid: &str) -> Result<(), v1::Failure> {
    let asked = v1::InviteRequest {
        room_id: room.into(),
        uids: vec![uid.into()],
    };
    let answer = by.ask::<v1::RoomResponse>(client, "invite", &asked).await;
    answer.map(drop)
}

async fn remove(by: &Person, client: &Client, room: &str, uid: &str) -> Result<(), v1::Failure> {
    let asked = v1::RemoveRequest {
        room_id: room.into(),
        uid: uid.into(),
    };
    let answer = by.ask::<v1::RoomResponse>(client, "remove", &asked).await;
    answer.map(drop)
}

#[tokio::test]
async fn a_removal_ends_the_connections_that_had_the_right_and_no_other() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let cleo = Person::sign_up(&natter, "cleo").await;
    let (a, c) = (ada.connect().await, cleo.connect().await);
    let room = ada.make_room(&a, RoomKind::Closed, "Board").await;

    let before = ben.connect().await;
    ada.invite(&a, &room, &["ben"]).await;
    let within = ben.connect().await;
    let (mut of_before, mut of_within) = (before.events(), within.events());
    let mut of_others = [a.events(), c.events()];
    ada.remove(&a, &room, "ben").await;
    let after = ben.connect().await;
    let mut of_after = after.events();
    let cut = async { while !matches!(of_within.next().await, Some(Event::Disconnected(_))) {} };
    timeout(SOON, cut)
        .await
        .expect("the connection with the right ends");

    sleep(AFTER_THE_SECOND_LOOK).await;
    assert_eq!(losses(&mut of_after), 0, "made after the removal");
    assert_eq!(losses(&mut of_before), 0, "made before they came in");
    assert_eq!(losses(&mut of_within), 0, "made anew since");
    for others in &mut of_others {
        assert_eq!(losses(others), 0, "of somebody else");
    }
}

#[tokio::test]
async fn a_guest_who_loses_an_open_room_is_cut_and_a_member_is_not() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let guest = Person::sign_up(&natter, "guest").await;
    ada.act("guest", "guest").await;
    let a = ada.connect().await;
    let room = ada.make_room(&a, RoomKind::Open, "Lobby").await;
    ada.invite(&a, &room, &["ben", "guest"]).await;
    let (b, g) = (ben.connect().await, guest.connect().await);
    let (mut of_member, mut of_guest) = (b.events(), g.events());
    ada.remove(&a, &room, "ben").await;
    ada.remove(&a, &room, "guest").await;
    let cut = async { while !matches!(of_guest.next().await, Some(Event::Disconnected(_))) {} };
    timeout(SOON, cut)
        .await
        .expect("the guest had a right to the room");
    assert_eq!(losses(&mut of_member), 0);
}

/// How often the broker was told to end a connection of this person, from now on.
async fn count_cuts(natter: &Natter, uid: &str) -> Arc<AtomicUsize> {
    let system = natter.as_service(ServiceUser::System).await;
    let subject = "$SYS.ACCOUNT.*.DISCONNECT";
    let mut ends = system.subscribe(subject).await.unwrap();
    system.flush().await.unwrap();
    let (count, prefix) = (Arc::new(AtomicUsize::new(0)), format!("{uid}."));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Some(end) = ends.next().await {
            let end: serde_json::Value = serde_json::from_slice(&end.payload).unwrap();
            let user = end["client"]["user"].as_str().unwrap_or_default();
            if user.starts_with(&prefix) && end["reason"] == "Kicked" {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop(system);
    });
    count
}

/// Brings ben into rooms of their own and removes them, and counts the removals that were done.
async fn harass(by: &Person, client: &Client, rounds: usize) -> usize {
    let mut done = 0;
    for round in 0..rounds {
        // Twice in each room: then it would take ben's consent.
        let name = format!("{} {round}", by.uid);
        let room = by.make_room(client, RoomKind::Closed, &name).await;
        for _ in 0..2 {
            let invited = invite(by, client, &room, "ben").await;
            // A page has made another connection by then.
            sleep(Duration::from_millis(100)).await;
            let removed = remove(by, client, &room, "ben").await;
            for refused in [&invited, &removed]
                .into_iter()
                .filter_map(|one| one.as_ref().err())
            {
                let kind = refused.kind();
                let is_expected = matches!(kind, FailureKind::TooMany | FailureKind::NotFound);
                assert!(is_expected, "{refused:?}");
            }
            done += usize::from(removed.is_ok());
        }
    }
    done
}

/// Four people bring somebody in and remove them in a loop, whose page connects anew each time. The
/// cuts are counted, and who else connects meanwhile notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_people_who_bring_somebody_in_and_remove_them_cut_them_a_few_times() {
    let natter = Natter::start().await;
    let mut others = Vec::new();
    for uid in ["ada", "cleo", "dora", "emil"] {
        let other = Person::sign_up(&natter, uid).await;
        let client = other.connect().await;
        others.push((other, client));
    }
    let ben = Person::sign_up(&natter, "ben").await;
    let frank = Person::sign_up(&natter, "frank").await;
    let page = Headless::begin(
        "ben",
        &ben.cookie,
        natter.addr(),
        Vec::new(),
        Rules::default(),
    );
    let cuts = count_cuts(&natter, "ben").await;
    let all = others.iter().map(|(by, client)| harass(by, client, 5));
    let passing = async {
        let mut lost = 0;
        for _ in 0..40 {
            let client = frank.dial();
            let mut events = client.events();
            client.flush().await.ok();
            lost += losses(&mut events);
            client.close();
        }
        lost
    };
    let (removals, lost) = tokio::join!(futures::future::join_all(all), passing);
    let removals: usize = removals.into_iter().sum();
    sleep(AFTER_THE_SECOND_LOOK).await;
    let cuts = cuts.load(Ordering::Relaxed);
    println!("{removals} removals, {cuts} connections of the removed cut, {lost} of others");
    assert_eq!(lost, 0, "who else connects at that time");
    // Each of the four has one more, and some come back with time.
    assert!(
        (4..=MOST_REMOVALS + 4 + 8).contains(&removals),
        "{removals} removals"
    );
    // While the page changes its connection it has two for a moment.
    assert!(
        cuts <= 2 * removals,
        "{cuts} connections cut by {removals} removals"
    );
    page.end();
}

#[tokio::test]
async fn removing_somebody_too_often_is_refused_with_when_to_try_again() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    Person::sign_up(&natter, "ben").await;
    let client = ada.connect().await;
    let mut refused = None;
    let mut last = String::new();
    for round in 0..MOST_REMOVALS + 5 {
        // Her own changes have another limit.
        sleep(Duration::from_millis(1_000)).await;
        let name = format!("Room {round}");
        last = ada.make_room(&client, RoomKind::Open, &name).await;
        ada.invite(&client, &last, &["ben"]).await;
        refused = remove(&ada, &client, &last, "ben").await.err();
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("there is a limit");
    assert_eq!(refused.kind(), FailureKind::TooMany);
    assert!(refused.retry_after_ms > 0);
    let expected = "ben has been removed from rooms too often. Try again in";
    assert!(refused.reason.starts_with(expected), "{}", refused.reason);

    let path = format!("/r/{last}/details");
    let form = [("of", "remove"), ("uids", "ben")];
    let answer = ada.submit(&path, &form).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert!(answer.text().await.unwrap().contains(expected));

    // What they do themselves, and what an administrator does to their account, is not counted.
    ada.act("ben", "suspend").await;
}

/// Is it refused before it was let in?
async fn is_refused(client: &Client) -> bool {
    let mut told = client.events();
    if client.server_info().is_some() {
        return false;
    }
    let first = async {
        while let Some(event) = told.next().await {
            match event {
                Event::Connected(_) => return false,
                Event::AuthRefused | Event::ConnectFailed(_) => return true,
                _ => {}
            }
        }
        false
    };
    timeout(SOON, first).await.unwrap()
}

/// The connections that somebody may make are used up; the one that was cut comes back all the same.
#[tokio::test]
async fn connecting_again_after_a_cut_is_not_charged() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let a = ada.connect().await;
    let room = ada.make_room(&a, RoomKind::Closed, "Board").await;
    ada.invite(&a, &room, &["ben"]).await;
    let client = ben.connect().await;
    let mut events = client.events();
    // Straight to the broker: the tunnel has a limit of its own.
    let broker = natter.server.broker().unwrap().websocket_addr();
    let dial = || {
        Person::dial_as(
            "ben",
            &ben.cookie,
            &format!("ws://{broker}/"),
            natter.addr(),
        )
    };
    let mut refused = 0;
    while refused <= 8 {
        let all: Vec<_> = (0..8).map(|_| dial()).collect();
        for one in &all {
            refused += usize::from(is_refused(one).await);
            one.close();
        }
        // Connections that have ended count for a second; that is another limit.
        while ben.get("/session").await.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = 0;
            sleep(A_MOMENT).await;
        }
    }
    ada.remove(&a, &room, "ben").await;
    let mut was_cut = false;
    let back = async {
        while let Some(event) = events.next().await {
            match event {
                Event::Disconnected(_) => was_cut = true,
                Event::Connected(_) if was_cut => return,
                Event::ConnectFailed(_) | Event::AuthRefused => panic!("{event:?}"),
                _ => {}
            }
        }
    };
    timeout(SOON, back).await.unwrap();
}
