//! From subscription to reply.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Router;
use super::arrivals::{Arrivals, Job};
use super::discovery::Discovery;
use super::endpoint::{About, Endpoint};
use super::handler::Answer;
use super::turns::{self, Turns};
use crate::domain::{Username, limits, subject};
use crate::nats;
use crate::server::Failure;
use crate::server::limits::Limits;

/// Of several natter servers behind one broker, one answers each request.
pub(super) const QUEUE: &str = "natter";

/// Tasks that take requests up. Those that wait for something go on in tasks of their own.
const WORKERS: usize = 4;

/// What every broker lets through that natter runs with, in bytes.
const ALWAYS_FITS: usize = limits::LEAST_PAYLOAD;

/// Longest that a handler may take, and that a request may wait for its turn.
const DEADLINE: Duration = Duration::from_secs(10);

/// The two connections that the router needs.
#[derive(Clone)]
pub struct Wires {
    /// Reads what users publish, through natter's own client: async-nats can be made to panic or
    /// to drop its connection by what a user sends (Must hold, 10).
    pub reader: nats::Client,
    /// Writes replies.
    pub writer: async_nats::Client,
    /// How much one person may ask.
    pub limits: Limits,
    /// Told of those who go on past the limit: their connections are to be ended.
    pub cut_off: CutOff,
}

/// Ends somebody's connections.
pub type CutOff = Arc<dyn Fn(Username) + Send + Sync>;

/// A router at work. Dropping it ends the work.
pub struct Served {
    tasks: JoinSet<()>,
}

