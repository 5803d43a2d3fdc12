//! Web sessions: an opaque random token in a cookie, its hash as the key in a bucket.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{Context, kv};
use data_encoding::BASE64URL_NOPAD;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{StoreError, bucket};
use crate::domain::{Username, limits};
use crate::wire::v1;

/// 256 random bits that only the browser has. Natter keeps their hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// A fresh one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Reads a cookie's value. `None` when it is nothing that natter gave out, without asking
    /// anybody.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The cookie's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The session's name where the token must not be: the bucket's key, a connection's name.
    #[must_use]
    pub fn hash(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// Somebody who is signed in somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who. `None` for natter's own test of the way through the callout, which has no rights.
    pub uid: Option<Username>,
    /// The hash of its token.
    pub hash: String,
    /// When it ends.
    pub expires: SystemTime,
}

/// The bucket of web sessions.
#[derive(Clone)]
pub struct Sessions {
    bucket: kv::Store,
}

impl Sessions {
    pub(super) async fn open(js: &Context) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: bucket::open(js, "natter-sessions", limits::SESSION_LIFE).await?,
        })
    }

    /// Begins a session.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn begin(
        &self,
        uid: Option<&Username>,
        life: Duration,
    ) -> Result<SessionToken, StoreError> {
        let token = SessionToken::generate().map_err(StoreError::broker("begin a session"))?;
        let expires = SystemTime::now() + life;
        let record = v1::SessionRecord {
            uid: uid.map(ToString::to_string),
            expires_at_ms: unix_ms(expires),
        };
        self.bucket
            .put(token.hash(), record.encode_to_vec().into())
            .await
            .map_err(StoreError::broker("begin a session"))?;
        Ok(token)
    }

    /// The session of a token, read from the leader. `None` when it never was, has ended or has
    /// run out.
    ///
    /// # Errors
    /// The broker did not answer: nothing is known of the session.
    pub async fn find(&self, token: &SessionToken) -> Result<Option<Session>, StoreError> {
        self.find_by_hash(token.hash()).await
    }

    /// Does the session with this hash still hold?
    ///
    /// # Errors
    /// The broker did not answer: nothing is known of the session.
    pub async fn holds(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.find_by_hash(hash.to_owned()).await?.is_some())
    }

    async fn find_by_hash(&self, hash: String) -> Result<Option<Session>, StoreError> {
        let found = self.bucket.get(hash.clone()).await;
        let Some(bytes) = found.map_err(StoreError::broker("look a session up"))? else {
            return Ok(None);
        };
        let record =
            v1::SessionRecord::decode(bytes).map_err(|_| StoreError::Corrupt("a session"))?;
        let uid = record
            .uid
            .map(|uid| Username::parse(&uid))
            .transpose()
            .map_err(|_| StoreError::Corrupt("a session"))?;
        let expires = UNIX_EPOCH
            + Duration::from_millis(u64::try_from(record.expires_at_ms).unwrap_or_default());
        let session = Session { uid, hash, expires };
        Ok((session.expires > SystemTime::now()).then_some(session))
    }

    /// Ends a session, for every natter that watches.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn end(&self, token: &SessionToken) -> Result<(), StoreError> {
        self.bucket
            .delete(token.hash())
            .await
            .map_err(StoreError::broker("end a session"))
    }

    /// The hashes of sessions as they end, whoever ends them.
    ///
    /// # Errors
    /// The broker does not let natter watch.
    pub async fn ends(&self) -> Result<impl Stream<Item = String> + use<>, StoreError> {
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
            ended.then_some(entry.key)
        }))
    }
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_made_and_shown_to_nobody() {
        let token = SessionToken::generate().unwrap();
        assert_eq!(SessionToken::parse(token.as_str()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "SessionToken(…)");
        assert_ne!(token.hash(), token.as_str());
    }

    #[test]
    fn what_natter_never_gave_out_is_no_token() {
        for text in ["", "x", "../../etc", "AAAA", &"é".repeat(43)] {
            assert_eq!(SessionToken::parse(text), None, "{text}");
        }
    }
}
