//! Web sessions: an opaque random token in a cookie, its hash as the key in a bucket.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{Context, kv};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::bucket::{self, Bucket};
use crate::domain::{Timestamp, Username, limits};
use crate::server::clock;
use crate::wire::v1;

/// Whose session it is, and 256 random bits that only the browser has. Natter keeps their hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken {
    text: String,
    /// How much of it is the name.
    name: usize,
}

/// Who natter's own test of the way through the callout is: nobody.
const NOBODY: &str = "-";

impl SessionToken {
    fn generate(uid: Option<&Username>) -> Result<Self, getrandom::Error> {
        let name = uid.map_or(NOBODY, Username::as_str);
        Ok(Self {
            text: format!("{name}.{}", fresh_secret()?),
            name: name.len(),
        })
    }

    /// Reads a cookie's value. `None` when it is nothing that natter gave out, without asking
    /// anybody.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, secret) = text.split_once('.')?;
        let formed = (name == NOBODY || Username::parse(name).is_ok()) && is_secret(secret);
        formed.then(|| Self {
            text: text.to_owned(),
            name: name.len(),
        })
    }

    /// The cookie's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose session it would be. Nothing proves it before the session is found.
    #[must_use]
    pub fn claimed(&self) -> Option<Username> {
        Username::parse(self.text.get(..self.name)?).ok()
    }

    /// The session's name where the token must not be: the bucket's key, a connection's name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        let (name, secret) = self.text.split_at(self.name);
        SessionId(format!("{name}.{}", hash_of(&secret[1..])))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// `<uid>.<hash of its token>`: names a session, and lets nobody use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// Reads one that natter showed to somebody.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let token = SessionToken::parse(text)?;
        Some(Self(token.text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it one of this person's?
    #[must_use]
    pub fn is_of(&self, uid: &Username) -> bool {
        let owner = self.0.split('.').next();
        owner == Some(uid.as_str())
    }
}

/// 256 random bits, as text that can stand in an address and in a key.
pub(super) fn fresh_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// Could natter have made it?
pub(super) fn is_secret(text: &str) -> bool {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
    bytes.is_ok_and(|bytes| bytes.len() == 32)
}

/// What natter keeps of a secret.
pub(super) fn hash_of(secret: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(secret.as_bytes()))
}

/// Somebody who is signed in somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who. `None` for natter's own test of the way through the callout, which has no rights.
    pub uid: Option<Username>,
    /// The account's session generation that it began in: it holds while that is the account's.
    pub generation: u64,
    /// When it ends.
    pub expires: SystemTime,
    /// When it began.
    pub began: Timestamp,
    /// When it was last seen in use, to a day.
    pub used: Timestamp,
    /// Where from.
    pub from: Origin,
}

/// Where a session is used from, as far as natter is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// What the browser calls itself. Anything at all.
    pub agent: String,
    /// The address that it comes from.
    pub address: String,
}

/// What of a browser's name for itself is kept.
const AGENT_CHARS: usize = 300;

/// The use of a session is written down, and its end moved, again after this long.
const USE_NOTED_EVERY: i64 = 24 * 3_600_000;

/// The bucket of web sessions.
#[derive(Clone)]
pub struct Sessions {
    bucket: Bucket,
}

