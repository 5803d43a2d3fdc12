//! A route, and what the router knows of it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Request;
use super::handler::{self, Erased, Handler, Messages};
use super::stats::Stats;

/// A handler on a subject pattern.
pub(super) struct Endpoint<S> {
    pub handler: Erased<S>,
    /// What natter passes on to this route's subjects, where it does.
    pub is_own: Option<fn(&Request) -> bool>,
    pub about: Arc<About>,
}

/// What is told of an endpoint.
pub(super) struct About {
    pub name: String,
    pub pattern: &'static str,
    pub messages: Messages,
    pub stats: Stats,
    /// That somebody asks and wants no answer was logged once.
    pub told_of_silence: AtomicBool,
}

impl<S: Send + 'static> Endpoint<S> {
    pub fn new<A: 'static, H: Handler<A, S>>(pattern: &'static str, handler: H) -> Self {
        Self {
            handler: handler::erase(handler),
            is_own: None,
            about: Arc::new(About {
                name: name_of(pattern),
                pattern,
                messages: H::messages(),
                stats: Stats::default(),
                told_of_silence: AtomicBool::new(false),
            }),
        }
    }

    pub fn past_own(self, is_own: fn(&Request) -> bool) -> Self {
        Self {
            is_own: Some(is_own),
            ..self
        }
    }
}

/// What follows the caller in a pattern, in the characters that ADR-32 allows in a name.
fn name_of(pattern: &str) -> String {
    let tokens = pattern.split('.').skip_while(|token| *token != "*").skip(1);
    tokens.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_called_by_what_it_does() {
        assert_eq!(name_of("*.echo"), "echo");
        assert_eq!(name_of("*.echo.identified"), "echo-identified");
        assert_eq!(name_of("natter.svc.*.post"), "post");
    }
}
