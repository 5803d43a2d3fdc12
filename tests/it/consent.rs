//! A person who left a room or was removed from it twice is invited, and decides, before they come in again.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use natter::client::logged_event;
use natter::nats::{Client, Subscription};
use natter::wire::v1::{self, FailureKind, MembershipChange, RoomKind, event::Body};
use reqwest::StatusCode;
use tokio::time::{sleep, timeout};

use crate::support::{Natter, Person, SOON};

type Outcome = Result<v1::RoomResponse, v1::Failure>;

async fn join(who: &Person, client: &Client, room: &str) -> Outcome {
    let asked = v1::JoinRequest {
        room_id: room.into(),
    };
    who.ask(client, "join", &asked).await
}

async fn leave(who: &Person, client: &Client, room: &str) -> Outcome {
    let asked = v1::LeaveRequest {
        room_id: room.into(),
    };
    who.ask(client, "leave", &asked).await
}

async fn invite(by: &Person, client: &Client, room: &str, uid: &str) -> Outcome {
    let asked = v1::InviteRequest {
        room_id: room.into(),
        uids: vec![uid.into()],
    };
    by.ask(client, "invite", &asked).await
}

async fn remove(by: &Person, client: &Client, room: &str, uid: &str) -> Outcome {
    let asked = v1::RemoveRequest {
        room_id: room.into(),
        uid: uid.into(),
    };
    by.ask(client, "remove", &asked).await
}

async fn members(who: &Person, client: &Client, room: &str) -> Vec<String> {
    let asked = v1::MembersRequest {
        room: room.into(),
        ..v1::MembersRequest::default()
    };
    let answer: v1::MembersResponse = who.ask(client, "members", &asked).await.unwrap();
    answer
        .members
        .into_iter()
        .map(|person| person.uid)
        .collect()
}

/// The rooms that somebody is invited into, and by whom.
async fn asked_into(who: &Person, client: &Client) -> Vec<(String, String)> {
    let answer: v1::BrowseResponse = who
        .ask(client, "browse", &v1::BrowseRequest::default())
        .await
        .unwrap();
    let invitations = answer.invitations.into_iter();
    invitations
        .map(|one| (one.room.unwrap().id, one.by.unwrap().uid))
        .collect()
}

fn change_of(message: &natter::nats::Message) -> Option<MembershipChange> {
    match logged_event(message)?.event?.body? {
        Body::MembershipChanged(changed) => Some(changed.change()),
        _ => None,
    }
}

/// What has become of somebody's memberships, as their own feed has told so far.
fn told(feed: &mut Subscription) -> Vec<MembershipChange> {
    let messages = std::iter::from_fn(|| feed.next().now_or_never().flatten());
    messages.filter_map(|message| change_of(&message)).collect()
}

/// Somebody was in a room of ada's twice, and is not now.
struct Scene {
    natter: Natter,
    ada: Person,
    a: Client,
    ben: Person,
    b: Client,
    room: String,
}

impl Scene {
    async fn start(kind: RoomKind) -> Self {
        let natter = Natter::start().await;
        let ada = Person::sign_up(&natter, "ada").await;
        let ben = Person::sign_up(&natter, "ben").await;
        let (a, b) = (ada.connect().await, ben.connect().await);
        let room = ada.make_room(&a, kind, "Board").await;
        for _ in 0..2 {
            ada.invite(&a, &room, &["ben"]).await;
            assert_eq!(members(&ada, &a, &room).await, ["ada", "ben"]);
            // Both count: that they go, and that somebody sends them away.
            leave(&ben, &b, &room).await.unwrap();
            b.connected().await.unwrap();
        }
        Self {
            natter,
            ada,
            a,
            ben,
            b,
            room,
        }
    }
}

