//! What a client or a person is told when something could not be done. The one place where
//! errors from inside become words: what happened, what was kept, what to do.

use std::time::Duration;

use prost::Message as _;

use crate::domain::{NameError, TextError};
use crate::server::passwords::{self, PasswordError};
use crate::server::read_model::ReadError;
use crate::server::space::Unwritable;
use crate::server::store::{DirectoryError, StoreError};
use crate::wire::{Malformed, v1};

/// Why something was not done, as the other side is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What a program does about it.
    pub kind: v1::FailureKind,
    /// What a person reads.
    pub reason: String,
    /// Trying again helps, but not before this.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The same again is refused again.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::new(v1::FailureKind::Invalid, reason)
    }

    /// The payload is not the protobuf message `expected`, a full name.
    #[must_use]
    pub fn malformed(expected: &str) -> Self {
        Self::invalid(format!(
            "The request is not the protobuf message {expected}."
        ))
    }

    /// There is no such thing, or not for this person.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(v1::FailureKind::NotFound, reason)
    }

    /// There is no such room, or not for this person: which of the two is nobody's business.
    #[must_use]
    pub fn no_such_room() -> Self {
        Self::not_found("There is no such room, or you are not in it.")
    }

    /// The name or key stands for something else.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::new(v1::FailureKind::Conflict, reason)
    }

    /// Not allowed.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(v1::FailureKind::Forbidden, reason)
    }

    /// Too many at once.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        Self::too_soon("That was a lot at once.", retry_after)
    }

    /// All others together have done something to this person too often; `what` is what they did.
    #[must_use]
    pub fn too_many_to(whom: &str, what: &str, retry_after: Duration) -> Self {
        let reason = format!("{whom} has been {what} too often.");
        Self::too_soon(&reason, retry_after)
    }

    fn too_soon(reason: &str, retry_after: Duration) -> Self {
        let when = in_words(retry_after);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                v1::FailureKind::TooMany,
                format!("{reason} Try again in {when}."),
            )
        }
    }

    /// Too many wrong passwords at one account.
    #[must_use]
    pub fn too_many_guesses(retry_after: Duration) -> Self {
        let when = in_words(retry_after);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                v1::FailureKind::TooMany,
                format!(
                    "There were too many wrong passwords. Try again in {when}, or now in a browser where you have \
                     signed in before. An administrator can give you a link to choose another password."
                ),
            )
        }
    }

    /// The queue for this is full.
    #[must_use]
    pub fn busy(retry_after: Duration) -> Self {
        let when = in_words(retry_after);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                v1::FailureKind::Unavailable,
                format!("Natter is busy right now, so nothing was changed. Try again in {when}."),
            )
        }
    }

    /// Natter or its broker cannot answer now.
    #[must_use]
    pub fn unavailable() -> Self {
        Self {
            retry_after: Some(Duration::from_millis(500)),
            ..Self::new(
                v1::FailureKind::Unavailable,
                "Natter can’t reach its message store right now. Nothing you wrote is lost: try again in a moment.",
            )
        }
    }

    /// Natter has not read everything yet that people could ask for: `percent` of it, where that
    /// takes more than a moment.
    #[must_use]
    pub fn catching_up(percent: Option<u8>) -> Self {
        let done = percent.map_or_else(String::new, |done| format!(" ({done} % done)"));
        Self {
            retry_after: Some(Duration::from_secs(2)),
            ..Self::new(
                v1::FailureKind::Unavailable,
                format!(
                    "Natter is still reading its messages{done}. Nothing is lost: try again in a moment."
                ),
            )
        }
    }

    /// Nothing can be written until somebody does something about the disk.
    #[must_use]
    pub fn unwritable(why: Unwritable) -> Self {
        let text = match why {
            Unwritable::Full => {
                "Natter’s disk is full, so nothing can be written now. What you wrote is kept here: \
                 try again when whoever looks after this Natter has made room."
            }
            Unwritable::ReadOnly => {
                "Natter’s disk is read-only, so nothing can be written now. What you wrote is kept here: \
                 try again when whoever looks after this Natter has seen to the disk."
            }
        };
        Self {
            retry_after: Some(Duration::from_secs(5)),
            ..Self::new(v1::FailureKind::Unavailable, text)
        }
    }

    /// The answer is larger than the broker lets through.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(
            v1::FailureKind::TooLarge,
            "The answer is too large to be sent. Ask for less at once.",
        )
    }

    /// A mistake of natter's own.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            v1::FailureKind::Unspecified,
            "Something went wrong in natter, and is in its log. Nothing you wrote is lost: try again.",
        )
    }

    fn new(kind: v1::FailureKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// The number of its kind, as HTTP and ADR-32's `Nats-Service-Error-Code` have it.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self.kind {
            v1::FailureKind::Invalid => 422,
            v1::FailureKind::NotFound => 404,
            v1::FailureKind::Forbidden => 403,
            v1::FailureKind::Conflict => 409,
            v1::FailureKind::TooLarge => 413,
            v1::FailureKind::TooMany => 429,
            v1::FailureKind::Unavailable => 503,
            v1::FailureKind::Unspecified => 500,
        }
    }

    /// A fixed word for its kind: it goes into a header, where no text of a user may stand.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.kind {
            v1::FailureKind::Invalid => "invalid",
            v1::FailureKind::NotFound => "not found",
            v1::FailureKind::Forbidden => "forbidden",
            v1::FailureKind::Conflict => "conflict",
            v1::FailureKind::TooLarge => "too large",
            v1::FailureKind::TooMany => "too many requests",
            v1::FailureKind::Unavailable => "unavailable",
            v1::FailureKind::Unspecified => "internal error",
        }
    }

    /// The body of a reply that says so.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        v1::Failure {
            kind: self.kind.into(),
            reason: self.reason.clone(),
            retry_after_ms: self.retry_after.map_or(0, |wait| {
                // Rounded up: 0 would mean that a retry does not help.
                let wait = wait.as_nanos().div_ceil(1_000_000).max(1);
                u32::try_from(wait).unwrap_or(u32::MAX)
            }),
        }
        .encode_to_vec()
    }
}

