//! People and rooms. A change is an atomic batch of entries, each of which names the state it
//! builds on, so that a name is taken once whoever races, and nothing is half done.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use super::{Entry, Expect, Log, StoreError};
use crate::domain::{
    DisplayName, Key, RoomId, RoomName, Sequence, Timestamp, Topic, Ulid, Username, subject,
};
use crate::server::clock;
use crate::wire::v1::{self, event::Body};

/// Nothing must stand there yet.
const FREE: Expect = Expect::Last(Sequence(0));

/// Why a change of the directory did not take place.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Somebody has this name.
    #[error("the name is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who joins.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The identity.
    pub uid: Username,
    /// What others see.
    pub display_name: DisplayName,
    /// The key of the password's hash.
    pub credential: String,
}

/// The directory's writer.
pub struct Directory<'a> {
    log: &'a Log,
}

impl<'a> Directory<'a> {
    pub(super) fn new(log: &'a Log) -> Self {
        Self { log }
    }

    /// Has the first account been made?
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn is_founded(&self) -> Result<bool, StoreError> {
        Ok(self.log.last_of(subject::LOG_FOUNDED).await?.is_some())
    }

    /// The person of a username with the key of their password, read from the leader: rights are
    /// never judged by stale data.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn person(&self, uid: &Username) -> Result<Option<v1::PersonJoined>, StoreError> {
        let event = self.log.last_of(&subject::log_person(uid)).await?;
        Ok(event.and_then(|event| match event.body {
            Some(Body::PersonJoined(joined)) => Some(joined),
            _ => None,
        }))
    }

    /// Makes an account. The first one is the administrator's: it founds the workspace in the same
    /// batch, so that two who race for it cannot both be first.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when somebody has the username.
    pub async fn join(&self, new: &NewPerson) -> Result<v1::Person, DirectoryError> {
        // Who loses the race for the first account is a member, and tries again as one.
        for _ in 0..2 {
            let first = !self.is_founded().await?;
            let role = if first {
                v1::Role::Administrator
            } else {
                v1::Role::Member
            };
            let person = v1::Person {
                uid: new.uid.to_string(),
                display_name: new.display_name.to_string(),
                role: role.into(),
            };
            let mut entries = vec![Entry {
                subject: subject::log_person(&new.uid),
                event: event(
                    &new.uid,
                    Body::PersonJoined(v1::PersonJoined {
                        person: Some(person.clone()),
                        credential: new.credential.clone(),
                    }),
                )?,
                expect: FREE,
            }];
            if first {
                entries.push(Entry {
                    subject: subject::LOG_FOUNDED.into(),
                    event: event(
                        &new.uid,
                        Body::WorkspaceFounded(v1::WorkspaceFounded {
                            uid: new.uid.to_string(),
                        }),
                    )?,
                    expect: FREE,
                });
            }
            match self.log.append_all(&entries).await {
                Ok(_) => return Ok(person),
                Err(StoreError::Conflict) if self.person(&new.uid).await?.is_some() => {
                    return Err(DirectoryError::Taken);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes an open room, with its name and the first entry of its own log.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when a room has this name, in whatever case.
    pub async fn make_open_room(
        &self,
        by: &Username,
        name: &RoomName,
        topic: &Topic,
    ) -> Result<v1::Room, DirectoryError> {
        let id = fresh_ulid()?.to_string();
        let room_id = RoomId::parse(&id).map_err(|_| StoreError::Corrupt("a fresh room id"))?;
        let room = v1::Room {
            id: id.clone(),
            name: name.to_string(),
            kind: v1::RoomKind::Open.into(),
            topic: topic.to_string(),
        };
        let taken = subject::log_room_name(&name_token(name));
        let entries = [
            (
                taken,
                Body::RoomNameTaken(v1::RoomNameTaken { room_id: id }),
            ),
            (
                subject::log_room(&room_id),
                Body::RoomMade(v1::RoomMade {
                    room: Some(room.clone()),
                }),
            ),
            (
                subject::log_open_room(&room_id),
                Body::RoomOpened(v1::RoomOpened {
                    room: Some(room.clone()),
                }),
            ),
        ]
        .into_iter()
        .map(|(subject, body)| {
            Ok(Entry {
                subject,
                event: event(by, body)?,
                expect: FREE,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
        match self.log.append_all(&entries).await {
            Ok(_) => Ok(room),
            Err(StoreError::Conflict) => Err(DirectoryError::Taken),
            Err(error) => Err(error.into()),
        }
    }
}

/// An event of the directory, stamped now, with a key of its own.
fn event(by: &Username, body: Body) -> Result<v1::Event, StoreError> {
    let key = Key {
        author: by.clone(),
        ulid: fresh_ulid()?,
    };
    Ok(v1::Event {
        key: Some((&key).into()),
        at_ms: clock::now().0,
        body: Some(body),
    })
}

/// A ULID of natter's own making.
fn fresh_ulid() -> Result<Ulid, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(StoreError::broker("make an id"))?;
    let Timestamp(now) = clock::now();
    Ok(Ulid::new(u64::try_from(now).unwrap_or_default(), random))
}

/// A subject token for a name: any two names that differ only in case give the same one.
fn name_token(name: &RoomName) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(name.folded().as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_are_one_token() {
        let token = |name: &str| name_token(&RoomName::parse(name).unwrap());
        assert_eq!(token("Launch"), token("launch"));
        assert_ne!(token("launch"), token("launch-2"));
        assert!(
            RoomId::parse(&token("Ünïcode room")).is_ok(),
            "one token of a subject"
        );
    }
}
