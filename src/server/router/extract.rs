//! What a handler's arguments can be.

use prost::{Message, Name};

use super::Request;
use crate::domain::Username;
use crate::server::Failure;

/// Made from a request, or a reason why not.
pub trait FromRequest<S>: Sized {
    /// Takes what it needs.
    ///
    /// # Errors
    /// The request does not have it: the caller is told, and the handler does not run.
    fn from_request(request: &Request, state: &S) -> Result<Self, Failure>;

    /// The full name of the protobuf message that it reads, when it reads the payload.
    #[must_use]
    fn message_name() -> Option<String> {
        None
    }
}

/// A protobuf message: as an argument the request's payload, as a return value the reply's.
#[derive(Debug, Clone, PartialEq)]
pub struct Proto<T>(pub T);

impl<S, T: Message + Name + Default> FromRequest<S> for Proto<T> {
    fn from_request(request: &Request, _: &S) -> Result<Self, Failure> {
        T::decode(request.payload.clone())
            .map(Self)
            .map_err(|_| Failure::malformed(&T::full_name()))
    }

    fn message_name() -> Option<String> {
        Some(T::full_name())
    }
}

/// Who asks, by the subject that the broker let them publish to; never by the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentUser(pub Username);

impl<S> FromRequest<S> for CurrentUser {
    fn from_request(request: &Request, _: &S) -> Result<Self, Failure> {
        Ok(Self(request.caller.clone()))
    }
}

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct State<S>(pub S);

impl<S: Clone> FromRequest<S> for State<S> {
    fn from_request(_: &Request, state: &S) -> Result<Self, Failure> {
        Ok(Self(state.clone()))
    }
}