impl Sessions {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-sessions", limits::SESSION_LIFE, replicas).await?,
        })
    }

    /// Begins a session of somebody whose account has this session generation, as it was when they
    /// showed who they are. `None`: of nobody.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn begin(
        &self,
        who: Option<(&Username, u64)>,
        life: Duration,
        from: Origin,
    ) -> Result<SessionToken, StoreError> {
        let (uid, generation) = who.unzip();
        let token = SessionToken::generate(uid).map_err(StoreError::broker("begin a session"))?;
        let now = clock::now().0;
        let record = v1::SessionRecord {
            uid: uid.map(ToString::to_string),
            expires_at_ms: unix_ms(SystemTime::now() + life),
            began_at_ms: now,
            used_at_ms: now,
            agent: from.agent.chars().take(AGENT_CHARS).collect(),
            address: from.address,
            generation: generation.unwrap_or_default(),
        };
        let (key, record) = (token.id(), record.encode_to_vec());
        self.bucket
            .add(key.as_str(), record, "begin a session")
            .await?;
        Ok(token)
    }

    /// The session of a token, read from the leader. `None` when it never was, has ended or has
    /// run out.
    ///
    /// # Errors
    /// The broker did not answer: nothing is known of the session.
    pub async fn find(&self, token: &SessionToken) -> Result<Option<Session>, StoreError> {
        self.find_by_id(&token.id()).await
    }

    /// The session of this name.
    ///
    /// # Errors
    /// The broker did not answer: nothing is known of the session.
    pub async fn find_by_id(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let found = self.bucket.get(id.as_str(), "look a session up").await?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let session = read(id.clone(), bytes)?;
        Ok((session.expires > SystemTime::now()).then_some(session))
    }

    /// The names of somebody's sessions.
    ///
    /// # Errors
    /// The broker did not answer.
    async fn names_of(&self, uid: &Username) -> Result<Vec<SessionId>, StoreError> {
        let keys = self.bucket.keys_below(uid.as_str()).await?;
        Ok(keys
            .iter()
            .filter_map(|key| SessionId::parse(key))
            .collect())
    }

    /// Somebody's sessions, the one last used first.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn of(&self, uid: &Username) -> Result<Vec<Session>, StoreError> {
        let ids = self.names_of(uid).await?;
        let find = |id| async move { self.find_by_id(&id).await };
        let mut sessions = bucket::read_each(ids, find).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.used.0));
        Ok(sessions)
    }

    /// Writes down that a session is in use, and from where, and moves its end, once a day: a session ends
    /// after [`limits::SESSION_LIFE`] without use, less a day at most. True: its end was moved. One that ends
    /// at the same moment stays ended.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn note_use(&self, session: &Session, from: Origin) -> Result<bool, StoreError> {
        let now = clock::now().0;
        if now - session.used.0 < USE_NOTED_EVERY {
            return Ok(false);
        }
        let doing = "note a session’s use";
        let entry = self.bucket.entry(session.id.as_str(), doing).await?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else {
            return Ok(false);
        };
        let mut record =
            v1::SessionRecord::decode(entry.value).map_err(|_| StoreError::Corrupt("a session"))?;
        record.used_at_ms = now;
        record.expires_at_ms = unix_ms(SystemTime::now() + limits::SESSION_LIFE);
        record.agent = from.agent.chars().take(AGENT_CHARS).collect();
        record.address = from.address;
        let noted = self
            .bucket
            .update(
                session.id.as_str(),
                record.encode_to_vec().into(),
                entry.revision,
            )
            .await;
        match noted {
            Ok(_) => Ok(true),
            // Another request has noted it, or ended it.
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(error) => Err(StoreError::broker(doing)(error)),
        }
    }

    /// Ends a session, for every natter that watches.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn end(&self, id: &SessionId) -> Result<(), StoreError> {
        self.bucket
            .delete(id.as_str())
            .await
            .map_err(StoreError::broker("end a session"))
    }

    /// The names of sessions as they end, whoever ends them.
    ///
    /// # Errors
    /// The broker does not let natter watch.
    pub async fn ends(&self) -> Result<impl Stream<Item = SessionId> + use<>, StoreError> {
        let watch = self
            .bucket
            .watch_all()
            .await
            .map_err(StoreError::broker("watch sessions"))?;
        Ok(watch.filter_map(|entry| async move {
            let entry = entry.ok()?;
            let ended = matches!(
                entry.operation,
                kv::Operation::Delete | kv::Operation::Purge
            );
            ended.then(|| SessionId::parse(&entry.key)).flatten()
        }))
    }
}

fn read(id: SessionId, bytes: Bytes) -> Result<Session, StoreError> {
    let corrupt = || StoreError::Corrupt("a session");
    let record = v1::SessionRecord::decode(bytes).map_err(|_| corrupt())?;
    let uid = record
        .uid
        .map(|uid| Username::parse(&uid))
        .transpose()
        .map_err(|_| corrupt())?;
    let owner = uid.as_ref().map_or(NOBODY, Username::as_str);
    if id.as_str().split('.').next() != Some(owner) {
        return Err(corrupt());
    }
    let expires = u64::try_from(record.expires_at_ms).unwrap_or_default();
    Ok(Session {
        id,
        uid,
        generation: record.generation,
        expires: UNIX_EPOCH + Duration::from_millis(expires),
        began: Timestamp(record.began_at_ms),
        used: Timestamp(record.used_at_ms),
        from: Origin {
            agent: record.agent,
            address: record.address,
        },
    })
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(uid: Option<&str>) -> SessionToken {
        let uid = uid.map(|uid| Username::parse(uid).unwrap());
        SessionToken::generate(uid.as_ref()).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_made_and_shown_to_nobody() {
        for uid in [Some("ada"), Some("a-b_c"), None] {
            let token = token(uid);
            assert_eq!(SessionToken::parse(token.as_str()), Some(token.clone()));
            assert_eq!(format!("{token:?}"), "SessionToken(…)");
            let secret = token.as_str().split('.').nth(1).unwrap();
            assert!(!token.id().as_str().contains(secret));
            assert_eq!(SessionId::parse(token.id().as_str()), Some(token.id()));
        }
        let ada = token(Some("ada")).id();
        assert!(ada.is_of(&Username::parse("ada").unwrap()));
        assert!(!ada.is_of(&Username::parse("ad").unwrap()));
    }

    #[test]
    fn what_natter_never_gave_out_is_no_token() {
        let secret = fresh_secret().unwrap();
        for text in [
            "",
            "x",
            "../../etc",
            "AAAA",
            "ada.AAAA",
            secret.as_str(),
            &format!(".{secret}"),
            &format!("Ada.{secret}"),
            &format!("ada.{secret}.x"),
            &format!("ada.{}", "é".repeat(43)),
        ] {
            assert_eq!(SessionToken::parse(text), None, "{text}");
        }
    }
}
