//! Rights are checked when a change takes effect: a person who loses them a moment before changes nothing,
//! and their sessions and links are no longer valid.

use async_nats::jetstream::stream;
use natter::domain::{RoomId, Username, subject};
use natter::server::broker::ServiceUser;
use natter::server::config::Signup;
use natter::server::space::Space;
use natter::server::store::{DirectoryError, Origin, Permit, PersonChange, Store};
use natter::wire::v1::{self, AdministratorAct, MembershipChange, Role, RoomKind};
use prost::Message as _;
use reqwest::StatusCode;

use crate::support::{Natter, PASSWORD, Person, SOON, link_in, session_of, stranger};

/// What natter keeps, as natter itself writes it.
async fn store_of(natter: &Natter) -> Store {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    Store::open(&js, Space::default(), 1).await.unwrap()
}

pub fn name(uid: &str) -> Username {
    Username::parse(uid).unwrap()
}

async fn holds(natter: &Natter, token: &str) -> bool {
    let request = stranger().get(natter.url("/session"));
    let request = request.header("cookie", natter.cookie(token));
    request.send().await.unwrap().status() == StatusCode::NO_CONTENT
}

/// Where a link leads to at this natter.
fn path_of(link: &str, kind: &str) -> String {
    link[link.find(kind).unwrap()..].to_owned()
}

async fn accept(natter: &Natter, link: &str, uid: &str) -> StatusCode {
    let form = [
        ("username", uid),
        ("display_name", ""),
        ("password", PASSWORD),
    ];
    let request = stranger().post(natter.url(&path_of(link, "/invite/")));
    request.form(&form).send().await.unwrap().status()
}

async fn choose(natter: &Natter, link: &str, password: &str) -> reqwest::Response {
    let request = stranger().post(natter.url(&path_of(link, "/reset/")));
    let form = [("password", password)];
    request.form(&form).send().await.unwrap()
}

#[tokio::test]
async fn an_administrator_who_was_demoted_or_suspended_changes_nothing() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for uid in ["ben", "cleo"] {
        Person::sign_up(&natter, uid).await;
    }
    let store = store_of(&natter).await;
    let (directory, ben, cleo) = (store.directory(), name("ben"), name("cleo"));
    let by_ben = Permit::Administrator(&ben);
    let suspend = PersonChange::Suspended(true);
    for (take_away, give_back) in [("member", "administrator"), ("suspend", "restore")] {
        ada.act("ben", "administrator").await;
        ada.act("ben", take_away).await;
        let length = natter.log_length().await;
        for (uid, change) in [
            (&cleo, &suspend),
            (&ben, &PersonChange::Role(Role::Administrator)),
            (&ben, &PersonChange::Suspended(false)),
            (&cleo, &PersonChange::SessionsEnded),
        ] {
            let refused = directory.change_person(by_ben, uid, change).await;
            let refused = refused.expect_err(take_away);
            assert!(
                matches!(refused, DirectoryError::NotAdministrator),
                "{refused}"
            );
        }
        let act = AdministratorAct::Invited;
        assert!(directory.note(&ben, act, "", "").await.is_err());
        assert_eq!(natter.log_length().await, length, "nothing was written");
        ada.act("ben", give_back).await;
    }
}

/// Two administrators demote each other at once, again and again: a demotion that was written is by
/// somebody who was an administrator then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_demote_each_other_one_is_refused() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    for uid in ["ben", "cleo"] {
        Person::sign_up(&natter, uid).await;
    }
    let store = store_of(&natter).await;
    let directory = store.directory();
    let (ada, ben, cleo) = (name("ada"), name("ben"), name("cleo"));
    let administrator = PersonChange::Role(Role::Administrator);
    let member = PersonChange::Role(Role::Member);
    for _ in 0..10 {
        for uid in [&ben, &cleo] {
            let by = Permit::Administrator(&ada);
            directory
                .change_person(by, uid, &administrator)
                .await
                .unwrap();
        }
        let (one, other) = tokio::join!(
            directory.change_person(Permit::Administrator(&ben), &cleo, &member),
            directory.change_person(Permit::Administrator(&cleo), &ben, &member),
        );
        let done = [one.is_ok(), other.is_ok()];
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
    }
}

pub async fn log_of(natter: &Natter) -> stream::Stream {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    js.get_stream("LOG").await.unwrap()
}

/// Where the last entry of a subject stands in LOG.
pub async fn place(log: &stream::Stream, subject: String) -> u64 {
    let last = log.get_last_raw_message_by_subject(&subject).await;
    last.map_or(0, |message| message.sequence)
}

