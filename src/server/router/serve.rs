//! From subscription to reply.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::handler::Erased;
use super::limit::RequestLimit;
use super::{Request, Router};
use crate::domain::{Username, subject};
use crate::nats;
use crate::server::Failure;

/// Of several natters behind one broker, one answers each request.
const QUEUE: &str = "natter";

/// Requests under way at once. Further ones wait with the broker's client, whose queue is bounded
/// and drops what does not fit: the caller asks again, with the same key.
const AT_ONCE: usize = 256;

/// Longest that a handler may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How often those who have asked nothing lately are forgotten by the limit.
const TIDY: Duration = Duration::from_secs(60);

/// The two connections that the router needs.
#[derive(Clone)]
pub struct Wires {
    /// Reads what users publish, through natter's own client: async-nats can be made to panic or
    /// to drop its connection by what a user sends (Must hold, 10).
    pub reader: nats::Client,
    /// Writes replies.
    pub writer: async_nats::Client,
}

/// A router at work. Dropping it ends the work.
pub struct Served {
    _tasks: JoinSet<()>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Subscribes to every route, in natter's queue group, and answers until `stop`.
    ///
    /// # Errors
    /// The broker refuses a subscription.
    pub async fn serve(
        self,
        wires: Wires,
        stop: CancellationToken,
    ) -> Result<Served, nats::SubscribeError> {
        let mut tasks = JoinSet::new();
        let limit = Arc::new(RequestLimit::new());
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        for (pattern, handler) in self.routes {
            let requests = wires.reader.queue_subscribe(pattern, QUEUE).await?;
            let route = Route {
                pattern,
                handler,
                state: self.state.clone(),
                writer: wires.writer.clone(),
                limit: Arc::clone(&limit),
                turns: Arc::clone(&turns),
            };
            tasks.spawn(
                stop.clone()
                    .run_until_cancelled_owned(route.run(requests))
                    .map(|_| ()),
            );
        }
        let tidy = async move {
            loop {
                tokio::time::sleep(TIDY).await;
                limit.tidy();
            }
        };
        tasks.spawn(stop.run_until_cancelled_owned(tidy).map(|_: Option<()>| ()));
        Ok(Served { _tasks: tasks })
    }
}

struct Route<S> {
    pattern: &'static str,
    handler: Erased<S>,
    state: S,
    writer: async_nats::Client,
    limit: Arc<RequestLimit>,
    turns: Arc<Semaphore>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    async fn run(self, mut requests: nats::Subscription) {
        let mut under_way = JoinSet::new();
        while let Some(message) = requests.next().await {
            while under_way.try_join_next().is_some() {}
            let Some(caller) = caller_of(self.pattern, message.subject.as_str()) else {
                continue;
            };
            let Some(reply) = message
                .reply_str()
                .filter(|reply| is_inbox_of(&caller, reply))
            else {
                tracing::debug!(%caller, subject = message.subject.as_str(),
                    "a request without a reply subject in the caller’s inbox");
                continue;
            };
            let reply = reply.to_owned();
            if let Err(wait) = self.limit.check(&caller) {
                send(&self.writer, reply, Err(Failure::too_many(wait))).await;
                continue;
            }
            let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
                return;
            };
            let request = Request {
                subject: message.subject.as_str().to_owned(),
                caller,
                payload: message.payload,
            };
            let subject = request.subject.clone();
            let answer = (self.handler)(request, self.state.clone());
            let writer = self.writer.clone();
            under_way.spawn(async move {
                let outcome = guarded(answer, &subject).await;
                send(&writer, reply, outcome).await;
                drop(turn);
            });
        }
    }
}

/// A handler that panics or does not end takes nobody else down.
async fn guarded(
    answer: impl Future<Output = Result<Vec<u8>, Failure>>,
    subject: &str,
) -> Result<Vec<u8>, Failure> {
    match tokio::time::timeout(DEADLINE, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            tracing::error!(subject, "a handler panicked");
            Err(Failure::unavailable())
        }
        Err(_) => {
            tracing::warn!(subject, "a handler took too long");
            Err(Failure::unavailable())
        }
    }
}

async fn send(writer: &async_nats::Client, reply: String, outcome: Result<Vec<u8>, Failure>) {
    let sent = match outcome {
        Ok(payload) => writer.publish(reply, Bytes::from(payload)).await,
        Err(failure) => {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Service-Error", failure.word());
            headers.insert("Nats-Service-Error-Code", failure.code().to_string());
            writer
                .publish_with_headers(reply, headers, Bytes::from(failure.encode()))
                .await
        }
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "a reply was not sent: the caller asks again");
    }
}

/// Who asks: the token of the subject that stands where the pattern has its first `*`.
fn caller_of(pattern: &str, subject: &str) -> Option<Username> {
    let at = pattern.split('.').position(|token| token == "*")?;
    Username::parse(subject.split('.').nth(at)?).ok()
}

/// May an answer to `caller` go to this subject? Only under their own inbox, as one plain subject
/// (Must hold, 2): else a requester would make natter write to any subject, in another's name.
fn is_inbox_of(caller: &Username, reply: &str) -> bool {
    let prefix = subject::inbox_prefix(caller);
    let Some(rest) = reply
        .strip_prefix(&prefix)
        .and_then(|r| r.strip_prefix('.'))
    else {
        return false;
    };
    rest.split('.').all(|token| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'>'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_who_the_subject_says() {
        let ada = Username::parse("ada").ok();
        assert_eq!(caller_of("*.echo", "ada.echo"), ada);
        assert_eq!(caller_of("natter.svc.*.post", "natter.svc.ada.post"), ada);
        assert_eq!(
            caller_of("*.echo", "natter.echo"),
            None,
            "natter asks nobody"
        );
        assert_eq!(caller_of("*.echo", "Ada.echo"), None);
    }

    #[test]
    fn an_answer_goes_to_the_callers_inbox_and_nowhere_else() {
        let ada = Username::parse("ada").unwrap();
        for good in ["_INBOX.ada.x", "_INBOX.ada.x.1"] {
            assert!(is_inbox_of(&ada, good), "{good}");
        }
        for bad in [
            "_INBOX.ada",
            "_INBOX.ada.",
            "_INBOX.ada..x",
            "_INBOX.ada.>",
            "_INBOX.ada.*",
            "_INBOX.adam.x",
            "_INBOX.ben.x",
            "_INBOX.x",
            "natter.log.open.general",
            "$JS.API.STREAM.PURGE.LOG",
            "$KV.natter-sessions.x",
            "",
        ] {
            assert!(!is_inbox_of(&ada, bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let answer = async { panic!("on purpose") };
        let outcome = guarded(answer, "ada.echo").await;
        assert_eq!(outcome, Err(Failure::unavailable()));
    }
}
