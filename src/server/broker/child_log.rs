//! What nats-server says, said again in natter's own log: its warnings and errors a few of each kind,
//! and then how many more there were. It writes one for every connection that it refuses and every
//! message that it takes from nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::time::sleep_until;

use crate::server::log_limit::Counted;

/// The `tracing` target of the broker's lines.
pub const BROKER_LOG: &str = "nats_server";

/// A warning that says nothing here: the listener is on loopback, and TLS ends before natter.
const KNOWN_WARNING: &str = "Websocket not configured with TLS";

/// What nats-server 2.15 says when it could not write to the disk. The stream that it was for takes
/// nothing more until the server is started again, however much room there is then.
const STUCK: [&str; 2] = ["critical write error", "will be disabled"];

/// So much of a line that a client can cause is written, in characters: it can have 4 kB in it that the
/// client chose.
const LINE_CHARS: usize = 400;

/// Forwards the lines until the server closes its end; gives back the one that says why the
/// server ended, if it ended of itself and said so. `is_stuck` is set once it can write nothing.
pub(super) async fn forward(
    stderr: impl AsyncRead + Unpin,
    is_stuck: Arc<AtomicBool>,
) -> Option<String> {
    let mut stderr = BufReader::new(stderr);
    let mut reason: Option<String> = None;
    let mut line = Vec::new();
    let mut counted = Counted::new(Instant::now());
    loop {
        tokio::select! {
            // What was read of a line when the other one comes first stays in it.
            read = stderr.read_until(b'\n', &mut line) => match read {
                Ok(0) | Err(_) => {
                    tell_left_out(&mut counted);
                    return reason;
                }
                Ok(_) => {}
            },
            () = sleep_until(counted.ends().into()) => {
                tell_left_out(&mut counted);
                continue;
            }
        }
        let text = String::from_utf8_lossy(&line);
        let (level, text) = parse(text.trim_end());
        write(level, text, &mut counted);
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
        line.clear();
    }
}

fn write(level: Level, text: &str, counted: &mut Counted<String>) {
    match level {
        Level::Fatal | Level::Bare => tracing::error!(target: BROKER_LOG, "{text}"),
        Level::Error | Level::Warning => {
            let short: String = text.chars().take(LINE_CHARS).collect();
            let is_written = counted.count(kind_of(&short), || short.clone());
            match level {
                _ if !is_written => {}
                Level::Error => tracing::error!(target: BROKER_LOG, "{short}"),
                _ => tracing::warn!(target: BROKER_LOG, "{short}"),
            }
        }
        // Neither is written unless somebody asks for it.
        Level::Info => tracing::debug!(target: BROKER_LOG, "{text}"),
        Level::Trace => tracing::trace!(target: BROKER_LOG, "{text}"),
    }
}

fn tell_left_out(counted: &mut Counted<String>) {
    for left_out in counted.begin_anew(Instant::now()) {
        tracing::warn!(target: BROKER_LOG, "{left_out}");
    }
}

/// A line without what differs between two of a kind: numbers, and what a client has chosen, which
/// stands in quotes.
fn kind_of(text: &str) -> String {
    let mut kind = String::with_capacity(text.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => {
                is_quoted = !is_quoted;
                kind.push('"');
            }
            _ if is_quoted => {}
            c if c.is_ascii_digit() => {
                if !kind.ends_with('#') {
                    kind.push('#');
                }
            }
            c => kind.push(c),
        }
    }
    kind
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

    #[test]
    fn lines_of_a_kind_differ_in_numbers_and_in_quotes() {
        let same = [
            r#"127.0.0.1:4711 - cid:12 - "v1:go:x" - authentication error - User "eve""#,
            r#"10.0.0.30:80 - cid:9 - "\"\\" - authentication error - User "a \"b\" c""#,
        ];
        let kind = "#.#.#.#:# - cid:# - \"\" - authentication error - User \"\"";
        assert_eq!(same.map(kind_of), [kind, kind]);
        assert_ne!(kind_of("cid:1 - Slow Consumer"), kind_of("cid:1 - Stale"));
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