/// An administrator changes something again and again until they are refused, while they are
/// demoted: none of it stands behind the demotion in LOG.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_an_administrator_does_lands_after_their_demotion() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for uid in ["ben", "cleo"] {
        Person::sign_up(&natter, uid).await;
    }
    let store = store_of(&natter).await;
    let directory = store.directory();
    let (by, ben, cleo) = (name("ada"), name("ben"), name("cleo"));
    let log = log_of(&natter).await;
    for _ in 0..20 {
        ada.act("ben", "administrator").await;
        let changes = async {
            for suspended in [true, false].into_iter().cycle().take(2_000) {
                let change = PersonChange::Suspended(suspended);
                let permit = Permit::Administrator(&ben);
                if directory
                    .change_person(permit, &cleo, &change)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            panic!("ben was never refused");
        };
        let demotion = async {
            let member = PersonChange::Role(Role::Member);
            let permit = Permit::Administrator(&by);
            directory
                .change_person(permit, &ben, &member)
                .await
                .unwrap();
        };
        tokio::join!(changes, demotion);
        let demoted = place(&log, subject::log_person(&ben)).await;
        let changed = place(&log, subject::log_person(&cleo)).await;
        assert!(changed < demoted, "{changed} is behind {demoted}");
    }
}

/// The same for who brings others into a room, until they are removed from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_brought_in_after_who_brings_them_was_removed() {
    const OTHERS: usize = 12;
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let client = ada.connect().await;
    let log = log_of(&natter).await;
    let others: Vec<_> = (0..OTHERS).map(|n| format!("other-{n}")).collect();
    for uid in &others {
        Person::sign_up(&natter, uid).await;
    }
    for round in 0..6 {
        let ben = Person::sign_up(&natter, &format!("ben-{round}")).await;
        let room = format!("Room {round}");
        let room = ada.make_room(&client, RoomKind::Closed, &room).await;
        ada.invite(&client, &room, &[&ben.uid]).await;
        let as_ben = ben.connect().await;
        let invitations = async {
            for uid in &others {
                let invite = v1::InviteRequest {
                    room_id: room.clone(),
                    uids: vec![uid.clone()],
                };
                // The removed person is disconnected, too.
                let asked = ben.ask_raw(&as_ben, "invite", invite.encode_to_vec());
                if asked.await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(invitations, ada.remove(&client, &room, &ben.uid));
        let id = RoomId::parse(&room).unwrap();
        let removed = place(&log, subject::log_member(&id, &name(&ben.uid))).await;
        for uid in &others {
            let brought_in = place(&log, subject::log_member(&id, &name(uid))).await;
            assert!(brought_in < removed, "{uid}: {brought_in} after {removed}");
        }
    }
}

/// Muting is for who is in a room. It is judged by the entry that the write expects, so it brings
/// nobody back who was removed, or left, a moment before.
#[tokio::test]
async fn a_mute_brings_nobody_into_a_room() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ada.connect().await;
    let room = ada.make_room(&client, RoomKind::Closed, "Board").await;
    let store = store_of(&natter).await;
    let directory = store.directory();
    let who = name("ben");
    let as_it_is = v1::Room {
        id: room.clone(),
        name: "Board".into(),
        kind: RoomKind::Closed.into(),
        made_by: "ada".into(),
        ..v1::Room::default()
    };
    let mute = MembershipChange::Muted;
    let muted = directory.change_membership(&who, &who, &as_it_is, mute, &[]);
    assert_eq!(muted.await.unwrap(), None, "never in it");
    ada.invite(&client, &room, &["ben"]).await;
    ada.remove(&client, &room, "ben").await;
    let muted = directory.change_membership(&who, &who, &as_it_is, mute, &[]);
    assert_eq!(muted.await.unwrap(), None, "removed");
    let bens = ben.connect().await;
    let asked = v1::MembersRequest {
        room,
        ..v1::MembersRequest::default()
    };
    let members: Result<v1::MembersResponse, _> = ben.ask(&bens, "members", &asked).await;
    assert_eq!(members.unwrap_err().kind(), v1::FailureKind::NotFound);
}