impl Served {
    /// Waits until a part of it ends, which none does before the router is told to stop.
    pub async fn first_end(mut self) {
        if let Some(Err(error)) = self.tasks.join_next().await {
            tracing::error!(%error, "a part of the router ended");
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Subscribes to every route, in natter's queue group, and answers until `stop`; tells of
    /// itself under `$SRV`.
    ///
    /// # Errors
    /// The broker refuses a subscription.
    pub async fn serve(
        self,
        wires: Wires,
        stop: CancellationToken,
    ) -> Result<Served, nats::SubscribeError> {
        let mut tasks = JoinSet::new();
        let endpoints: Arc<[_]> = self.endpoints.into();
        let about = endpoints.iter().map(|e| Arc::clone(&e.about));
        let discovery = Discovery::new(about.collect());
        for subject in discovery.subjects() {
            let questions = wires.reader.subscribe(&subject).await?;
            let answering = discovery.clone().run(questions, wires.writer.clone());
            tasks.spawn(until(&stop, answering));
        }
        let turns = Turns::new(turns::ROOM);
        let arrivals = Arc::new(Arrivals::new(&wires, turns.clone()));
        for _ in 0..WORKERS {
            let worker = Worker {
                endpoints: Arc::clone(&endpoints),
                state: self.state.clone(),
                writer: wires.writer.clone(),
                turns: turns.clone(),
            };
            tasks.spawn(until(&stop, worker.run()));
        }
        let announced = Arc::clone(&arrivals);
        let announcements = wires
            .reader
            .subscribe_with(subject::RELAYS, None, move |message| {
                announced.announced(&message);
            });
        let mut all = vec![announcements.await?];
        for (route, endpoint) in endpoints.iter().enumerate() {
            let (arrivals, all_endpoints) = (Arc::clone(&arrivals), Arc::clone(&endpoints));
            let take = move |message| arrivals.take(route, &all_endpoints[route], message);
            let reader = &wires.reader;
            all.push(
                reader
                    .subscribe_with(endpoint.about.pattern, Some(QUEUE), take)
                    .await?,
            );
        }
        // They are subscribed to for as long as they are held.
        tasks.spawn(until(&stop, async move {
            let _all = all;
            std::future::pending::<()>().await;
        }));
        Ok(Served { tasks })
    }
}

fn until(
    stop: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let stop = stop.clone();
    async move {
        stop.run_until_cancelled_owned(work).await;
    }
}

/// Works on what waits, one request after the other as far as they need not wait for anything.
struct Worker<S> {
    endpoints: Arc<[Endpoint<S>]>,
    state: S,
    writer: async_nats::Client,
    turns: Turns<Job>,
}

impl<S: Clone + Send + Sync + 'static> Worker<S> {
    async fn run(self) {
        let mut under_way = JoinSet::new();
        loop {
            let (job, turn) = self.turns.next().await;
            while under_way.try_join_next().is_some() {}
            let endpoint = &self.endpoints[job.route];
            let finish = Finish {
                about: Arc::clone(&endpoint.about),
                writer: self.writer.clone(),
                reply: job.request.reply.clone(),
                began: Instant::now(),
            };
            if job.came.elapsed() > DEADLINE {
                // The client has given up, and asks again.
                finish.with(Err(Failure::unavailable())).await;
                continue;
            }
            let mut answer = (endpoint.handler)(job.request, self.state.clone());
            // What is worked out without waiting needs no task of its own.
            if let Some(outcome) = first_step(&mut answer, &endpoint.about.name) {
                finish.with(outcome).await;
                continue;
            }
            under_way.spawn(async move {
                let outcome = guarded(answer, &finish.about.name).await;
                finish.with(outcome).await;
                drop(turn);
            });
        }
    }
}

/// What is to be done when a request's outcome is known.
struct Finish {
    about: Arc<About>,
    writer: async_nats::Client,
    reply: Option<String>,
    began: Instant,
}

impl Finish {
    async fn with(self, outcome: Result<Vec<u8>, Failure>) {
        let outcome = fitting(&self.writer, outcome);
        self.about.stats.count(&outcome, self.began.elapsed());
        match self.reply {
            Some(reply) => send(&self.writer, reply, outcome).await,
            None if self.about.told_of_silence.swap(true, Ordering::Relaxed) => {}
            None => tracing::info!(
                endpoint = self.about.name,
                "requests without a reply subject are worked on and not answered"
            ),
        }
    }
}

/// The outcome, if the handler has nothing to wait for.
fn first_step(answer: &mut Answer, endpoint: &str) -> Option<Result<Vec<u8>, Failure>> {
    match std::panic::catch_unwind(AssertUnwindSafe(|| answer.now_or_never())) {
        Ok(outcome) => outcome,
        Err(_) => Some(panicked(endpoint)),
    }
}

/// A handler that panics or does not end takes nobody else down.
async fn guarded(answer: Answer, endpoint: &str) -> Result<Vec<u8>, Failure> {
    match tokio::time::timeout(DEADLINE, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => panicked(endpoint),
        Err(_) => {
            tracing::warn!(endpoint, "a handler took too long");
            Err(Failure::unavailable())
        }
    }
}

fn panicked(endpoint: &str) -> Result<Vec<u8>, Failure> {
    tracing::error!(endpoint, "a handler panicked");
    Err(Failure::internal())
}

/// A reply that is too large for the broker becomes a failure, so that the client asks for less.
fn fitting(
    writer: &async_nats::Client,
    outcome: Result<Vec<u8>, Failure>,
) -> Result<Vec<u8>, Failure> {
    match outcome {
        Ok(reply)
            if reply.len() > ALWAYS_FITS && reply.len() > writer.server_info().max_payload =>
        {
            Err(Failure::too_large())
        }
        outcome => outcome,
    }
}

pub(super) async fn send(
    writer: &async_nats::Client,
    reply: String,
    outcome: Result<Vec<u8>, Failure>,
) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let mut at_once: Answer = Box::pin(async { panic!("on purpose") });
        let outcome = first_step(&mut at_once, "echo");
        assert_eq!(outcome, Some(Err(Failure::internal())));

        let later: Answer = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        });
        assert_eq!(guarded(later, "echo").await, Err(Failure::internal()));
    }
}
