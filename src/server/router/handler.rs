//! What can be a handler: async functions of up to four arguments.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{FromRequest, IntoReply, Request};
use crate::server::Failure;

/// Answers requests. Implemented for async functions; `A` is the tuple of their arguments.
pub trait Handler<A, S>: Clone + Send + Sync + 'static {
    /// Answers one.
    fn call(
        self,
        request: Request,
        state: S,
    ) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send + 'static;

    /// What goes in and what comes back.
    #[must_use]
    fn messages() -> Messages;
}

/// The full names of a handler's protobuf messages; `None` where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// The payload of a request.
    pub request: Option<String>,
    /// The payload of a reply.
    pub response: Option<String>,
}

pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send>>;

/// A handler whose arguments are no longer known.
pub(super) type Erased<S> = Arc<dyn Fn(Request, S) -> Answer + Send + Sync>;

pub(super) fn erase<A: 'static, S: Send + 'static>(handler: impl Handler<A, S>) -> Erased<S> {
    Arc::new(move |request, state| Box::pin(handler.clone().call(request, state)))
}

macro_rules! handler {
    ($($argument:ident),*) => {
        impl<F, Fut, R, S, $($argument,)*> Handler<($($argument,)*), S> for F
        where
            F: FnOnce($($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply + 'static,
            S: Send + Sync + 'static,
            $($argument: FromRequest<S> + Send + 'static,)*
        {
            #[allow(non_snake_case, unused_variables)]
            async fn call(self, request: Request, state: S) -> Result<Vec<u8>, Failure> {
                $(let $argument = $argument::from_request(&request, &state)?;)*
                drop((request, state));
                self($($argument),*).await.into_reply()
            }

            fn messages() -> Messages {
                let read: Vec<Option<String>> = vec![$($argument::message_name()),*];
                Messages {
                    request: read.into_iter().flatten().next(),
                    response: R::message_name(),
                }
            }
        }
    };
}

handler!();
handler!(A1);
handler!(A1, A2);
handler!(A1, A2, A3);
handler!(A1, A2, A3, A4);
