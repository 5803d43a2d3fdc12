//! Rooms: making, finding, joining, leaving, inviting, renaming.

use futures::StreamExt as _;
use natter::client::logged_event;
use natter::nats::Client;
use natter::wire::v1::{self, FailureKind, MembershipChange, RoomKind, event::Body};
use tokio::time::timeout;

use crate::support::{Natter, Person, SOON};

async fn room(
    person: &Person,
    client: &Client,
    verb: &str,
    asked: &impl prost::Message,
) -> Result<v1::Room, v1::Failure> {
    let answer: v1::RoomResponse = person.ask(client, verb, asked).await?;
    Ok(answer.room.unwrap())
}

async fn sidebar(person: &Person, client: &Client) -> Vec<String> {
    let heads: v1::HeadsResponse = person
        .ask(client, "heads", &v1::HeadsRequest::default())
        .await
        .unwrap();
    let heads = heads.rooms.into_iter();
    heads
        .map(|head| {
            let room = head.room.unwrap();
            match room.name.as_str() {
                "" => head
                    .with
                    .into_iter()
                    .map(|p| p.uid)
                    .collect::<Vec<_>>()
                    .join("+"),
                name => name.to_owned(),
            }
        })
        .collect()
}

fn name(room_id: &str, name: &str) -> v1::ChangeRoomRequest {
    v1::ChangeRoomRequest {
        room_id: room_id.into(),
        name: Some(name.into()),
        ..v1::ChangeRoomRequest::default()
    }
}

fn archive(room_id: &str, archived: bool) -> v1::ChangeRoomRequest {
    v1::ChangeRoomRequest {
        room_id: room_id.into(),
        archived: Some(archived),
        ..v1::ChangeRoomRequest::default()
    }
}

fn leave(room_id: &str) -> v1::LeaveRequest {
    v1::LeaveRequest {
        room_id: room_id.into(),
    }
}

#[tokio::test]
async fn an_open_room_is_found_joined_and_left() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let launch = ada.make_room(&a, RoomKind::Open, "Launch").await;
    assert_eq!(sidebar(&ada, &a).await, ["general", "Launch"]);
    assert_eq!(sidebar(&ben, &b).await, ["general"]);

    let found: v1::BrowseResponse = ben
        .ask(&b, "browse", &v1::BrowseRequest::default())
        .await
        .unwrap();
    let listing = |name: &str| {
        let rooms = found.rooms.iter();
        let mut named = rooms.filter(|l| l.room.as_ref().unwrap().name == name);
        let listing = named.next().unwrap();
        (listing.members, listing.joined)
    };
    assert_eq!(
        (listing("general"), listing("Launch")),
        ((2, true), (1, false))
    );

    let join = v1::JoinRequest {
        room_id: launch.clone(),
    };
    room(&ben, &b, "join", &join).await.unwrap();
    assert_eq!(sidebar(&ben, &b).await, ["general", "Launch"]);
    let length = natter.log_length().await;
    room(&ben, &b, "join", &join).await.unwrap();
    assert_eq!(natter.log_length().await, length, "twice is once");
    room(&ben, &b, "leave", &leave(&launch)).await.unwrap();
    assert_eq!(sidebar(&ben, &b).await, ["general"]);

    let general = ben.general(&b).await;
    let refused = room(&ben, &b, "leave", &leave(&general)).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Forbidden);
    let refused = room(&ada, &a, "change-room", &archive(&general, true)).await;
    assert_eq!(refused.unwrap_err().kind(), FailureKind::Forbidden);
    let refused = room(&ada, &a, "change-room", &name(&general, "Everybody")).await;
    assert_eq!(refused.unwrap_err().kind(), FailureKind::Forbidden);
}

#[tokio::test]
async fn an_invitation_and_a_removal_are_heard_within_a_second() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&beside, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    let board = ada.make_room(&a, RoomKind::Closed, "Board").await;
    let mut own = b.subscribe("natter.evt.user.ben").await.unwrap();
    b.flush().await.unwrap();
    let second = std::time::Duration::from_secs(1);
    ada.invite(&a, &board, &["ben"]).await;
    let change = |message: natter::nats::Message| {
        let event = logged_event(&message).unwrap().event.unwrap();
        match event.body {
            Some(Body::MembershipChanged(changed)) => changed.change(),
            other => panic!("{other:?}"),
        }
    };
    let heard = timeout(second, own.next()).await.unwrap().unwrap();
    assert_eq!(change(heard), MembershipChange::Added);
    assert_eq!(sidebar(&ben, &b).await, ["Board", "general"]);

    // With the connection of then, the room is not heard; with the next one it is.
    let feed = format!("natter.evt.closed.{board}");
    let again = ben.connect().await;
    let mut live = again.subscribe(&feed).await.unwrap();
    again.flush().await.unwrap();
    ada.post(&a, &board, "welcome").await.unwrap();
    assert!(timeout(second, live.next()).await.unwrap().is_some());

    let mut events = again.events();
    ada.remove(&a, &board, "ben").await;
    let cut = async {
        while !matches!(
            events.next().await,
            Some(natter::nats::Event::Disconnected(_))
        ) {}
    };
    timeout(second, cut).await.expect("the connection is cut");
    // All of ben's connections were: he has those of now.
    let b = ben.connect().await;
    let post = ben.post(&b, &board, "still here?").await.unwrap_err();
    assert_eq!(post.kind(), FailureKind::NotFound);
    assert_eq!(sidebar(&ben, &b).await, ["general"]);
}

