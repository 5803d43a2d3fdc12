//! The auth callout: decides what each connection to the broker may do (design section 2,
//! ADR-26). It writes nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::Message;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::broker::{
    AuthRequest, BrokerKeys, CALLOUT_SUBJECT, CalloutError, Permissions, SERVER_XKEY_HEADER,
    UserLimits,
};
use super::store::{Session, SessionToken, Store, StoreError};
use crate::domain::{Rights, limits, rights_for};

/// Of several natters, one answers each request.
const QUEUE: &str = "natter";

/// Decisions under way at once.
const AT_ONCE: usize = 64;

/// What a page needs and somewhat more: the broker has no other limit for one connection.
const LIMITS: UserLimits = UserLimits {
    subs: 1_200,
    payload: 65_536,
    data: -1,
};

/// Answers the broker's questions until `stop`.
///
/// # Errors
/// The broker refuses the subscription.
pub async fn serve(
    auth: async_nats::Client,
    keys: Arc<BrokerKeys>,
    store: Store,
    stop: CancellationToken,
) -> Result<(), async_nats::SubscribeError> {
    let mut requests = auth
        .queue_subscribe(CALLOUT_SUBJECT, QUEUE.to_owned())
        .await?;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    tokio::spawn(async move {
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return,
                request = requests.next() => request,
            };
            let (Some(request), Ok(turn)) = (request, Arc::clone(&turns).acquire_owned().await)
            else {
                return;
            };
            let (auth, keys, store) = (auth.clone(), Arc::clone(&keys), store.clone());
            tokio::spawn(async move {
                match answer(&request, &keys, &store).await {
                    Ok(answer) => reply(&auth, request, answer).await,
                    Err(error) => tracing::warn!(%error, "an auth request was not answered"),
                }
                drop(turn);
            });
        }
    });
    Ok(())
}

async fn reply(auth: &async_nats::Client, request: Message, answer: Vec<u8>) {
    if let Some(subject) = request.reply
        && let Err(error) = auth.publish(subject, answer.into()).await
    {
        tracing::warn!(%error, "an auth answer was not sent");
    }
}

async fn answer(
    message: &Message,
    keys: &BrokerKeys,
    store: &Store,
) -> Result<Vec<u8>, CalloutError> {
    let server_xkey = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(SERVER_XKEY_HEADER))
        .map(ToString::to_string);
    let request = AuthRequest::open(&message.payload, server_xkey.as_deref(), keys)?;
    match decide(&request, store).await {
        Ok(Some(session)) => {
            let jwt = keys.sign_chat_user(
                &request.user_nkey,
                &connection_name(&session),
                &permissions(&session),
                &LIMITS,
                expiry(&session),
            )?;
            request.allow(keys, &jwt)
        }
        Ok(None) => request.refuse(keys, "no such session"),
        Err(error) => {
            tracing::warn!(%error, "a connection was refused since the store did not answer");
            request.refuse(keys, "not known now")
        }
    }
}

/// The session that a connection stands on, read from the leader; `None`: it has none.
async fn decide(request: &AuthRequest, store: &Store) -> Result<Option<Session>, StoreError> {
    let Some(token) = request.auth_token.as_deref().and_then(SessionToken::parse) else {
        return Ok(None);
    };
    let Some(session) = store.sessions.find(&token).await? else {
        return Ok(None);
    };
    match &session.uid {
        // A session of somebody who is not in the directory gives no rights.
        Some(uid) if store.directory().person(uid).await?.is_none() => Ok(None),
        _ => Ok(Some(session)),
    }
}

/// The name of a connection in CONNZ: `<uid>.<hash of the session>`, by which natter finds it.
#[must_use]
pub fn connection_name(session: &Session) -> String {
    let uid = session.uid.as_ref().map_or("-", |uid| uid.as_str());
    format!("{uid}.{}", session.hash)
}

fn permissions(session: &Session) -> Permissions {
    let Rights { publish, subscribe } = session.uid.as_ref().map(rights_for).unwrap_or_default();
    Permissions {
        publish_allow: publish,
        subscribe_allow: subscribe,
    }
}

/// At most an hour from now, less a part that differs by session so that not all come back at
/// once, and never past the session's end. In seconds since the Unix epoch.
fn expiry(session: &Session) -> u64 {
    let jitter = u64::from(session.hash.bytes().fold(0u8, u8::wrapping_add)) * 2;
    let rights_end = SystemTime::now() + limits::RIGHTS_LIFE - Duration::from_secs(jitter);
    rights_end
        .min(session.expires)
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Username;

    fn session(life: Duration) -> Session {
        Session {
            uid: Username::parse("ada").ok(),
            hash: "abc".into(),
            expires: SystemTime::now() + life,
        }
    }

    fn seconds_left(session: &Session) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        expiry(session) - now.as_secs()
    }

    #[test]
    fn rights_last_an_hour_at_most_and_no_longer_than_the_session() {
        assert!(seconds_left(&session(limits::SESSION_LIFE)) <= 3_600);
        assert!(seconds_left(&session(limits::SESSION_LIFE)) > 3_000);
        assert!(seconds_left(&session(Duration::from_secs(60))) <= 60);
    }

    #[test]
    fn the_test_of_the_callout_has_no_rights() {
        let nobody = Session {
            uid: None,
            ..session(Duration::from_secs(60))
        };
        assert_eq!(permissions(&nobody), Permissions::default());
        assert!(connection_name(&nobody).starts_with("-."));
    }
}
