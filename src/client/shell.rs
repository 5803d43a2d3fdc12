//! What a [`ChatClient`](super::ChatClient) needs of what surrounds it, and tells it.

use std::future::ready;

use super::ChatClient;
use crate::domain::{Key, RoomId, Timestamp, Username};
use crate::nats::runtime::BoxFuture;
use crate::wire::v1;

/// What of the model is another than before. It is read from the client, which may be further
/// already.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The rooms of the sidebar.
    Rooms,
    /// How much the person has not read.
    Unread,
    /// How many rooms the person is invited into.
    Invitations,
    /// Somebody’s name is known now, or is another one.
    People,
    /// What is known of one room’s log.
    Room(RoomId),
    /// What was sent and is not in the log yet.
    Outbox,
    /// How the client stands with the broker, or which one it is.
    Connection,
    /// Somebody sent the person away from a room.
    Removed {
        /// From where.
        room: v1::Room,
        /// A username.
        by: String,
    },
    /// The person is invited into a room.
    Invited {
        /// Into which.
        room: v1::Room,
        /// A username.
        by: String,
    },
    /// The person is somebody else to the workspace than the model was made for.
    Outdated,
    /// The person is no longer signed in. The client goes on trying; whoever shows it need not.
    SignedOut(Farewell),
}

/// Why somebody is no longer signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The session has ended.
    Ended,
    /// The person may not come in.
    Suspended,
}

/// How a session stands, asked over HTTP: a broker that refuses a connection does not say whether
/// the session is bad or natter is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAnswer {
    /// It holds, or that is not known now: connect again.
    GoOn,
    /// The person has as many connections as one may have.
    TooMany,
    /// The person has asked too much, and may connect in so many seconds.
    CutOff(u32),
    /// It does not hold.
    Over(Farewell),
    /// The session is this other person’s.
    OtherUser(Username),
}

impl SessionAnswer {
    /// Reads an answer to `GET /session` for a client of `me`.
    pub fn of(me: &Username, status: u16, header: impl Fn(&'static str) -> Option<String>) -> Self {
        let whose = header("natter-user").and_then(|uid| Username::parse(&uid).ok());
        match (status, whose) {
            (_, Some(other)) if other != *me => Self::OtherUser(other),
            (401, _) => Self::Over(Farewell::Ended),
            (403, _) => Self::Over(Farewell::Suspended),
            (429, _) if header("natter-limit").as_deref() == Some("requests") => {
                let seconds = header("retry-after").and_then(|seconds| seconds.parse().ok());
                // In steps, because a screen reader announces each change.
                Self::CutOff(u32::max(seconds.unwrap_or(60), 1).next_multiple_of(20))
            }
            (429, _) => Self::TooMany,
            _ => Self::GoOn,
        }
    }
}

/// A post of the outbox as it is kept where it outlives the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPost {
    /// The same at every try, so that it is one message.
    pub key: Key,
    /// Where it goes.
    pub room: RoomId,
    /// The source text.
    pub text: String,
    /// When the person sent it.
    pub written_at: Timestamp,
    /// Why natter refused it, if it did.
    pub refusal: Option<String>,
}

/// The rules that keep a client from losing messages. All of them hold, but in tests that show that
/// each is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What is missing before a live entry is fetched.
    pub gaps: bool,
    /// The rooms’ ends are asked for now and then.
    pub heads: bool,
    /// An entry where another one was makes the room load anew.
    pub keys: bool,
    /// What is sent again goes under the key that it had.
    pub same_key: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            gaps: true,
            heads: true,
            keys: true,
            same_key: true,
        }
    }
}

/// The surroundings of a client: where it shows what it knows, and what it cannot do by itself.
pub trait Shell: Send + Sync + 'static {
    /// Something is another than before. Called without a lock held.
    fn changed(&self, client: &ChatClient, change: Change);

    /// The clock on the wall.
    fn now(&self) -> Timestamp;

    /// Asks how the session stands.
    fn session(&self) -> BoxFuture<SessionAnswer>;

    /// The rules that the client keeps.
    fn rules(&self) -> Rules {
        Rules::default()
    }

    /// Is it known that there is no network?
    fn is_offline(&self) -> bool {
        false
    }

    /// Keeps a post, in place of what was kept under its key; done when that would survive a crash.
    /// What is kept and forgotten is so in the order of the calls.
    fn keep(&self, _post: KeptPost) -> BoxFuture<()> {
        Box::pin(ready(()))
    }

    /// Forgets a post.
    fn forget(&self, _key: &Key) {}

    /// The posts of this person that are kept and that no other client takes care of, oldest
    /// first. From here on this one does.
    fn adopt(&self) -> BoxFuture<Vec<KeptPost>> {
        Box::pin(ready(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_about_somebody_else_is_that_whatever_else_it_says() {
        let me = Username::parse("ada").unwrap();
        let ben = Username::parse("ben").unwrap();
        let of = |status, user: Option<&str>| {
            SessionAnswer::of(&me, status, |name| match name {
                "natter-user" => user.map(str::to_owned),
                "natter-limit" => Some("requests".into()),
                "retry-after" => Some("41".into()),
                _ => None,
            })
        };
        assert_eq!(of(204, Some("ada")), SessionAnswer::GoOn);
        assert_eq!(of(429, Some("ada")), SessionAnswer::CutOff(60));
        for status in [204, 429, 503] {
            let other = SessionAnswer::OtherUser(ben.clone());
            assert_eq!(of(status, Some("ben")), other);
        }
        assert_eq!(of(401, None), SessionAnswer::Over(Farewell::Ended));
        assert_eq!(of(403, None), SessionAnswer::Over(Farewell::Suspended));
        assert_eq!(of(503, None), SessionAnswer::GoOn);
    }
}
