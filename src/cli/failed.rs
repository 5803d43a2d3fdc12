//! Why a command failed: the one place where the terminal's errors become words and exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::client::AskError;
use crate::nats::{FlushError, PublishError, RequestError, SubscribeError};
use crate::wire::v1::{self, FailureKind};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The broker lets nobody in with this.
    #[error(
        "not authorised: the server refuses the connection. The credentials may be revoked, natter may \
         not be up yet, or there were too many connections at once: these look the same. Try again in \
         a moment"
    )]
    Refused,
    /// The broker is not there.
    #[error("no NATS at {servers} ({reason}). Name another with --servers")]
    NotThere {
        /// Where it was looked for.
        servers: String,
        /// What became of the last try.
        reason: String,
    },
    /// A right is missing.
    #[error("not authorised to {doing} on [{subject}]")]
    NotAllowed {
        /// publish, subscribe.
        doing: &'static str,
        /// Where.
        subject: String,
    },
    /// Nobody listens there.
    #[error("nobody answers on [{0}]")]
    NoResponders(String),
    /// No answer in time.
    #[error("no answer on [{0}] in time")]
    TimedOut(String),
    /// A service says no.
    #[error("{}", .0.reason)]
    Service(v1::Failure),
    /// It was not published.
    #[error("not published on [{subject}]: {source}")]
    Publish {
        /// Where.
        subject: String,
        /// Why not.
        source: PublishError,
    },
    /// It was not asked, or not answered.
    #[error("no answer on [{subject}]: {source}")]
    Request {
        /// Where.
        subject: String,
        /// Why not.
        source: RequestError,
    },
    /// It is not heard.
    #[error("not listening on [{subject}]: {source}")]
    Subscribe {
        /// Where.
        subject: String,
        /// Why not.
        source: SubscribeError,
    },
    /// It is not known whether the server has what was sent.
    #[error("not known whether the server has it: {0}")]
    Flush(#[from] FlushError),
    /// The credentials.
    #[error("{file:?} is no .creds file: {reason}")]
    Creds {
        /// Which.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Something must be told that was not.
    #[error("{0}")]
    Missing(&'static str),
    /// The chat.
    #[error(transparent)]
    Chat(#[from] super::chat::ChatError),
    /// Standard input or output, or signals.
    #[error("{0}")]
    Terminal(#[from] std::io::Error),
    /// Randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl Failed {
    /// A request's.
    pub fn of_request(subject: &str, source: RequestError) -> Self {
        let subject = subject.to_owned();
        match source {
            RequestError::NoResponders => Self::NoResponders(subject),
            RequestError::Timeout => Self::TimedOut(subject),
            RequestError::PermissionDenied => Self::NotAllowed {
                doing: "ask",
                subject,
            },
            source => Self::Request { subject, source },
        }
    }

    /// A subscription's.
    pub fn of_subscription(subject: &str, source: SubscribeError) -> Self {
        let subject = subject.to_owned();
        match source {
            SubscribeError::PermissionDenied => Self::NotAllowed {
                doing: "listen",
                subject,
            },
            source => Self::Subscribe { subject, source },
        }
    }

    /// Standard output was closed by who read it.
    pub fn is_nobody_reads(&self) -> bool {
        use super::chat::ChatError;
        match self {
            Self::Terminal(error) | Self::Chat(ChatError::Terminal(error)) => {
                error.kind() == std::io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }

    /// 1 failed, 2 wrong usage, 3 timed out, 4 no responders, 5 not authorised.
    pub fn exit_code(&self) -> ExitCode {
        use super::chat::ChatError;
        let code = match self {
            Self::Missing(_) => 2,
            Self::TimedOut(_) => 3,
            Self::NoResponders(_) => 4,
            Self::Refused | Self::NotAllowed { .. } => 5,
            Self::Service(failure) => of_failure(failure),
            Self::Chat(ChatError::Ask(why) | ChatError::Partly { why, .. }) => match why {
                AskError::Refused(failure) => of_failure(failure),
                AskError::NoAnswer(RequestError::Timeout) => 3,
                AskError::NoAnswer(RequestError::NoResponders) => 4,
                AskError::NoAnswer(RequestError::PermissionDenied) => 5,
                AskError::NoAnswer(_) | AskError::Unreadable => 1,
            },
            _ => 1,
        };
        ExitCode::from(code)
    }
}

fn of_failure(failure: &v1::Failure) -> u8 {
    match failure.kind() {
        FailureKind::Forbidden => 5,
        _ => 1,
    }
}
