//! Asking a stream's leader, which may be killed meanwhile.
//!
//! A question to one that is gone is never answered, and nats-server takes its time to choose
//! another. So what may be asked twice is asked again every second while the first questions wait
//! on, and the first answer counts: one that is slow is still an answer, and one that was lost holds
//! nobody up.

use std::time::Duration;

use async_nats::jetstream::stream;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::StoreError;

/// Between two questions.
const AGAIN: Duration = Duration::from_secs(1);

/// How long whoever asks waits: as long as a choice takes. The servers that are left vote
/// 4 to 9 seconds after they last heard the leader (nats-server, `server/raft.go`: election
/// timeouts), which no setting changes.
const WAIT: Duration = Duration::from_secs(12);

/// How long an entry with a message id waits: whoever wrote it asks again after five seconds.
const WRITE_WAIT: Duration = Duration::from_millis(4_500);

/// Whoever leads what is asked about.
#[derive(Clone)]
pub(super) struct Leader {
    client: async_nats::Client,
}

impl Leader {
    pub(super) fn new(client: async_nats::Client) -> Self {
        Self { client }
    }

    /// Asks what changes nothing, or the same however often it is asked and whenever it arrives.
    pub(super) async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        doing: &'static str,
        ask: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        ask_again(doing, WAIT, || self.is_connected(), ask).await
    }

    /// Asks for a change that the broker makes once, however often it is asked: within the window
    /// in which it remembers the message's id.
    pub(super) async fn write<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        doing: &'static str,
        ask: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        ask_again(doing, WRITE_WAIT, || self.is_connected(), ask).await
    }

    fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }
}

/// Did the leader say what a stream is like? While there is none, any server that has the stream
/// says it, which may not have all of it (`server/jetstream_api.go`, `jsStreamInfoRequest`).
pub(super) fn told(info: &stream::Info, doing: &'static str) -> Result<(), StoreError> {
    match is_led(info.cluster.as_ref()) {
        true => Ok(()),
        false => Err(StoreError::broker(doing)("nobody leads the stream")),
    }
}

/// One server alone is no cluster, and leads.
fn is_led(cluster: Option<&stream::ClusterInfo>) -> bool {
    cluster.is_none_or(|cluster| cluster.leader.is_some())
}

/// The first answer. That the broker cannot answer is none yet; any other error is one.
async fn ask_again<T, F: Future<Output = Result<T, StoreError>>>(
    doing: &'static str,
    patience: Duration,
    is_connected: impl Fn() -> bool,
    ask: impl Fn() -> F,
) -> Result<T, StoreError> {
    let end = Instant::now() + patience;
    let mut last = None;
    let mut asked = FuturesUnordered::new();
    while Instant::now() < end {
        // What is asked while there is no connection waits for it, and is not lost.
        if asked.is_empty() || is_connected() {
            asked.push(ask());
        }
        let again = (Instant::now() + AGAIN).min(end);
        loop {
            match timeout_at(again, asked.next()).await {
                Ok(Some(Err(error @ StoreError::Broker { .. }))) => last = Some(error),
                Ok(Some(answer)) => return answer,
                // All have failed: the next question still waits, else there is no end to them.
                Ok(None) => {
                    tokio::time::sleep_until(again).await;
                    break;
                }
                Err(_) => break,
            }
        }
    }
    Err(last.unwrap_or_else(|| StoreError::broker(doing)("no answer")))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::server::space::Unwritable;

    /// Asks where `answer` says what becomes of each question.
    async fn asking(
        answer: impl AsyncFn(u32) -> Result<u32, StoreError>,
    ) -> (Result<u32, StoreError>, u32, Duration) {
        let (begun, asked) = (Instant::now(), AtomicU32::new(0));
        let ask_now = || answer(asked.fetch_add(1, Ordering::Relaxed));
        let told = ask_again("answer", WAIT, || true, ask_now).await;
        (told, asked.into_inner(), begun.elapsed())
    }

    async fn lost() -> Result<u32, StoreError> {
        std::future::pending().await
    }

    fn cannot() -> StoreError {
        StoreError::broker("answer")("no responders")
    }

    #[tokio::test(start_paused = true)]
    async fn questions_that_are_lost_hold_nobody_up() {
        let answer = async |number| if number < 4 { lost().await } else { Ok(number) };
        let (told, asked, waited) = asking(answer).await;
        assert_eq!((told.unwrap(), asked), (4, 5));
        assert_eq!(waited, 4 * AGAIN);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_still_answers() {
        let answer = async |number| {
            tokio::time::sleep(AGAIN * 7 / 2).await;
            Ok(number)
        };
        let (told, _, waited) = asking(answer).await;
        assert_eq!(told.unwrap(), 0);
        assert_eq!(waited, AGAIN * 7 / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn that_it_cannot_be_answered_now_is_no_answer_yet() {
        let answer = async |number| {
            if number < 2 {
                Err(cannot())
            } else {
                Ok(number)
            }
        };
        let (told, asked, _) = asking(answer).await;
        assert_eq!((told.unwrap(), asked), (2, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_broker_refuses_is_not_asked_again() {
        let (told, asked, waited) =
            asking(async |_| Err(StoreError::Unwritable(Unwritable::Full))).await;
        assert!(matches!(told, Err(StoreError::Unwritable(_))));
        assert_eq!((asked, waited), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_connection_one_question_waits_for_it() {
        let asked = AtomicU32::new(0);
        let ask = || {
            asked.fetch_add(1, Ordering::Relaxed);
            lost()
        };
        let told = ask_again("answer", WAIT, || false, ask).await;
        assert!(matches!(told, Err(StoreError::Broker { .. })));
        assert_eq!(asked.into_inner(), 1);
    }

    #[test]
    fn who_does_not_know_a_leader_may_lack_what_it_had() {
        let led_by = |leader: Option<&str>| stream::ClusterInfo {
            leader: leader.map(str::to_owned),
            ..stream::ClusterInfo::default()
        };
        assert!(is_led(None));
        assert!(is_led(Some(&led_by(Some("n1")))));
        assert!(!is_led(Some(&led_by(None))));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends() {
        for is_lost in [true, false] {
            let answer = async |_| if is_lost { lost().await } else { Err(cannot()) };
            let (told, asked, waited) = asking(answer).await;
            assert!(matches!(told, Err(StoreError::Broker { .. })));
            assert_eq!((asked, waited), (12, WAIT));
        }
    }
}