#[tokio::test]
async fn a_guest_who_muted_the_room_of_everybody_as_a_member_is_not_in_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ben.connect().await;
    let general = ben.general(&client).await;
    let mute = v1::MuteRequest {
        room_id: general.clone(),
        muted: true,
    };
    let muted: Result<v1::RoomResponse, _> = ben.ask(&client, "mute", &mute).await;
    muted.unwrap();
    client.close();
    ada.act("ben", "guest").await;
    let client = ben.connect().await;
    let asked = v1::MembersRequest {
        room: general.clone(),
        ..v1::MembersRequest::default()
    };
    let members: Result<v1::MembersResponse, _> = ben.ask(&client, "members", &asked).await;
    assert_eq!(members.unwrap_err().kind(), v1::FailureKind::NotFound);
    let browse = v1::BrowseRequest::default();
    let rooms: v1::BrowseResponse = ben.ask(&client, "browse", &browse).await.unwrap();
    assert_eq!(rooms.rooms, []);
    // And comes in when somebody brings them in.
    let as_ada = ada.connect().await;
    ada.invite(&as_ada, &general, &["ben"]).await;
    let members: v1::MembersResponse = ben.ask(&client, "members", &asked).await.unwrap();
    assert_eq!(members.members.len(), 2);
}

#[tokio::test]
async fn a_session_that_begins_by_an_old_password_is_over_from_the_start() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let store = store_of(&natter).await;
    let uid = name("ben");
    let old = store.directory().person(&uid).await.unwrap().unwrap();
    let who = Some((&uid, old.session_generation));

    let link = link_in(&ada.act("ben", "reset-password").await);
    let fresh = session_of(&choose(&natter, &link, "a horse of ben").await).unwrap();
    // A sign-in that read the account before, and begins its session after.
    let late = store.sessions.begin(who, 3 * SOON, Origin::default());
    let late = late.await.unwrap();
    assert!(!holds(&natter, late.as_str()).await && !holds(&natter, &ben.token).await);
    assert!(holds(&natter, &fresh).await);
    let broker = natter.server.broker().unwrap().websocket_addr();
    let url = format!("ws://{broker}/");
    let dial = |token: &str| {
        let client = Person::dial_as("ben", &natter.cookie(token), &url, natter.addr());
        async move { tokio::time::timeout(SOON / 5, client.connected()).await }
    };
    let fresh = dial(&fresh).await;
    assert!(matches!(fresh, Ok(Ok(_))), "the broker lets the new one in");
    let late = dial(late.as_str()).await;
    assert!(!matches!(late, Ok(Ok(_))), "and not the late one");
}

#[tokio::test]
async fn a_session_from_before_a_suspension_does_not_come_back_with_it() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    Person::sign_up(&natter, "ben").await;
    let store = store_of(&natter).await;
    let uid = name("ben");
    let before = store.directory().person(&uid).await.unwrap().unwrap();
    ada.act("ben", "suspend").await;
    let who = Some((&uid, before.session_generation));
    let begun = store.sessions.begin(who, 3 * SOON, Origin::default());
    let begun = begun.await.unwrap();
    ada.act("ben", "restore").await;
    assert!(!holds(&natter, begun.as_str()).await);

    // So it is with one that begins while all sessions are ended.
    let before = store.directory().person(&uid).await.unwrap().unwrap();
    ada.act("ben", "end-sessions").await;
    let who = Some((&uid, before.session_generation));
    let begun = store.sessions.begin(who, 3 * SOON, Origin::default());
    assert!(!holds(&natter, begun.await.unwrap().as_str()).await);
}

#[tokio::test]
async fn signing_out_everywhere_else_keeps_this_browser_signed_in() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let form = [("username", "ada"), ("password", PASSWORD)];
    let elsewhere = stranger().post(natter.url("/login")).form(&form);
    let elsewhere = session_of(&elsewhere.send().await.unwrap()).unwrap();
    let ended = ada
        .submit("/settings/sessions", &[("session", "others")])
        .await;
    assert_eq!(ended.status(), StatusCode::SEE_OTHER);
    let fresh = session_of(&ended).unwrap();
    assert!(holds(&natter, &fresh).await && !holds(&natter, &elsewhere).await);
    assert_eq!(
        ada.get("/session").await.status(),
        StatusCode::NO_CONTENT,
        "the browser has the new session"
    );
}

