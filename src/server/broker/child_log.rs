//! What nats-server says, said again in natter's own log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The `tracing` target of the broker's lines.
const TARGET: &str = "nats_server";

/// A warning that says nothing here: the listener is on loopback, and TLS ends before natter.
const KNOWN_WARNING: &str = "Websocket not configured with TLS";

/// What nats-server 2.15 says when it could not write to the disk. The stream that it was for takes
/// nothing more until the server is started again, however much room there is then.
const STUCK: [&str; 2] = ["critical write error", "will be disabled"];

/// Forwards the lines until the server closes its end; gives back the one that says why the
/// server ended, if it ended of itself and said so. `is_stuck` is set once it can write nothing.
pub(super) async fn forward(
    stderr: impl AsyncRead + Unpin,
    is_stuck: Arc<AtomicBool>,
) -> Option<String> {
    let mut stderr = BufReader::new(stderr);
    let mut reason: Option<String> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return reason,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        let (level, text) = parse(line.trim_end());
        match level {
            Level::Fatal | Level::Bare | Level::Error => tracing::error!(target: TARGET, "{text}"),
            Level::Warning => tracing::warn!(target: TARGET, "{text}"),
            Level::Info => tracing::debug!(target: TARGET, "{text}"),
            Level::Trace => tracing::trace!(target: TARGET, "{text}"),
        }
        let says_stuck = || {
            STUCK
                .iter()
                .any(|words| text.to_lowercase().contains(words))
        };
        if level == Level::Error && says_stuck() {
            is_stuck.store(true, Ordering::Release);
        }
        match level {
            Level::Fatal => reason = Some(text.to_owned()),
            // A crash is a page of goroutines and registers, which begins with what happened.
            Level::Bare if !text.is_empty() => {
                reason.get_or_insert_with(|| text.to_owned());
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Fatal,
    /// Without a level: from before the server has read its configuration, to say what is
    /// wrong with it; or from the Go runtime, in a crash.
    Bare,
    Error,
    Warning,
    Info,
    Trace,
}

/// `[pid] [LVL] text`.
fn parse(line: &str) -> (Level, &str) {
    let after_pid = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
        .map_or(line, |(_, rest)| rest);
    let level = |name| after_pid.strip_prefix(name).map(str::trim_start);
    for (name, is) in [
        ("[FTL]", Level::Fatal),
        ("[ERR]", Level::Error),
        ("[WRN]", Level::Warning),
        ("[INF]", Level::Info),
        ("[DBG]", Level::Trace),
        ("[TRC]", Level::Trace),
    ] {
        if let Some(text) = level(name) {
            if text.starts_with(KNOWN_WARNING) {
                return (Level::Info, text);
            }
            return (is, text);
        }
    }
    (Level::Bare, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_servers() {
        assert_eq!(
            parse("[7] [INF] Server is ready"),
            (Level::Info, "Server is ready")
        );
        assert_eq!(parse("[7] [WRN] slow"), (Level::Warning, "slow"));
        assert_eq!(parse("[7] [FTL] no"), (Level::Fatal, "no"));
        assert_eq!(
            parse("nats-server: bad config"),
            (Level::Bare, "nats-server: bad config")
        );
    }

    #[tokio::test]
    async fn the_reason_is_what_was_fatal_or_how_the_crash_began() {
        let crash = "[7] [INF] Server is ready\nSIGABRT: abort\nPC=0x4a\n\ngs     0x0\n";
        let said = |text: &'static str| forward(text.as_bytes(), Arc::default());
        let reason = said(crash).await;
        assert_eq!(reason.as_deref(), Some("SIGABRT: abort"));
        let fatal = "a stray line\n[7] [FTL] no room\n";
        let reason = said(fatal).await;
        assert_eq!(reason.as_deref(), Some("no room"));
        assert_eq!(said("[7] [INF] bye\n").await, None);
    }

    #[tokio::test]
    async fn a_server_that_cannot_write_says_so() {
        let is_stuck = Arc::new(AtomicBool::new(false));
        forward(&b"[7] [ERR] a stray error\n"[..], Arc::clone(&is_stuck)).await;
        assert!(!is_stuck.load(Ordering::Acquire));
        let line = "[7] [ERR] Filestore [LOG] Critical write error: no space left on device\n";
        forward(line.as_bytes(), Arc::clone(&is_stuck)).await;
        assert!(is_stuck.load(Ordering::Acquire));
    }
}