#[tokio::test]
async fn a_name_is_one_rooms_regardless_of_case_and_free_again_after_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let first = ada.make_room(&client, RoomKind::Open, "Launch").await;
    let taken = v1::MakeRoomRequest {
        kind: RoomKind::Closed.into(),
        name: "LAUNCH".into(),
        topic: String::new(),
    };
    let refused = room(&ada, &client, "make-room", &taken).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Conflict);
    // The same name in another case is a room's own.
    let renamed = room(&ada, &client, "change-room", &name(&first, "launch")).await;
    assert_eq!(renamed.unwrap().name, "launch");
    room(&ada, &client, "change-room", &name(&first, "Landing"))
        .await
        .unwrap();
    let second = room(&ada, &client, "make-room", &taken).await.unwrap();
    assert_ne!(second.id, first, "an id is never another room's");
    let refused = room(&ada, &client, "change-room", &name(&first, "launch")).await;
    assert_eq!(refused.unwrap_err().kind(), FailureKind::Conflict);
}

#[tokio::test]
async fn an_archived_room_is_read_and_not_written() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let launch = ada.make_room(&client, RoomKind::Open, "Launch").await;
    ada.post(&client, &launch, "we are up").await.unwrap();
    room(&ada, &client, "change-room", &archive(&launch, true))
        .await
        .unwrap();
    let refused = ada.post(&client, &launch, "and down").await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Forbidden);
    assert!(
        ada.page(&format!("/r/{launch}"))
            .await
            .contains("we are up")
    );
    assert_eq!(sidebar(&ada, &client).await, ["general"]);
    room(&ada, &client, "change-room", &archive(&launch, false))
        .await
        .unwrap();
    ada.post(&client, &launch, "and again").await.unwrap();
}

#[tokio::test]
async fn two_people_have_one_room_and_a_group_is_the_same_people() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let cleo = Person::sign_up(&natter, "cleo").await;
    let (a, b, c) = (
        ada.connect().await,
        ben.connect().await,
        cleo.connect().await,
    );
    let to = |uids: &[&str]| v1::TalkToRequest {
        uids: uids.iter().map(ToString::to_string).collect(),
    };
    let one = room(&ada, &a, "talk-to", &to(&["ben"])).await.unwrap();
    let other = room(&ben, &b, "talk-to", &to(&["ada"])).await.unwrap();
    assert_eq!(
        (one.id.as_str(), one.pair.join("+")),
        (other.id.as_str(), "ada+ben".into())
    );
    let mut live = b.subscribe("natter.evt.dm.*.ben").await.unwrap();
    b.flush().await.unwrap();
    // It shows up when something was said.
    assert_eq!(sidebar(&ben, &b).await, ["general"]);
    ada.post(&a, &one.id, "psst").await.unwrap();
    let heard = timeout(SOON, live.next()).await.unwrap().unwrap();
    assert_eq!(heard.subject.as_str(), "natter.evt.dm.ada.ben");
    assert_eq!(sidebar(&ben, &b).await, ["general", "ada"]);
    assert_eq!(sidebar(&cleo, &c).await, ["general"]);

    let group = room(&ada, &a, "talk-to", &to(&["cleo", "ben"]))
        .await
        .unwrap();
    let same = room(&cleo, &c, "talk-to", &to(&["ada", "ben"]))
        .await
        .unwrap();
    assert_eq!(group.id, same.id);
    assert_eq!(sidebar(&cleo, &c).await, ["general", "ada+ben"]);
    for nobody in [&["nobody-here"][..], &["ada"], &[]] {
        assert!(
            room(&ada, &a, "talk-to", &to(nobody)).await.is_err(),
            "{nobody:?}"
        );
    }
}

#[tokio::test]
async fn two_who_make_the_same_room_at_once_make_one() {
    let natter = Natter::start().await;
    let beside = natter.start_beside().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&beside, "ben").await;
    let (a, b) = (ada.connect().await, ben.connect().await);
    for round in 0..10 {
        let asked = v1::MakeRoomRequest {
            kind: RoomKind::Open.into(),
            name: format!("Room {round}"),
            topic: String::new(),
        };
        let (one, other) = tokio::join!(
            room(&ada, &a, "make-room", &asked),
            room(&ben, &b, "make-room", &asked)
        );
        assert_eq!(
            usize::from(one.is_ok()) + usize::from(other.is_ok()),
            1,
            "{one:?} {other:?}"
        );
    }
    let to = |uid: &str| v1::TalkToRequest {
        uids: vec![uid.into()],
    };
    let (to_ben, to_ada) = (to("ben"), to("ada"));
    let (one, other) = tokio::join!(
        room(&ada, &a, "talk-to", &to_ben),
        room(&ben, &b, "talk-to", &to_ada)
    );
    assert_eq!(one.unwrap().id, other.unwrap().id);
}