#[tokio::test]
async fn links_end_with_the_right_to_make_them() {
    let natter = Natter::start_with(|options| options.signup = Signup::Invite).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let link = ada.invitation("member", "").await;
    let ben = Person::accept(&natter, "ben", &link).await;
    ada.act("ben", "administrator").await;
    let (as_ada, as_ben) = (ada.connect().await, ben.connect().await);
    let closed = ada.make_room(&as_ada, RoomKind::Closed, "Board").await;
    ada.invite(&as_ada, &closed, &["ben"]).await;
    let into_closed = ben.invitation("guest", "Board").await;
    let member = ben.invitation("member", "").await;
    let both = ben.invitation("guest", "Board, general").await;
    let reset = link_in(&ben.act("ada", "reset-password").await);

    // Removed from the room, ben brings nobody into it any more.
    ada.remove(&as_ada, &closed, "ben").await;
    as_ben.close();
    assert_eq!(
        accept(&natter, &into_closed, "carl").await,
        StatusCode::FORBIDDEN
    );
    let dana = Person::accept(&natter, "dana", &both).await;
    let client = dana.connect().await;
    let heads: v1::HeadsResponse = dana
        .ask(&client, "heads", &v1::HeadsRequest::default())
        .await
        .unwrap();
    let rooms: Vec<_> = heads
        .rooms
        .into_iter()
        .filter_map(|head| head.room)
        .collect();
    assert!(
        rooms.iter().all(|room| room.name == "general") && rooms.len() == 1,
        "{rooms:?}"
    );
    let audit = ada.page("/admin").await;
    assert!(audit.contains("@dana made an account with an invitation of @ben"));

    // No administrator any more, none of the links is good, and the list has none of them.
    ada.act("ben", "member").await;
    assert_eq!(
        accept(&natter, &member, "carl").await,
        StatusCode::FORBIDDEN
    );
    let refused = choose(&natter, &reset, "a horse of eve").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(!ada.page("/admin").await.contains("by @ben"));
    for path in [path_of(&member, "/invite/"), path_of(&reset, "/reset/")] {
        let shown = stranger().get(natter.url(&path)).send().await.unwrap();
        assert_eq!(shown.headers()["location"], "/login?why=link");
    }
}

/// A password is hashed between the look at the link and the change, and may wait for its turn.
#[tokio::test]
async fn a_link_is_judged_again_when_the_password_changes() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    for uid in ["ben", "cleo"] {
        Person::sign_up(&natter, uid).await;
    }
    let store = store_of(&natter).await;
    let (directory, ben, cleo) = (store.directory(), name("ben"), name("cleo"));
    let generation = async || {
        let account = directory.person(&cleo).await.unwrap().unwrap();
        account.link_generation
    };
    let change = PersonChange::Password("a credential".into());
    for (take_away, give_back) in [("member", "administrator"), ("suspend", "restore")] {
        ada.act("ben", "administrator").await;
        let link = Permit::Link(generation().await, &ben);
        ada.act("ben", take_away).await;
        let refused = directory.change_person(link, &cleo, &change).await;
        let refused = refused.expect_err(take_away);
        assert!(matches!(refused, DirectoryError::Outdated), "{refused}");
        ada.act("ben", give_back).await;
    }
    let link = Permit::Link(generation().await, &ben);
    directory.change_person(link, &cleo, &change).await.unwrap();
    // An administrator who has a link for themselves.
    let account = directory.person(&ben).await.unwrap().unwrap();
    let link = Permit::Link(account.link_generation, &ben);
    directory.change_person(link, &ben, &change).await.unwrap();
}

#[tokio::test]
async fn any_change_of_an_account_ends_its_links_for_a_new_password() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let link = async || link_in(&ada.act("ben", "reset-password").await);
    let is_refused = async |link: &str| {
        let answer = choose(&natter, link, "a horse of eve").await;
        answer.status() == StatusCode::FORBIDDEN
    };
    let (one, other) = (link().await, link().await);
    let chosen = choose(&natter, &one, "a horse of ben").await;
    assert_eq!(chosen.status(), StatusCode::SEE_OTHER);
    assert!(is_refused(&other).await, "one of two links was used");
    for acts in [["suspend", "restore"], ["guest", "member"]] {
        let before = link().await;
        for act in acts {
            ada.act("ben", act).await;
        }
        assert!(is_refused(&before).await, "{acts:?}");
    }
    let before = link().await;
    let form = [("username", "ben"), ("password", "a horse of ben")];
    let signed_in = ben.http.post(natter.url("/login")).form(&form);
    signed_in.send().await.unwrap();
    let form = [
        ("of", "password"),
        ("password", "a horse of ben"),
        ("new_password", "another horse 7"),
    ];
    let changed = ben.submit("/settings/account", &form).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    assert!(
        is_refused(&before).await,
        "the person changed it themselves"
    );
}

