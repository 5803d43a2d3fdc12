//! A bound on requests that follow from what others do: it holds however much that is.

use std::sync::Mutex;
use std::time::Duration;

use super::chat::lock;
use crate::nats::runtime::{self, Clock, Moment};

/// Turns of a verb at once: enough to catch up with a busy night without a wait.
const AT_ONCE: u32 = 30;

/// After that, one turn in this time.
const EVERY: Duration = Duration::from_secs(1);

/// The turns of one client. In a minute each verb has 90 at most.
pub(super) struct Pace {
    clock: Clock,
    /// By verb, when its next turn would be if every turn took [`EVERY`], counted from the start.
    next: Mutex<Vec<(&'static str, Duration)>>,
}

impl Pace {
    pub fn start() -> Self {
        Self {
            clock: Clock::start(),
            next: Mutex::default(),
        }
    }

    /// Waits for a turn of a verb.
    pub async fn turn(&self, verb: &'static str) {
        let wait = {
            let mut verbs = lock(&self.next);
            let now = self.clock.now().since(Moment::default());
            let at = verbs.iter().position(|(known, _)| *known == verb);
            let at = at.unwrap_or_else(|| {
                verbs.push((verb, Duration::ZERO));
                verbs.len() - 1
            });
            take(&mut verbs[at].1, now)
        };
        if !wait.is_zero() {
            runtime::sleep(wait).await;
        }
    }
}

/// Takes a turn, and says how long to wait for it.
fn take(next: &mut Duration, now: Duration) -> Duration {
    let turn = (*next).max(now);
    *next = turn + EVERY;
    (turn + EVERY).saturating_sub(now + EVERY * AT_ONCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_turns_at_once_and_then_one_a_second() {
        let (mut next, start) = (Duration::ZERO, Duration::from_secs(1_000));
        let mut turns = Vec::new();
        for _ in 0..200 {
            turns.push(take(&mut next, start));
        }
        assert!(turns[..30].iter().all(Duration::is_zero));
        assert_eq!(turns[30], EVERY);
        let in_a_minute = turns.iter().filter(|wait| wait.as_secs() < 60);
        assert_eq!(in_a_minute.count(), 89);
        // Whoever waits long enough has as many at once again.
        let later = start + Duration::from_secs(500);
        assert!(take(&mut next, later).is_zero());
    }
}
