//! Tokio.

use std::time::{Duration, Instant};

use futures::stream::{Pending, pending};

use crate::nats::connection::Moment;

/// Tasks move between threads.
pub type BoxFuture<T> = futures::future::BoxFuture<'static, T>;

/// What can be a task.
pub trait Task: Future<Output = ()> + Send + 'static {}

impl<T: Future<Output = ()> + Send + 'static> Task for T {}

/// Starts a task.
pub fn spawn(task: impl Task) {
    tokio::spawn(task);
}

/// Waits.
pub async fn sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// The system's clock that only goes forward.
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(&self) -> Moment {
        Moment::at(self.0.elapsed())
    }
}

/// Nobody looks at a terminal in a way that could be seen.
pub fn looks() -> Pending<()> {
    pending()
}
