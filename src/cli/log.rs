//! What `natter serve` writes to stderr and stdout. Whoever reads them may be slow, have stopped or be gone:
//! natter never waits for them, and never ends because of them. Lines that have no room are dropped and
//! counted.
//!
//! A thread of its own writes the log. It is the only one that writes to stderr, so it alone waits when
//! nobody reads: also `eprintln!` would wait, or panic.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::terminal;
use crate::server::broker::BROKER_LOG;
use crate::server::log_limit::{EACH, INTERVAL, KINDS, LogLimit};

/// The variable that says what is logged.
const VARIABLE: &str = "NATTER_LOG";

/// What is logged unless it says otherwise.
const DEFAULT: &str = "info,async_nats=warn,hyper=warn";

/// Lines that wait for the reader: as many as natter writes in an interval of `LogLimit`.
const WAITING: usize = KINDS * EACH as usize;

/// How long the last lines may take when natter ends.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The log.
pub(super) struct Log {
    lines: NonBlocking,
    limit: LogLimit,
    /// Writes what waits when it is dropped.
    guard: WorkerGuard,
}

impl Log {
    /// Begins to log, panics too.
    pub(super) fn begin() -> Self {
        let (lines, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING)
            .thread_name("natter-log")
            .finish(std::io::stderr());
        // An empty variable counts as unset.
        let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        let filter = wanted.and_then(|text| EnvFilter::try_new(text).ok());
        let limit = LogLimit::all_but(BROKER_LOG);
        let written = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false);
        tracing_subscriber::registry()
            .with(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)))
            .with(limit.clone())
            .with(written)
            .init();
        log_panics(lines.clone());
        Self {
            lines,
            limit,
            guard,
        }
    }

    /// Logs from time to time how many lines were left out or dropped, for ever.
    pub(super) fn tell(&self) -> impl Future<Output = ()> + Send + 'static {
        let (left_out, dropped) = (self.limit.clone().tell(), self.lines.error_counter());
        async move {
            tokio::join!(left_out, tell_dropped(dropped));
        }
    }

    /// Writes a line that is no event.
    pub(super) fn line(&self, text: &str) {
        write(&self.lines, text);
    }

    /// Writes the last lines, if somebody reads them.
    pub(super) fn end(self) {
        let (tell, written) = mpsc::channel();
        // The guard waits for a second, and then prints to stdout, which may wait for ever.
        std::thread::spawn(move || {
            drop(self.guard);
            let _ = tell.send(());
        });
        let _ = written.recv_timeout(LAST_LINES);
    }
}

/// Prints lines on stdout without waiting until they are read.
pub(super) fn announce(text: Vec<String>) {
    std::thread::spawn(move || {
        for line in text {
            if let Err(error) = terminal::line(format_args!("{line}")) {
                tracing::warn!(
                    %error,
                    "stdout cannot be written, so natter’s address (and with no account yet, the set-up \
                     token) was not shown"
                );
                return;
            }
        }
    });
}

async fn tell_dropped(counter: ErrorCounter) {
    let mut told = 0;
    loop {
        tokio::time::sleep(INTERVAL).await;
        told = tell_dropped_since(told, &counter);
    }
}

/// Logs how many lines were dropped, but for those that were told of, and gives back how many are.
fn tell_dropped_since(told: usize, counter: &ErrorCounter) -> usize {
    let dropped = counter.dropped_lines();
    if dropped > told {
        tracing::warn!(
            lines = dropped - told,
            "lines of the log were dropped: stderr was not read fast enough"
        );
    }
    // Else that line was dropped too, and they are told of with the next one.
    if counter.dropped_lines() == dropped {
        dropped
    } else {
        told
    }
}

/// The hook of the standard library writes to stderr itself.
fn log_panics(lines: NonBlocking) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let backtrace = Backtrace::capture();
        let backtrace = match backtrace.status() {
            BacktraceStatus::Captured => format!("\n{backtrace}"),
            _ => String::new(),
        };
        // Not as an event: the panic may have happened while one was written.
        write(&lines, &format!("thread '{name}' {panic}{backtrace}"));
    }));
}

fn write(lines: &NonBlocking, text: &str) {
    // Lossy: it never fails.
    let _ = lines.clone().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A reader that reads nothing while this is locked.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<String>>);

    impl io::Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = str::from_utf8(bytes).unwrap();
            self.0.lock().unwrap().push_str(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_their_number_is_told_once_somebody_reads() {
        let reader = Reader::default();
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(10)
            .finish(reader.clone());
        let written = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(written);
        let _default = tracing::subscriber::set_default(subscriber);
        let asleep = reader.0.lock().unwrap();
        for n in 0..100 {
            write(&lines, &format!("line {n}"));
        }
        let counter = lines.error_counter();
        let dropped = counter.dropped_lines();
        assert!(
            dropped >= 88,
            "ten wait, and one is being written: {dropped}"
        );
        assert_eq!(tell_dropped_since(0, &counter), 0, "that was dropped too");

        drop(asleep);
        let told = loop {
            let told = tell_dropped_since(0, &counter);
            if told > 0 {
                break told;
            }
            std::thread::yield_now();
        };
        drop(guard);
        let text = reader.0.lock().unwrap();
        assert!(text.contains(&format!("lines={told}")), "{text}");
        assert!(told > dropped);
    }
}