#[tokio::test]
async fn after_the_second_time_they_are_asked_and_come_in_when_they_say_so() {
    for kind in [RoomKind::Closed, RoomKind::Open] {
        let scene = Scene::start(kind).await;
        let Scene {
            ada,
            a,
            ben,
            b,
            room,
            ..
        } = &scene;
        let cleo = Person::sign_up(&scene.natter, "cleo").await;
        let c = cleo.connect().await;
        let mut feed = b.subscribe("natter.evt.user.ben").await.unwrap();
        b.flush().await.unwrap();
        ada.invite(a, room, &["ben"]).await;
        assert_eq!(members(ada, a, room).await, ["ada"], "{kind:?}");
        let heard = timeout(SOON, feed.next()).await.unwrap().unwrap();
        assert_eq!(change_of(&heard), Some(MembershipChange::Invited));
        assert_eq!(asked_into(ben, b).await, [(room.clone(), "ada".into())]);
        assert_eq!(asked_into(&cleo, &c).await, []);

        // Once is enough.
        let length = scene.natter.log_length().await;
        ada.invite(a, room, &["ben"]).await;
        assert_eq!(scene.natter.log_length().await, length);

        if kind == RoomKind::Closed {
            // It is nobody else's, and is no right to read.
            assert_eq!(
                join(&cleo, &c, room).await.unwrap_err().kind(),
                FailureKind::NotFound
            );
            let post = ben.post(b, room, "hello?").await.unwrap_err();
            assert_eq!(post.kind(), FailureKind::NotFound);
            let asked = v1::HistoryRequest {
                room: room.clone(),
                ..v1::HistoryRequest::default()
            };
            let read: Result<v1::HistoryResponse, _> = ben.ask(b, "history", &asked).await;
            assert_eq!(read.unwrap_err().kind(), FailureKind::NotFound);
            let mut secret = b
                .subscribe(&format!("natter.evt.closed.{room}"))
                .await
                .unwrap();
            assert!(timeout(SOON, secret.next()).await.unwrap().is_none());
        }
        join(ben, b, room).await.unwrap();
        assert_eq!(members(ada, a, room).await, ["ada", "ben"]);
        assert_eq!(asked_into(ben, b).await, []);
        ben.post(b, room, "here I am").await.unwrap();
    }
}

#[tokio::test]
async fn whoever_declined_is_not_asked_again_for_some_time() {
    let Scene {
        natter,
        ada,
        a,
        ben,
        b,
        room,
    } = Scene::start(RoomKind::Closed).await;
    // There is nothing to decline yet.
    let nothing = ben
        .submit(&format!("/r/{room}/details"), &[("of", "decline")])
        .await;
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    ada.invite(&a, &room, &["ben"]).await;
    leave(&ben, &b, &room).await.unwrap();
    assert_eq!(asked_into(&ben, &b).await, []);
    assert_eq!(
        join(&ben, &b, &room).await.unwrap_err().kind(),
        FailureKind::NotFound
    );
    let length = natter.log_length().await;
    let refused = invite(&ada, &a, &room, "ben").await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Forbidden);
    assert!(refused.reason.contains("declined"), "{}", refused.reason);
    assert_eq!(natter.log_length().await, length);
    // It is about this room.
    let other = ada.make_room(&a, RoomKind::Closed, "Other").await;
    ada.invite(&a, &other, &["ben"]).await;
    assert_eq!(members(&ada, &a, &other).await, ["ada", "ben"]);
}

#[tokio::test]
async fn an_invitation_holds_while_whoever_made_it_may_make_it() {
    let Scene {
        natter,
        ada,
        a,
        ben,
        b,
        room,
    } = Scene::start(RoomKind::Closed).await;
    let cleo = Person::sign_up(&natter, "cleo").await;
    let c = cleo.connect().await;
    ada.invite(&a, &room, &["cleo"]).await;
    cleo.invite(&c, &room, &["ben"]).await;
    assert_eq!(asked_into(&ben, &b).await, [(room.clone(), "cleo".into())]);
    ada.remove(&a, &room, "cleo").await;
    assert_eq!(asked_into(&ben, &b).await, []);
    assert_eq!(
        join(&ben, &b, &room).await.unwrap_err().kind(),
        FailureKind::NotFound
    );
    // Somebody who may do so invites again.
    ada.invite(&a, &room, &["ben"]).await;
    assert_eq!(asked_into(&ben, &b).await, [(room.clone(), "ada".into())]);
    join(&ben, &b, &room).await.unwrap();
}

