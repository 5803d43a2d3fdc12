//! What became of an endpoint's requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::server::Failure;

/// Counts since the router began to serve.
#[derive(Debug, Default)]
pub(super) struct Stats(Mutex<Counts>);

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub requests: u64,
    /// By [`Failure::word`].
    pub errors: BTreeMap<&'static str, u64>,
    /// The word and the number of the last one.
    pub last_error: Option<(&'static str, u16)>,
    /// Messages that were no requests: they name nobody, or a reply subject that is not the caller's.
    pub refused: u64,
    /// All handlers' time together.
    pub processing: Duration,
}

impl Stats {
    /// Counts a request that was answered, or could not be.
    pub fn count<T>(&self, outcome: &Result<T, Failure>, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.requests += 1;
        counts.processing += took;
        if let Err(failure) = outcome {
            *counts.errors.entry(failure.word()).or_default() += 1;
            counts.last_error = Some((failure.word(), failure.code()));
        }
    }

    /// Counts a message that was no request: nothing was done, and nobody was told.
    pub fn count_refused(&self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.refused += 1;
    }

    pub fn counts(&self) -> Counts {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
