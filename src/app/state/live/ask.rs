//! One request of natter, and what can come of it.

use prost::Message;

use super::{Live, PATIENCE};
use crate::domain::subject;
use crate::nats::RequestError;
use crate::wire::v1;

/// ADR-32: a reply with this header says why there is no answer.
const ERROR_CODE: &str = "Nats-Service-Error-Code";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AskError {
    /// Natter says no, or later.
    Refused(v1::Failure),
    /// Nobody answered: nothing is known.
    NoAnswer,
    /// It can never be sent as it is.
    TooLarge,
}

impl AskError {
    /// In words for the person.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Refused(failure) => failure.reason.clone(),
            Self::NoAnswer => crate::app::words::NO_ANSWER.into(),
            Self::TooLarge => crate::app::words::TOO_LARGE.into(),
        }
    }
}

impl Live {
    /// Asks natter, as the person who is signed in.
    pub(super) async fn ask<Q: Message, A: Message + Default>(
        &self,
        verb: &str,
        question: &Q,
    ) -> Result<A, AskError> {
        let subject = subject::command(&self.me, verb);
        let payload = question.encode_to_vec().into();
        let reply = self
            .client
            .request(&subject, payload, PATIENCE)
            .await
            .map_err(|error| match error {
                RequestError::TooLarge { .. } => AskError::TooLarge,
                _ => AskError::NoAnswer,
            })?;
        if reply.headers.last(ERROR_CODE).is_some() {
            let failure = v1::Failure::decode(reply.payload).map_err(|_| AskError::NoAnswer)?;
            return Err(AskError::Refused(failure));
        }
        A::decode(reply.payload).map_err(|_| AskError::NoAnswer)
    }
}
