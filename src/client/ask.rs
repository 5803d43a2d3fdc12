//! One request of natter, and what can come of it.

use std::time::Duration;

use prost::Message;

use crate::domain::{Username, subject};
use crate::nats::{self, Client, RequestError};
use crate::wire::v1;

/// ADR-32: a reply with this header says why there is no answer.
const ERROR_CODE: &str = "Nats-Service-Error-Code";

/// And this one in a few words.
const ERROR_WORDS: &str = "Nats-Service-Error";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// Natter says no, or later.
    #[error("{}", .0.reason)]
    Refused(v1::Failure),
    /// Nothing came back, or it was never sent.
    #[error("{0}")]
    NoAnswer(RequestError),
    /// What came back is not the answer to this.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl AskError {
    /// It was never sent, and never will be as it is.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::NoAnswer(RequestError::TooLarge { .. }))
    }

    /// The answer is larger than the broker lets through. A retry fails too; a request for less may
    /// not.
    #[must_use]
    pub fn asked_too_much(&self) -> bool {
        matches!(self, Self::Refused(failure) if failure.kind() == v1::FailureKind::TooLarge)
    }
}

/// Asks natter, as the person that the client is connected as. `patience` is for the answer.
///
/// # Errors
/// See [`AskError`]. But for a refusal nothing is known of what became of the request.
pub async fn ask<Q: Message, A: Message + Default>(
    client: &Client,
    me: &Username,
    verb: &str,
    question: &Q,
    patience: Duration,
) -> Result<A, AskError> {
    let subject = subject::command(me, verb);
    let payload = question.encode_to_vec().into();
    let reply = client
        .request(&subject, payload, patience)
        .await
        .map_err(AskError::NoAnswer)?;
    if let Some(failure) = failure_of(&reply) {
        return Err(AskError::Refused(failure));
    }
    A::decode(reply.payload).map_err(|_| AskError::Unreadable)
}

/// The failure that a reply tells of, if it does. A service that is not natter's has no more to say
/// than the words of its header.
#[must_use]
pub fn failure_of(reply: &nats::Message) -> Option<v1::Failure> {
    let code = reply.headers.last(ERROR_CODE)?;
    let told = v1::Failure::decode(reply.payload.clone()).unwrap_or_default();
    if !told.reason.is_empty() {
        return Some(told);
    }
    let words = reply.headers.last(ERROR_WORDS).unwrap_or("error");
    Some(v1::Failure {
        reason: format!("The service says: {words} ({code})."),
        ..v1::Failure::default()
    })
}
