//! The tasks that run for as long as natter does. Each is started here, so that one that ends, by an error
//! or a panic, is told in the log and by `/health`, and does not leave natter half alive in silence.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Starts tasks that run until natter stops, and knows those that have ended before.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    started: BTreeSet<&'static str>,
    ended: BTreeSet<&'static str>,
}

impl Tasks {
    /// For tasks that run until `stop`.
    #[must_use]
    pub fn until(stop: CancellationToken) -> Self {
        Self {
            stop,
            known: Arc::default(),
        }
    }

    /// What ends all of them.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts one. `name` says in `/health` what natter cannot do without it.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.with(|known| known.started.insert(name));
        let running = tokio::spawn(self.stop.clone().run_until_cancelled_owned(task));
        let this = self.clone();
        tokio::spawn(async move {
            let ended = running.await;
            if this.stop.is_cancelled() || matches!(ended, Ok(None)) {
                return;
            }
            let why = ended
                .err()
                .map_or_else(String::new, |error| error.to_string());
            tracing::error!(
                why,
                "a task of natter ended that must not: {name}. Restart natter."
            );
            this.with(|known| known.ended.insert(name));
        });
    }

    /// The names of all that were started.
    #[must_use]
    pub fn started(&self) -> Vec<&'static str> {
        self.with(|known| known.started.iter().copied().collect())
    }

    /// The names of those that ended while natter was not told to stop.
    #[must_use]
    pub fn ended(&self) -> Vec<&'static str> {
        self.with(|known| known.ended.iter().copied().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ended_of(tasks: &Tasks, count: usize) -> Vec<&'static str> {
        while tasks.ended().len() < count {
            tokio::task::yield_now().await;
        }
        tasks.ended()
    }

    #[tokio::test]
    async fn a_task_that_returns_or_panics_is_known_and_one_that_runs_is_not() {
        let tasks = Tasks::default();
        tasks.spawn("runs", std::future::pending());
        tasks.spawn("returns", async {});
        tasks.spawn("panics", async { panic!("on purpose") });
        assert_eq!(ended_of(&tasks, 2).await, ["panics", "returns"]);
        assert_eq!(tasks.started(), ["panics", "returns", "runs"]);
    }

    #[tokio::test]
    async fn what_ends_because_natter_stops_has_not_failed() {
        let tasks = Tasks::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("runs", async move {
            let _end = end;
            std::future::pending().await
        });
        tasks.stop().cancel();
        let _ = ended.await;
        tokio::task::yield_now().await;
        assert!(tasks.ended().is_empty());
    }
}