/// With scripts off: the invitation stands on the page of rooms, and both buttons are forms.
#[tokio::test]
async fn the_pages_show_it_to_both_and_work_with_scripts_off() {
    let Scene {
        ada,
        a,
        ben,
        room,
        natter,
        ..
    } = Scene::start(RoomKind::Closed).await;
    let details = format!("/r/{room}/details");
    assert!(!ben.page("/rooms").await.contains("invites you to join"));
    let form = [("of", "invite"), ("uids", "ben")];
    assert_eq!(
        ada.submit(&details, &form).await.status(),
        StatusCode::SEE_OTHER
    );
    let page = ada.page(&details).await;
    assert!(
        page.contains("<bdi>ben") && page.contains("is invited and has not answered yet"),
        "{page}"
    );
    let page = ben.page("/rooms").await;
    for part in [
        "<bdi>ada",
        "invites you to join",
        "Board",
        "Decline",
        "1 invitation",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // The page of somebody else does not accept it.
    let cleo = Person::sign_up(&natter, "cleo").await;
    let of_ben = [("page_of", "ben"), ("of", "join")];
    let refused = cleo.submit_as_it_is(&details, &of_ben).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(
        cleo.submit(&details, &[("of", "join")]).await.status(),
        StatusCode::NOT_FOUND
    );

    let joined = ben.submit(&details, &[("of", "join")]).await;
    assert_eq!(
        joined.headers()["location"].to_str().unwrap(),
        format!("/r/{room}")
    );
    assert_eq!(members(&ada, &a, &room).await, ["ada", "ben"]);
    // A page from before does not lead out again.
    let late = ben.submit(&details, &[("of", "decline")]).await;
    assert_eq!(late.status(), StatusCode::FORBIDDEN);
    assert_eq!(members(&ada, &a, &room).await, ["ada", "ben"]);

    ben.submit(&details, &[("of", "leave")]).await;
    ada.submit(&details, &form).await;
    let declined = ben.submit(&details, &[("of", "decline")]).await;
    assert_eq!(declined.headers()["location"].to_str().unwrap(), "/rooms");
    assert!(!ben.page("/rooms").await.contains("invites you to join"));
    let again = ada.submit(&details, &form).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert!(again.text().await.unwrap().contains("declined"));
}

/// Accepted in one tab and declined in another at once: one of the two counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_accepting_and_declining_at_once_one_takes_effect() {
    let scene = Scene::start(RoomKind::Closed).await;
    let Scene { ada, a, ben, b, .. } = &scene;
    let decline = [("of", "decline")];
    for round in 0..5 {
        let room = ada
            .make_room(a, RoomKind::Closed, &format!("Room {round}"))
            .await;
        for _ in 0..2 {
            ada.invite(a, &room, &["ben"]).await;
            leave(ben, b, &room).await.unwrap();
            b.connected().await.unwrap();
        }
        ada.invite(a, &room, &["ben"]).await;
        let details = format!("/r/{room}/details");
        let (joined, declined) = tokio::join!(join(ben, b, &room), ben.submit(&details, &decline));
        let is_declined = declined.status() == StatusCode::SEE_OTHER;
        assert_ne!(
            joined.is_ok(),
            is_declined,
            "{joined:?} {}",
            declined.status()
        );
        let is_in = members(ada, a, &room).await.contains(&"ben".to_owned());
        assert_eq!(is_in, joined.is_ok());
    }
}

/// Several bring somebody in at once while they are removed: without being asked they come in twice
/// at most, whatever was judged when.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_brought_in_a_third_time_however_it_races() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let room = ada.make_room(&a, RoomKind::Open, "Lobby").await;
    let mut others = Vec::new();
    for uid in ["cleo", "dora", "emil"] {
        let other = Person::sign_up(&natter, uid).await;
        let client = other.connect().await;
        join(&other, &client, &room).await.unwrap();
        others.push((other, client));
    }
    let mut feed = b.subscribe("natter.evt.user.ben").await.unwrap();
    b.flush().await.unwrap();
    let inviting = others.iter().map(|(by, client)| {
        let room = &room;
        async move {
            for _ in 0..8 {
                // Whatever becomes of it: they race.
                let _ = invite(by, client, room, "ben").await;
            }
        }
    });
    let removing = async {
        for _ in 0..8 {
            let _ = remove(&ada, &a, &room, "ben").await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(futures::future::join_all(inviting), removing);
    // The last of it, however far they came.
    for _ in 0..3 {
        let _ = remove(&ada, &a, &room, "ben").await;
        let _ = invite(&others[0].0, &others[0].1, &room, "ben").await;
    }
    b.flush().await.unwrap();
    let told = told(&mut feed);
    let count = |change| told.iter().filter(|one| **one == change).count();
    assert_eq!(count(MembershipChange::Added), 2, "{told:?}");
    assert_eq!(count(MembershipChange::Removed), 2, "{told:?}");
    assert_eq!(count(MembershipChange::Invited), 1, "{told:?}");
}
