//! Allowances by key in bounded memory, whose use can be given back. `governor` cannot give back, and
//! does not remove keys by itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Allowance;

/// How often keys with a full allowance are removed when there is no space for another key.
const LOOK: Duration = Duration::from_secs(1);

/// One allowance for each key.
pub(super) struct Buckets<K> {
    allowance: Allowance,
    /// The most keys.
    most: usize,
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    /// When the allowance of each key is full again: the theoretical arrival time of GCRA.
    whole_at: HashMap<K, Instant>,
    looked: Option<Instant>,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(super) fn new(allowance: Allowance, most: usize) -> Self {
        Self {
            allowance,
            most,
            inner: Mutex::new(Inner {
                whole_at: HashMap::new(),
                looked: None,
            }),
        }
    }

    /// Takes one. A key for which there is no space has no limit here: callers have another limit, or
    /// need none then.
    ///
    /// # Errors
    /// Nothing is left; it says when there is.
    pub(super) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut inner = self.lock();
        let whole_at = inner.whole_at.get(&key).copied();
        let after = self.after(whole_at, now)?;
        if whole_at.is_some() || inner.has_place(self.most, now) {
            inner.whole_at.insert(key, after);
        }
        Ok(())
    }

    /// Would one more be taken? Takes none.
    ///
    /// # Errors
    /// Nothing is left; it says when there is.
    pub(super) fn wait(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let whole_at = self.lock().whole_at.get(key).copied();
        self.after(whole_at, now).map(drop)
    }

    /// When the allowance is full again after one more.
    fn after(&self, whole_at: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let after = whole_at.unwrap_or(now).max(now) + self.allowance.pause;
        let span = self.allowance.pause * self.allowance.at_once;
        match after.saturating_duration_since(now + span) {
            Duration::ZERO => Ok(after),
            wait => Err(wait),
        }
    }

    /// Gives one back.
    pub(super) fn give_back(&self, key: &K) {
        if let Some(whole_at) = self.lock().whole_at.get_mut(key)
            && let Some(before) = whole_at.checked_sub(self.allowance.pause)
        {
            *whole_at = before;
        }
    }

    /// Removes keys whose allowance is full.
    pub(super) fn tidy(&self, now: Instant) {
        self.lock().tidy(now);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Inner<K> {
    fn has_place(&mut self, most: usize, now: Instant) -> bool {
        let is_due = |looked: Instant| now.saturating_duration_since(looked) >= LOOK;
        if self.whole_at.len() >= most && self.looked.is_none_or(is_due) {
            self.tidy(now);
        }
        self.whole_at.len() < most
    }

    fn tidy(&mut self, now: Instant) {
        self.looked = Some(now);
        self.whole_at.retain(|_, whole_at| *whole_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn three() -> Buckets<u32> {
        Buckets::new(Allowance::new(3, SECOND), 2)
    }

    #[test]
    fn so_many_at_once_and_then_one_after_each_pause() {
        let (buckets, begun) = (three(), Instant::now());
        let taken = (0..10).filter(|_| buckets.take(1, begun).is_ok());
        assert_eq!(taken.count(), 3);
        assert_eq!(buckets.take(1, begun), Err(SECOND));
        assert_eq!(buckets.wait(&1, begun), Err(SECOND));
        let later = begun + SECOND;
        assert_eq!(buckets.wait(&2, begun).and(buckets.wait(&1, later)), Ok(()));
        assert!(buckets.take(1, later).is_ok());
        assert!(buckets.take(1, later).is_err());
        let taken = (0..10).filter(|_| buckets.take(1, later + 60 * SECOND).is_ok());
        assert_eq!(
            taken.count(),
            3,
            "no more than that however long the silence"
        );
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (buckets, now) = (three(), Instant::now());
        for _ in 0..20 {
            assert_eq!(buckets.take(1, now), Ok(()));
            buckets.give_back(&1);
        }
        buckets.give_back(&1);
        let taken = (0..10).filter(|_| buckets.take(1, now).is_ok());
        assert_eq!(taken.count(), 3, "nobody gains by it");
    }

    #[test]
    fn keeps_track_of_so_many_keys_and_forgets_the_idle() {
        let (buckets, now) = (three(), Instant::now());
        for key in 0..100 {
            assert_eq!(buckets.take(key, now), Ok(()));
        }
        assert_eq!(buckets.lock().whole_at.len(), 2);
        assert_eq!(buckets.take(200, now + 10 * SECOND), Ok(()));
        assert_eq!(buckets.lock().whole_at.len(), 1);
        buckets.tidy(now + 20 * SECOND);
        assert!(buckets.lock().whole_at.is_empty());
    }
}
