//! Keeps the log short. Anybody can cause log lines, by connecting without a right to or by publishing
//! where they may not. So in every ten seconds a few lines of each kind are written, and then one that
//! says how many were left out.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// For how long lines are counted together.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Lines of one kind that are written in an interval.
pub const EACH: u64 = 10;

/// Kinds of lines in an interval. Lines of further kinds are counted together, and not written.
pub const KINDS: usize = 50;

/// Counts lines by their kind.
#[derive(Debug)]
pub struct Counted<K> {
    began: Instant,
    kinds: HashMap<K, Kind>,
    others: u64,
}

#[derive(Debug)]
struct Kind {
    count: u64,
    /// One of those that were left out.
    example: String,
}

/// Lines that were left out in an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// One of them; empty when they were of too many kinds.
    pub example: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, seconds) = (self.count, INTERVAL.as_secs());
        match self.example.as_str() {
            "" => write!(f, "… and {count} more lines in {seconds} s, of many kinds"),
            example => write!(f, "… and {count} more like this in {seconds} s: {example}"),
        }
    }
}

impl<K: Hash + Eq> Counted<K> {
    /// Begins at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            kinds: HashMap::new(),
            others: 0,
        }
    }

    /// Counts a line of this kind. False: it is not to be written.
    pub fn count(&mut self, kind: K, line: impl FnOnce() -> String) -> bool {
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
            self.others += 1;
            return false;
        }
        let kind = self.kinds.entry(kind).or_insert(Kind {
            count: 0,
            example: String::new(),
        });
        kind.count += 1;
        if kind.count == EACH + 1 {
            kind.example = line();
        }
        kind.count <= EACH
    }

    /// When this interval ends.
    #[must_use]
    pub fn ends(&self) -> Instant {
        self.began + INTERVAL
    }

    /// Begins a new interval at `now`, and returns what was left out in the last one.
    pub fn begin_anew(&mut self, now: Instant) -> Vec<LeftOut> {
        let kinds = std::mem::take(&mut self.kinds).into_values();
        let mut left_out: Vec<_> = kinds
            .filter(|kind| kind.count > EACH)
            .map(|kind| LeftOut {
                count: kind.count - EACH,
                example: kind.example,
            })
            .collect();
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            left_out.push(LeftOut {
                count: others,
                example: String::new(),
            });
        }
        self.began = now;
        left_out
    }
}

/// Limits natter's own lines, by the place in the code that writes them. A layer for `tracing`.
#[derive(Clone)]
pub struct LogLimit {
    counted: Arc<Mutex<Counted<Identifier>>>,
    /// The target that is limited elsewhere.
    but: &'static str,
}

impl LogLimit {
    /// Limits all but the lines of one target.
    #[must_use]
    pub fn all_but(target: &'static str) -> Self {
        Self {
            counted: Arc::new(Mutex::new(Counted::new(Instant::now()))),
            but: target,
        }
    }

    /// Logs at the end of each interval what was left out, for ever.
    pub async fn tell(self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let left_out = self.lock().begin_anew(Instant::now());
            for left_out in left_out {
                tracing::warn!("{left_out}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted<Identifier>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let about = event.metadata();
        if about.target() == self.but {
            return true;
        }
        let message = || {
            let mut message = Message::default();
            event.record(&mut message);
            message.0
        };
        self.lock().count(about.callsite(), message)
    }
}

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn of_each_kind_a_few_are_written_and_the_rest_is_counted() {
        let now = Instant::now();
        let mut counted = Counted::new(now);
        let bad = (0..1_000).filter(|n| counted.count("bad", || format!("bad {n}")));
        assert_eq!(bad.count() as u64, EACH);
        assert!(counted.count("good", String::new));
        let left_out = counted.begin_anew(now);
        let [left_out] = &left_out[..] else {
            panic!("one kind was too much: {left_out:?}");
        };
        assert_eq!(
            left_out.to_string(),
            "… and 990 more like this in 10 s: bad 10"
        );
        assert!(counted.count("bad", String::new), "a new interval");
    }

    #[test]
    fn kinds_are_bounded_too() {
        let now = Instant::now();
        let mut counted = Counted::new(now);
        let written = (0..5_000).filter(|n| counted.count(*n, String::new));
        assert_eq!(written.count(), KINDS);
        let left_out = counted.begin_anew(now);
        assert_eq!(left_out[0].count, 5_000 - KINDS as u64);
        assert_eq!(
            left_out[0].to_string(),
            "… and 4950 more lines in 10 s, of many kinds"
        );
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_that_writes_much_is_limited_and_no_other() {
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || to.clone());
        let log = tracing_subscriber::registry()
            .with(LogLimit::all_but("elsewhere"))
            .with(lines);
        tracing::subscriber::with_default(log, || {
            for n in 0..500 {
                tracing::warn!(n, "a connection was refused");
                tracing::warn!(target: "elsewhere", "of another");
            }
            tracing::warn!("once");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
        assert_eq!(count("a connection was refused") as u64, EACH);
        assert_eq!((count("of another"), count("once")), (500, 1));
    }
}