#[tokio::test]
async fn a_link_that_was_revoked_while_it_was_used_does_not_come_back() {
    let natter = Natter::start().await;
    Person::sign_up(&natter, "ada").await;
    let store = store_of(&natter).await;
    let record = |uses_left| v1::InvitationRecord {
        kind: v1::InvitationKind::Join.into(),
        made_by: "ada".into(),
        expires_at_ms: i64::MAX,
        uses_left,
        ..v1::InvitationRecord::default()
    };
    let links = &store.invitations;
    let kind = v1::InvitationKind::Join;
    for uses in [1, 2] {
        let token = links.make(&record(uses)).await.unwrap();
        let id = store.invitation(&token, kind).await.unwrap().unwrap().id;
        assert!(links.take(&id).await.unwrap());
        links.give_back(&id).await.unwrap();
        let again = store.invitation(&token, kind).await.unwrap();
        let left = again.map(|found| found.record.uses_left);
        assert_eq!(left, Some(uses), "given back as it was");

        assert!(links.take(&id).await.unwrap());
        assert!(links.can_be_revoked(&id).await.unwrap());
        links.revoke(&id).await.unwrap();
        links.give_back(&id).await.unwrap();
        assert_eq!(store.invitation(&token, kind).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_maker_who_was_removed_or_became_a_guest_keeps_no_right_of_a_maker() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    Person::sign_up(&natter, "cleo").await;
    let (as_ada, as_ben) = (ada.connect().await, ben.connect().await);
    let room = ben.make_room(&as_ben, RoomKind::Closed, "Den").await;
    ben.invite(&as_ben, &room, &["ada", "cleo"]).await;
    ada.remove(&as_ada, &room, "ben").await;
    ada.invite(&as_ada, &room, &["ben"]).await;
    as_ben.close();
    let client = ben.connect().await;
    let remove = v1::RemoveRequest {
        room_id: room.clone(),
        uid: "cleo".into(),
    };
    let removed: Result<v1::RoomResponse, _> = ben.ask(&client, "remove", &remove).await;
    assert_eq!(
        removed.unwrap_err().kind(),
        v1::FailureKind::Forbidden,
        "removed and back"
    );

    let other = ben.make_room(&client, RoomKind::Closed, "Lair").await;
    ben.invite(&client, &other, &["cleo"]).await;
    client.close();
    ada.act("ben", "guest").await;
    let client = ben.connect().await;
    let remove = v1::RemoveRequest {
        room_id: other,
        uid: "cleo".into(),
    };
    let removed: Result<v1::RoomResponse, _> = ben.ask(&client, "remove", &remove).await;
    assert_eq!(
        removed.unwrap_err().kind(),
        v1::FailureKind::Forbidden,
        "a guest"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_who_sign_up_first_one_gets_an_account() {
    let natter = Natter::start_with(|options| options.signup = Signup::Invite).await;
    let tries = (0..30).map(|n| {
        let url = natter.url("/signup");
        async move {
            let uid = format!("p-{n}");
            let form = [
                ("username", uid.as_str()),
                ("display_name", ""),
                ("password", PASSWORD),
            ];
            let answer = stranger().post(url).form(&form).send().await.unwrap();
            answer.status()
        }
    });
    let made = futures::future::join_all(tries).await;
    let count = |status| made.iter().filter(|made| **made == status).count();
    assert_eq!(count(StatusCode::SEE_OTHER), 1, "{made:?}");
}

#[tokio::test]
async fn the_first_account_behind_a_proxy_needs_the_token_that_natter_printed() {
    for behind_proxy in [true, false] {
        let natter = Natter::start_with(|options| {
            options.behind_proxy = behind_proxy;
            if !behind_proxy {
                options.public_url = Some("https://chat.example.org".into());
            }
        })
        .await;
        let token = natter.server.setup_token().expect("a token").to_owned();
        let found = async |token: &str| {
            let form = [
                ("username", "ada"),
                ("display_name", ""),
                ("password", PASSWORD),
                ("setup_token", token),
            ];
            let request = stranger().post(natter.url("/signup")).form(&form);
            request.send().await.unwrap().status()
        };
        assert_eq!(found("").await, StatusCode::FORBIDDEN);
        assert_eq!(found(&token).await, StatusCode::SEE_OTHER);
    }
    let local = Natter::start_with(|options| {
        options.public_url = Some("http://localhost:3000".into());
    })
    .await;
    assert_eq!(local.server.setup_token(), None);
}