/// A wait in seconds or minutes, rounded up.
fn in_words(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    let (count, unit) = match seconds {
        ..120 => (seconds, "second"),
        _ => (seconds.div_ceil(60), "minute"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Broker { .. } | StoreError::Conflict => {
                tracing::warn!(%error, "the store did not answer");
            }
            StoreError::Corrupt(_) => tracing::error!(%error, "the store holds something else"),
            StoreError::Unwritable(why) => return Self::unwritable(why),
        }
        Self::unavailable()
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        tracing::warn!(%error, "the read model did not answer");
        match error {
            ReadError::Behind { percent } => Self::catching_up(percent),
            _ => Self::unavailable(),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Taken => {
                Self::conflict("This name is taken, or looks like one that is. Choose another one.")
            }
            DirectoryError::IdentityTaken => {
                Self::conflict("With this you sign in to another account already.")
            }
            DirectoryError::Connected => Self::conflict(
                "You have connected another identity of the same provider. Disconnect that one first.",
            ),
            DirectoryError::LastWayIn => Self::forbidden(
                "This is the only way into your account. Ask an administrator for a link to choose a password first.",
            ),
            DirectoryError::Founded => Self::conflict(
                "Somebody else has just made the first account. Ask them for an invitation.",
            ),
            DirectoryError::NotAdministrator => Self::forbidden("Only administrators may do this."),
            DirectoryError::Outdated => Self::forbidden(
                "Your rights changed before this took effect, so nothing was done. Reload the page to see what you can do now.",
            ),
            DirectoryError::Moved => Self {
                retry_after: Some(Duration::from_millis(500)),
                ..Self::new(
                    v1::FailureKind::Unavailable,
                    "Somebody else changed the same thing at the same time, so nothing was done. Try again.",
                )
            },
            DirectoryError::Missing(what) => Self::not_found(format!("There is no such {what}.")),
            DirectoryError::LastAdministrator => Self::forbidden(
                "Natter needs at least one administrator. Make somebody else an administrator first.",
            ),
            DirectoryError::Store(error) => error.into(),
        }
    }
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::busy(passwords::QUEUE_IS_SHORTER),
            PasswordError::Broken(_) => {
                tracing::error!(%error, "a password could not be processed");
                Self::unavailable()
            }
        }
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::invalid(format!("The request cannot be read: {error}."))
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TextError> for Failure {
    fn from(error: TextError) -> Self {
        Self::invalid(error.to_string())
    }
}
