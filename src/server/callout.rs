//! The auth callout: decides what each connection to the broker may do (design section 2,
//! ADR-26). It writes nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::Message;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::broker::{
    AuthRequest, BrokerKeys, CALLOUT_SUBJECT, CalloutError, Credential, Permissions,
    SERVER_XKEY_HEADER, UserLimits,
};
use super::store::{CredsFile, Holder, Session, SessionToken, Store, StoreError};
use crate::domain::{Rights, limits, rights_for, rights_of_service};

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
    let credential = match request.credential(keys) {
        Ok(credential) => credential,
        Err(error) => {
            tracing::debug!(%error, "a connection with a .creds file was refused");
            return request.refuse(keys, "no such credentials");
        }
    };
    let decided = match credential {
        Some(credential) => by_creds_file(&credential, store).await,
        None => by_session(&request, store).await,
    };
    match decided {
        Ok(Some(admitted)) => {
            let jwt = keys.sign_chat_user(
                &request.user_nkey,
                &admitted.connection_name,
                &permissions(admitted.rights),
                &LIMITS,
                expiry(admitted.until, admitted.connection_name.as_bytes()),
            )?;
            request.allow(keys, &jwt)
        }
        Ok(None) => request.refuse(keys, "no such session or credentials"),
        Err(error) => {
            tracing::warn!(%error, "a connection was refused since the store did not answer");
            request.refuse(keys, "not known now")
        }
    }
}

/// Somebody who may connect.
struct Admitted {
    /// What CONNZ calls the connection.
    connection_name: String,
    rights: Rights,
    /// When what they stand on ends, if it does.
    until: Option<SystemTime>,
}

/// By the session that a connection stands on, read from the leader; `None`: it has none.
async fn by_session(request: &AuthRequest, store: &Store) -> Result<Option<Admitted>, StoreError> {
    let Some(token) = request.auth_token.as_deref().and_then(SessionToken::parse) else {
        return Ok(None);
    };
    let Some(session) = store.sessions.find(&token).await? else {
        return Ok(None);
    };
    // A session of somebody who is not in the directory gives no rights.
    if let Some(uid) = &session.uid
        && store.directory().person(uid).await?.is_none()
    {
        return Ok(None);
    }
    Ok(Some(Admitted {
        connection_name: connection_name(&session),
        rights: session.uid.as_ref().map(rights_for).unwrap_or_default(),
        until: Some(session.expires),
    }))
}

/// By the `.creds` file that it has shown to be its own; `None`: natter does not know it, or no
/// longer.
async fn by_creds_file(
    credential: &Credential,
    store: &Store,
) -> Result<Option<Admitted>, StoreError> {
    let Some(file) = store.creds_files.find(&credential.nkey).await? else {
        return Ok(None);
    };
    let rights = match &file.holder {
        Holder::Person(uid) if store.directory().person(uid).await?.is_none() => return Ok(None),
        Holder::Person(uid) => rights_for(uid),
        Holder::Service(name) => rights_of_service(name),
    };
    Ok(Some(Admitted {
        connection_name: creds_connection_name(&file),
        rights,
        until: None,
    }))
}

/// The name of a connection in CONNZ: `<uid>.<hash of the session>`, by which natter finds it.
#[must_use]
pub fn connection_name(session: &Session) -> String {
    let uid = session.uid.as_ref().map_or("-", |uid| uid.as_str());
    format!("{uid}.{}", session.hash)
}

/// The same for a connection with a `.creds` file: `<name>.<nkey>`.
#[must_use]
pub fn creds_connection_name(file: &CredsFile) -> String {
    format!("{}.{}", file.holder.name(), file.nkey)
}

fn permissions(rights: Rights) -> Permissions {
    Permissions {
        publish_allow: rights.publish,
        subscribe_allow: rights.subscribe,
    }
}

/// At most an hour from now, less a part that differs by connection so that not all come back at
/// once, and never past the end of what it stands on. In seconds since the Unix epoch.
fn expiry(until: Option<SystemTime>, differs: &[u8]) -> u64 {
    let jitter = u64::from(differs.iter().copied().fold(0u8, u8::wrapping_add)) * 2;
    let rights_end = SystemTime::now() + limits::RIGHTS_LIFE - Duration::from_secs(jitter);
    until
        .map_or(rights_end, |until| rights_end.min(until))
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_left(life: Option<Duration>) -> u64 {
        let now = SystemTime::now();
        let end = expiry(life.map(|life| now + life), b"ada.abc");
        end - now.duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn rights_last_an_hour_at_most_and_no_longer_than_what_they_stand_on() {
        for life in [Some(limits::SESSION_LIFE), None] {
            assert!(seconds_left(life) <= 3_600);
            assert!(seconds_left(life) > 3_000);
        }
        assert!(seconds_left(Some(Duration::from_secs(60))) <= 60);
    }

    #[test]
    fn the_test_of_the_callout_has_no_rights() {
        let nobody = Session {
            uid: None,
            hash: "abc".into(),
            expires: SystemTime::now(),
        };
        let rights = nobody.uid.as_ref().map(rights_for).unwrap_or_default();
        assert_eq!(permissions(rights), Permissions::default());
        assert!(connection_name(&nobody).starts_with("-."));
    }
}
