//! What goes wrong at the provider.

use std::error::Error;
use std::time::Duration;

use openidconnect::{ClaimsVerificationError, DiscoveryError, RequestTokenError};

use super::back_channel::NoAnswer;
use crate::server::Failure;
use crate::wire::v1::FailureKind;

/// Why nobody was recognised.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider is not there.
    #[error("the identity provider does not answer: {0}")]
    Unreachable(String),
    /// What it says of itself cannot be used.
    #[error("the identity provider cannot be used: {0}")]
    Unusable(String),
    /// It does not take the code: it is used up, too old, or another client's.
    #[error("the identity provider refused the code: {0}")]
    CodeRefused(String),
    /// Its word does not hold.
    #[error("the identity provider’s ID token does not hold: {0}")]
    Token(String),
    /// Its word is not that of a key that it has.
    #[error("the identity provider’s ID token has a wrong signature: {0}")]
    Signature(String),
}

impl OidcError {
    /// In words for the person; `label` is what they call the provider.
    #[must_use]
    pub fn failure(&self, label: &str) -> Failure {
        let unavailable = |reason| Failure {
            kind: FailureKind::Unavailable,
            reason,
            retry_after: Some(Duration::from_secs(2)),
        };
        match self {
            Self::Unreachable(_) => {
                tracing::warn!(error = %self, "nobody can sign in with OpenID Connect");
                unavailable(format!(
                    "{label} does not answer right now. Try again in a moment, or sign in with your password."
                ))
            }
            Self::Unusable(_) => {
                tracing::error!(error = %self, "nobody can sign in with OpenID Connect");
                unavailable(format!(
                    "Signing in with {label} is not set up right. An administrator finds the reason in natter’s log."
                ))
            }
            Self::CodeRefused(_) | Self::Token(_) | Self::Signature(_) => {
                tracing::warn!(error = %self, "a sign-in with OpenID Connect was refused");
                Failure::invalid(format!(
                    "What {label} said about you could not be checked. Sign in there once more."
                ))
            }
        }
    }
}

impl From<DiscoveryError<NoAnswer>> for OidcError {
    fn from(error: DiscoveryError<NoAnswer>) -> Self {
        match error {
            DiscoveryError::Request(NoAnswer::Unsafe(_)) => Self::Unusable(chain(&error)),
            DiscoveryError::Request(_) => Self::Unreachable(chain(&error)),
            DiscoveryError::Response(status, ..) if status.is_server_error() => {
                Self::Unreachable(chain(&error))
            }
            _ => Self::Unusable(chain(&error)),
        }
    }
}

impl<T: openidconnect::ErrorResponse + 'static> From<RequestTokenError<NoAnswer, T>> for OidcError {
    fn from(error: RequestTokenError<NoAnswer, T>) -> Self {
        match error {
            RequestTokenError::Request(NoAnswer::Unsafe(_)) => Self::Unusable(chain(&error)),
            RequestTokenError::Request(_) => Self::Unreachable(chain(&error)),
            RequestTokenError::ServerResponse(_) => Self::CodeRefused(chain(&error)),
            _ => Self::Unusable(chain(&error)),
        }
    }
}

impl From<ClaimsVerificationError> for OidcError {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::SignatureVerification(_) => Self::Signature(chain(&error)),
            _ => Self::Token(chain(&error)),
        }
    }
}

/// An error with what lies behind it.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
