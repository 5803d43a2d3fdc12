//! -ERR: what the server complains of.
//!
//! ADR-40 lists the words. They are prose, so they are recognised by how they begin, in any case of
//! letters. What is not known is taken as passing: a server that means to end the connection does
//! so itself.

/// A complaint of the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// It does not let the client in, or it took the right to be there away.
    #[error("the server refuses the connection: {0}")]
    Refused(String),
    /// The right to be connected has run out; a new connection may get a new one.
    #[error("the right to be connected has run out")]
    Expired,
    /// No right to publish there.
    #[error("no right to publish to {subject}")]
    Publish {
        /// Where.
        subject: String,
    },
    /// No right to name that reply subject.
    #[error("no right to ask for answers at {reply}")]
    Reply {
        /// Which.
        reply: String,
    },
    /// No right to subscribe to that.
    #[error("no right to subscribe to {subject}")]
    Subscribe {
        /// To what.
        subject: String,
        /// As one of this group.
        queue: Option<String>,
    },
    /// Something that ends the connection.
    #[error("the server ends the connection: {0}")]
    Fatal(String),
    /// Something that does not.
    #[error("the server says: {0}")]
    Passing(String),
}

/// How what ends the connection begins.
const FATAL: [&str; 16] = [
    "stale connection",
    "slow consumer",
    "maximum payload",
    "maximum message payload",
    "maximum control line",
    "maximum connections",
    "maximum account",
    "connection throttling",
    "unknown protocol operation",
    "parser error",
    "bad message header",
    "message headers not supported",
    "invalid client protocol",
    "no responders requires headers",
    "secure connection - tls required",
    "failed account registration",
];

/// How a refusal begins.
const REFUSED: [&str; 4] = [
    "authorization violation",
    "authentication",
    "user authentication",
    "account authentication",
];

impl ServerError {
    /// Reads the text after -ERR, quotes included.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        let text = text.strip_prefix('\'').unwrap_or(text);
        let text = text.strip_suffix('\'').unwrap_or(text);
        if let Some(what) = strip_prefix(text, "permissions violation for ") {
            return Self::permission(text, what);
        }
        let begins = |with: &&str| strip_prefix(text, with).is_some();
        if REFUSED.iter().any(begins) {
            return if text.to_ascii_lowercase().ends_with("expired") {
                Self::Expired
            } else {
                Self::Refused(text.to_owned())
            };
        }
        if FATAL.iter().any(begins) {
            Self::Fatal(text.to_owned())
        } else {
            Self::Passing(text.to_owned())
        }
    }

    fn permission(text: &str, what: &str) -> Self {
        let passing = || Self::Passing(text.to_owned());
        let Some((subject, rest)) = quoted(what) else {
            return passing();
        };
        if strip_prefix(what, "publish to ").is_some() {
            Self::Publish { subject }
        } else if strip_prefix(what, "publish with reply of ").is_some() {
            Self::Reply { reply: subject }
        } else if strip_prefix(what, "subscription to ").is_some() {
            let queue = rest.contains("using queue").then(|| quoted(rest)).flatten();
            let queue = queue.map(|(queue, _)| queue);
            Self::Subscribe { subject, queue }
        } else {
            passing()
        }
    }

    /// Does the connection end?
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Expired | Self::Fatal(_))
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The first thing in quotes, and what is after it. Go writes quotes and backslashes in it with a
/// backslash before.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (_, text) = text.split_once('"')?;
    let mut said = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((said, text.get(at + 1..)?)),
            '\\' => said.push(chars.next()?.1),
            _ => said.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_errors_name_what_they_are_about_and_end_nothing() {
        let read = |text: &str| {
            let error = ServerError::read(text);
            assert!(!error.is_fatal(), "{text}");
            error
        };
        assert_eq!(
            read("'Permissions Violation for Publish to \"natter.log.x\"'"),
            ServerError::Publish {
                subject: "natter.log.x".into()
            },
        );
        assert_eq!(
            read("'Permissions Violation for Publish with Reply of \"_INBOX.x\"'"),
            ServerError::Reply {
                reply: "_INBOX.x".into()
            },
        );
        assert_eq!(
            read("'Permissions Violation for Subscription to \"a.>\"'"),
            ServerError::Subscribe {
                subject: "a.>".into(),
                queue: None
            },
        );
        assert_eq!(
            read("'Permissions Violation for Subscription to \"a.>\" using queue \"q\"'"),
            ServerError::Subscribe {
                subject: "a.>".into(),
                queue: Some("q".into())
            },
        );
        assert_eq!(
            read(r#"'Permissions Violation for Publish to "a\"b\\c"'"#),
            ServerError::Publish {
                subject: r#"a"b\c"#.into()
            },
        );
        for odd in [
            "'Permissions Violation'",
            "'Permissions Violation for Publish to \"x'",
        ] {
            assert!(matches!(read(odd), ServerError::Passing(_)), "{odd}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_right_that_ran_out() {
        for text in [
            "'Authorization Violation'",
            "'Authentication Timeout'",
            "'User Authentication Revoked'",
            "'authentication error'",
        ] {
            assert!(
                matches!(ServerError::read(text), ServerError::Refused(_)),
                "{text}"
            );
        }
        for text in [
            "'User Authentication Expired'",
            "'Account Authentication Expired'",
            "'Authentication Expired'",
        ] {
            assert_eq!(ServerError::read(text), ServerError::Expired, "{text}");
        }
    }

    #[test]
    fn what_ends_the_connection_is_told_from_what_does_not() {
        for (text, is_fatal) in [
            ("'Stale Connection'", true),
            ("'Slow Consumer'", true),
            ("'Maximum Payload Violation'", true),
            ("'maximum connections exceeded'", true),
            ("'Unknown Protocol Operation'", true),
            ("'Authorization Violation'", true),
            ("'maximum subscriptions exceeded'", false),
            ("'Invalid Publish Subject'", false),
            ("'Something new'", false),
            ("", false),
            ("'", false),
            ("é", false),
        ] {
            assert_eq!(ServerError::read(text).is_fatal(), is_fatal, "{text}");
        }
    }
}
