//! The auth callout: decides what each connection to the broker may do (design section 2,
//! ADR-26). It writes nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::Message;
use futures::StreamExt as _;
use tokio::sync::Semaphore;

use super::asked::Asked;
use super::broker::{
    AuthRequest, BrokerKeys, CALLOUT_SUBJECT, CalloutError, Credential, Permissions,
    SERVER_XKEY_HEADER, UserLimits,
};
use super::clock::{self, BrokerClock};
use super::connection_limit::ConnectionLimit;
use super::connection_name::{ConnectionName, Judged};
use super::limits::Limits;
use super::read_model::{ReadError, ReadModel, queries};
use super::store::{CredsFile, Holder, SessionToken, Store, StoreError};
use super::tasks::Tasks;
use crate::domain::{Rights, Role, Username, limits, rights_for, rights_of_service};

/// Of several natter servers, one answers each request.
const QUEUE: &str = "natter";

/// Decisions under way at once.
const AT_ONCE: usize = 64;

/// After this the broker, which waits for five seconds, has refused; nobody’s turn is held longer.
const DECIDED_WITHIN: Duration = Duration::from_millis(4_500);

/// What an answer is worked out from.
#[derive(Clone)]
pub struct Known {
    /// Sessions, `.creds` files and people.
    pub store: Store,
    /// Where people are.
    pub read_model: ReadModel,
    /// How often one may connect.
    pub limits: Limits,
    /// The questions that are under way.
    pub(super) asked: Asked,
    /// The limit on connections of one person.
    pub connections: ConnectionLimit,
    /// How long rights stand at most.
    pub rights_life: Duration,
    /// How far the clock of who asks is from natter's.
    pub broker_clock: BrokerClock,
}

