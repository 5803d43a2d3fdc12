//! -ERR: what the server complains of.

/// A complaint of the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Not let in, or no longer.
    #[error("the server refuses the connection: {0}")]
    Authorization(String),
    /// The right to be connected has run out.
    #[error("the right to be connected has run out")]
    Expired,
    /// No right to publish there.
    #[error("no right to publish to {0}")]
    Publish(String),
    /// No right to have an answer sent there.
    #[error("no right to be answered on {0}")]
    Reply(String),
    /// No right to subscribe to that.
    #[error("no right to subscribe to {subject}")]
    Subscribe {
        /// The pattern.
        subject: String,
        /// The group, where it was subscribed to as one of a group.
        queue: Option<String>,
    },
    /// Something that ends no connection.
    #[error("the server says: {0}")]
    Passing(String),
    /// Something that ends the connection.
    #[error("the server ends the connection: {0}")]
    Fatal(String),
}

impl ServerError {
    /// Reads the text after -ERR, quotes included.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim().trim_matches('\'');
        let lower = text.to_ascii_lowercase();
        let quoted = |nth: usize| text.split('"').nth(nth).map(str::to_owned);
        let subject = || quoted(1).unwrap_or_default();
        if lower.starts_with("permissions violation for publish with reply") {
            Self::Reply(subject())
        } else if lower.starts_with("permissions violation for publish") {
            Self::Publish(subject())
        } else if lower.starts_with("permissions violation for subscription") {
            let queue = quoted(3).filter(|_| lower.contains("using queue"));
            Self::Subscribe {
                subject: subject(),
                queue,
            }
        } else if lower.contains("authentication expired") {
            Self::Expired
        } else if lower.starts_with("authorization violation")
            || lower.starts_with("authentication")
            || lower.contains("authentication revoked")
        {
            Self::Authorization(text.to_owned())
        } else if lower.starts_with("permissions violation")
            || lower.starts_with("maximum subscriptions")
            || lower.starts_with("invalid publish subject")
            || lower.starts_with("invalid subject")
        {
            Self::Passing(text.to_owned())
        } else {
            Self::Fatal(text.to_owned())
        }
    }

    /// Does the connection go on?
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Publish(_) | Self::Reply(_) | Self::Subscribe { .. } | Self::Passing(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_errors_name_their_subject_and_end_nothing() {
        let publish = ServerError::read("'Permissions Violation for Publish to \"natter.log.x\"'");
        assert_eq!(publish, ServerError::Publish("natter.log.x".into()));
        let subscribe = ServerError::read(
            "'Permissions Violation for Subscription to \"a.>\" using queue \"q\"'",
        );
        let refused = ServerError::Subscribe {
            subject: "a.>".into(),
            queue: Some("q".into()),
        };
        assert_eq!(subscribe, refused);
        let reply = ServerError::read("'Permissions Violation for Publish with Reply of \"x.1\"'");
        assert_eq!(reply, ServerError::Reply("x.1".into()));
        assert!(publish.is_passing() && subscribe.is_passing());
    }

    #[test]
    fn the_rest_is_told_apart() {
        for (text, passing) in [
            ("'Authorization Violation'", false),
            ("'User Authentication Expired'", false),
            ("'User Authentication Revoked'", false),
            ("'Stale Connection'", false),
            ("'Slow Consumer'", false),
            ("'Maximum Payload Violation'", false),
            ("'maximum subscriptions exceeded'", true),
            ("'Invalid Publish Subject'", true),
            ("'Something new'", false),
        ] {
            assert_eq!(ServerError::read(text).is_passing(), passing, "{text}");
        }
        assert_eq!(
            ServerError::read("'User Authentication Expired'"),
            ServerError::Expired
        );
    }
}
