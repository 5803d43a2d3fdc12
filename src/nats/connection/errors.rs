//! Why something that was asked of the client did not happen.

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The server does not let this client in.
    #[error("the server refuses the connection")]
    Refused,
    /// Not in time.
    #[error("no connection in time")]
    Timeout,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection now; nothing was sent, and nothing is kept for later.
    #[error("not connected")]
    Disconnected,
    /// The subject or the reply subject has a wildcard, an empty token or white space (ADR-6).
    #[error("not a subject to publish to")]
    BadSubject,
    /// Larger than the server takes.
    #[error("{size} bytes; the server takes {most}")]
    TooLarge {
        /// With its headers.
        size: usize,
        /// The server's limit.
        most: usize,
    },
    /// This connection carries no headers.
    #[error("this connection carries no headers")]
    NoHeaders,
    /// What was sent before has not left yet, and nothing more fits.
    #[error("too much is waiting to be sent")]
    Full,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No answer in time: not known whether it was worked on.
    #[error("no answer in time")]
    Timeout,
    /// Nobody listens on the subject; told at once.
    #[error("nobody answers there")]
    NoResponders,
    /// No right to publish there, or to hear an answer.
    #[error("not allowed to ask there")]
    PermissionDenied,
    /// The connection was cut, or is not there: not known whether it was worked on.
    #[error("not connected")]
    Disconnected,
    /// Larger than the server takes; never sent.
    #[error("{size} bytes; the server takes {most}")]
    TooLarge {
        /// With its headers.
        size: usize,
        /// The server's limit.
        most: usize,
    },
    /// The subject has a wildcard, an empty token or white space (ADR-6).
    #[error("not a subject to ask on")]
    BadSubject,
    /// Too many requests are under way, or too much is waiting to be sent.
    #[error("too many requests are under way")]
    Full,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl From<PublishError> for RequestError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Disconnected => Self::Disconnected,
            PublishError::BadSubject | PublishError::NoHeaders => Self::BadSubject,
            PublishError::TooLarge { size, most } => Self::TooLarge { size, most },
            PublishError::Full => Self::Full,
            PublishError::Closed => Self::Closed,
        }
    }
}

/// Why there is no subscription, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// Not a pattern: an empty token, white space, or something after `>` (ADR-6).
    #[error("not a subject to subscribe to")]
    BadSubject,
    /// The server does not allow it.
    #[error("not allowed to subscribe there")]
    PermissionDenied,
    /// There are as many subscriptions as the client may have, or too much is waiting to be sent.
    #[error("too many subscriptions")]
    Full,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl From<SubscribeError> for RequestError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::BadSubject => Self::BadSubject,
            SubscribeError::PermissionDenied => Self::PermissionDenied,
            SubscribeError::Full => Self::Full,
            SubscribeError::Closed => Self::Closed,
        }
    }
}

/// Why it is not known that the server has processed what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The connection was cut, or is not there.
    #[error("not connected")]
    Disconnected,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// Too many are under way.
    #[error("too many flushes are under way")]
    Full,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}