/// Answers the broker's questions until `stop`.
///
/// # Errors
/// The broker refuses the subscription.
pub async fn serve(
    auth: async_nats::Client,
    keys: Arc<BrokerKeys>,
    known: Known,
    tasks: &Tasks,
) -> Result<(), async_nats::SubscribeError> {
    let mut requests = auth
        .queue_subscribe(CALLOUT_SUBJECT, QUEUE.to_owned())
        .await?;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    tasks.spawn("letting people connect", async move {
        while let Some(request) = requests.next().await {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
                return;
            };
            let (auth, keys, known) = (auth.clone(), Arc::clone(&keys), known.clone());
            tokio::spawn(async move {
                match answer(&request, &keys, &known).await {
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
    known: &Known,
) -> Result<Vec<u8>, CalloutError> {
    let server_xkey = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(SERVER_XKEY_HEADER))
        .map(ToString::to_string);
    let request = AuthRequest::open(&message.payload, server_xkey.as_deref(), keys)?;
    known.broker_clock.note(request.clock_ahead);
    let credential = match request.credential(keys) {
        Ok(credential) => credential,
        Err(error) => {
            tracing::debug!(%error, "a connection with a .creds file was refused");
            return request.refuse(keys, "no such credentials");
        }
    };
    let token = request.auth_token.as_deref();
    // A session's token names its person.
    let holder = match &credential {
        Some(credential) => Some(credential.name.as_str()),
        None => token.and_then(|token| token.split('.').next()),
    };
    let _under_way = holder.map(|holder| known.asked.about(&request, holder));
    let decided = async {
        match credential.clone() {
            Some(credential) => by_creds_file(&credential, known).await,
            None => by_session(&request, known).await,
        }
    };
    let decided = tokio::time::timeout(DECIDED_WITHIN, decided).await;
    match decided.unwrap_or(Err(NotKnown::InTime)) {
        Ok(Some(admitted)) if !admitted.has_room(&request, known) => {
            tracing::debug!(name = admitted.let_in_by, "connection limit reached");
            request.refuse(keys, "as many connections as one may have")
        }
        Ok(Some(admitted)) => {
            let name = ConnectionName {
                let_in_by: admitted.let_in_by.clone(),
                judged: admitted.judged,
            };
            let jwt = keys.sign_chat_user(
                &request.user_nkey,
                &name.to_string(),
                &permissions(admitted.rights),
                // nats-server 2.15 applies limits in the answer of a callout to nobody. `max_subscriptions` in its
                // configuration, `router::arrivals` and `busiest` do instead.
                &UserLimits::default(),
                // The server ends the connection by its own clock.
                expiry(
                    known.rights_life,
                    admitted.until,
                    admitted.let_in_by.as_bytes(),
                )
                .saturating_add_signed(clock::worth_telling(request.clock_ahead)),
            )?;
            request.allow(keys, &jwt)
        }
        Ok(None) => request.refuse(
            keys,
            "no valid session or credentials, or too many connections",
        ),
        Err(error) => {
            tracing::warn!(%error, "a connection was refused since the store did not answer");
            request.refuse(keys, "not known now")
        }
    }
}

/// Somebody who may connect.
struct Admitted {
    /// The id of their session, or the name of their `.creds` file.
    let_in_by: String,
    rights: Rights,
    /// The position in LOG that the rights were computed from.
    judged: Judged,
    /// When what they stand on ends, if it does.
    until: Option<SystemTime>,
    /// Whose it is; natter's own is nobody's.
    holder: Option<Username>,
}

impl Admitted {
    /// Counts the connection, unless its holder has reached the limit.
    fn has_room(&self, request: &AuthRequest, known: &Known) -> bool {
        let Some(holder) = &self.holder else {
            return true;
        };
        let place = (request.server_id.clone(), request.client.id);
        known.connections.admit(holder.as_str(), place)
    }
}

/// Whom the store or the read model did not tell about.
#[derive(Debug, thiserror::Error)]
enum NotKnown {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    ReadModel(#[from] ReadError),
    #[error("nobody told in time")]
    InTime,
}

/// By the session that a connection stands on, read from the leader; `None`: it has none.
async fn by_session(request: &AuthRequest, known: &Known) -> Result<Option<Admitted>, NotKnown> {
    let Some(token) = request.auth_token.as_deref().and_then(SessionToken::parse) else {
        return Ok(None);
    };
    let Some(session) = known.store.sessions.find(&token).await? else {
        return Ok(None);
    };
    let rights = match &session.uid {
        Some(uid) => rights_now(uid, Some(session.generation), known).await?,
        // Natter's own test of the way has none.
        None => Some((Rights::default(), Judged::default())),
    };
    Ok(rights.map(|(rights, judged)| Admitted {
        let_in_by: session.id.as_str().to_owned(),
        rights,
        judged,
        until: Some(session.expires),
        holder: session.uid,
    }))
}

/// By the `.creds` file that it has shown to be its own; `None`: natter does not know it, or no
/// longer.
async fn by_creds_file(
    credential: &Credential,
    known: &Known,
) -> Result<Option<Admitted>, NotKnown> {
    let Some(file) = known.store.creds_files.find(&credential.nkey).await? else {
        return Ok(None);
    };
    let rights = match &file.holder {
        Holder::Person(uid) => rights_now(uid, None, known).await?,
        Holder::Service(name) => Some((rights_of_service(name), Judged::default())),
    };
    Ok(rights.map(|(rights, judged)| Admitted {
        let_in_by: creds_connection_name(&file),
        rights,
        judged,
        until: None,
        holder: Some(file.holder.name().clone()),
    }))
}

/// Somebody's rights by all that was in LOG when they asked, and how much that was; `None`: they may not come in, or not by a
/// session of this generation.
async fn rights_now(
    uid: &Username,
    generation: Option<u64>,
    known: &Known,
) -> Result<Option<(Rights, Judged)>, ReadError> {
    if !known.limits.may_connect(uid) {
        tracing::debug!(%uid, "connects too often, or is cut off");
        return Ok(None);
    }
    let wanted = uid.clone();
    let answer = known
        .read_model
        .ask(move |tables| {
            let current = queries::session_generation(tables, &wanted)?;
            if generation.is_some() && generation != current {
                return Ok(None);
            }
            queries::standing(tables, &wanted)
        })
        .await?;
    if known.limits.is_cut_off(uid) {
        // Meanwhile: their connections may have been ended already.
        return Ok(None);
    }
    let judged = Judged {
        epoch: answer.epoch,
        through: answer.through,
    };
    let standing = answer.value.filter(|who| who.role != Role::Suspended);
    Ok(standing.as_ref().map(|who| (rights_for(who), judged)))
}

/// How the name of a connection with a `.creds` file begins, by which natter finds it: `<name>.<nkey>`.
/// That of a session begins with the session's id.
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

/// At most `life` from now, less a part that differs by connection so that not all come back at
/// once, and never past the end of what it stands on. In seconds since the Unix epoch.
fn expiry(life: Duration, until: Option<SystemTime>, differs: &[u8]) -> u64 {
    let differs = differs.iter().copied().fold(0u8, u8::wrapping_add);
    let jitter = limits::RIGHTS_JITTER * f64::from(differs) / f64::from(u8::MAX);
    let rights_end = SystemTime::now() + life.mul_f64(1.0 - jitter);
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
        let until = life.map(|life| now + life);
        let end = expiry(limits::RIGHTS_LIFE, until, b"ada.abc");
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
    fn a_page_renews_them_before_the_first_can_end() {
        let life = Duration::from_secs(9);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        for differs in 0..=u8::MAX {
            let end = Duration::from_secs(expiry(life, None, &[differs]));
            assert!(
                end > now + life.mul_f64(limits::RIGHTS_RENEWED),
                "{differs}"
            );
        }
    }
}
