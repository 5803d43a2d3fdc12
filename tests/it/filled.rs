//! The largest workspace that people can make, written directly into LOG: the longest names,
//! topics and messages, of four-byte characters.

use async_nats::jetstream::{self, Context};
use natter::domain::limits;
use natter::server::broker::ServiceUser;
use natter::wire::v1::{self, MembershipChange, RoomKind, event::Body};
use prost::Message as _;

use crate::support::{Natter, ulid};

/// Writes entries as natter does, many at once.
pub struct Filler {
    js: Context,
    acks: Vec<jetstream::context::PublishAckFuture>,
}

/// The longest text of so many characters.
pub fn long(chars: usize) -> String {
    "𠀀".repeat(chars)
}

/// The longest text that ends in a number, so that it is like no other.
pub fn long_with(chars: usize, number: usize) -> String {
    format!("{}{number:06}", long(chars - 6))
}

/// The longest username with this number.
pub fn username(number: usize) -> String {
    format!("{:x<26}{number:06}", "p")
}

impl Filler {
    pub async fn of(natter: &Natter) -> Self {
        let chat = natter.as_service(ServiceUser::Chat).await;
        Self {
            js: jetstream::new(chat),
            acks: Vec::new(),
        }
    }

    /// Everything that was given to it is in LOG.
    pub async fn done(&mut self) {
        for ack in self.acks.drain(..) {
            ack.await.unwrap();
        }
    }

    pub async fn write(&mut self, subject: String, author: &str, body: Body) {
        let event = v1::Event {
            key: Some(v1::Key {
                uid: author.into(),
                ulid: ulid(),
            }),
            at_ms: 1_700_000_000_000,
            body: Some(body),
        };
        let payload = event.encode_to_vec().into();
        let ack = self.js.publish(subject, payload).await.unwrap();
        self.acks.push(ack);
        if self.acks.len() >= 500 {
            self.done().await;
        }
    }

    /// Somebody with everything that one can say of oneself.
    pub async fn person(&mut self, uid: &str) {
        let person = v1::Person {
            uid: uid.into(),
            display_name: long(limits::DISPLAY_NAME_CHARS),
            role: v1::Role::Member.into(),
            about: long(limits::ABOUT_CHARS),
            time_zone: "America/Argentina/ComodRivadavia".into(),
            picture: "x".repeat(64),
            ..v1::Person::default()
        };
        let joined = v1::PersonJoined {
            person: Some(person),
            ..v1::PersonJoined::default()
        };
        let subject = format!("natter.log.dir.person.{uid}");
        self.write(subject, uid, Body::PersonJoined(joined)).await;
    }

    /// A room with the longest topic, and these people in it.
    pub async fn room(&mut self, id: &str, kind: RoomKind, name: &str, members: &[String]) {
        let room = v1::Room {
            id: id.into(),
            name: name.into(),
            kind: kind.into(),
            topic: long(limits::TOPIC_CHARS),
            made_by: "ada".into(),
            ..v1::Room::default()
        };
        let made = v1::RoomMade {
            room: Some(room.clone()),
        };
        let subject = format!("natter.log.dir.room.{id}");
        self.write(subject, "ada", Body::RoomMade(made)).await;
        for uid in members {
            let changed = v1::MembershipChanged {
                room: Some(room.clone()),
                uid: uid.clone(),
                change: MembershipChange::Added.into(),
            };
            let subject = format!("natter.log.dir.member.{id}.{uid}");
            let body = Body::MembershipChanged(changed);
            self.write(subject, "ada", body).await;
        }
    }

    /// A message, in `open.<room>` or `closed.<room>`.
    pub async fn message(&mut self, place: &str, author: &str, text: &str) {
        let posted = v1::MessagePosted {
            text: text.into(),
            tree: None,
        };
        let subject = format!("natter.log.{place}");
        self.write(subject, author, Body::MessagePosted(posted))
            .await;
    }
}
