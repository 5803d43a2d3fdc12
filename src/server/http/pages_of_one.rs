//! A limit on the answers of one person that are in memory at once. A page is rendered whole and has no
//! budget in bytes, so that it is complete with scripts off: without a limit, somebody who asks for 300 pages
//! at once keeps everybody else waiting for all of them.
//!
//! `counted` counts what is read, `guarded` what a form answers. An answer counts until it has been sent, so
//! that a client that does not read delays only its own person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::Username;

/// Answers of one person at once. A browser asks for six at once over HTTP/1.1.
const AT_ONCE: usize = 8;

/// From how many people on those without a request under way are forgotten.
const TIDY_FROM: usize = 256;

/// The people whose requests are under way.
#[derive(Clone, Default)]
pub struct PagesOfOne(Arc<Mutex<HashMap<Username, Weak<Semaphore>>>>);

impl PagesOfOne {
    /// Runs `answer` once fewer than [`AT_ONCE`] answers of this person are under way; those of one person in
    /// their order. The answer counts until it has been sent or its connection has ended. Without a person it
    /// is not counted: the bounds on connections hold.
    pub(super) async fn answer(
        &self,
        uid: Option<&Username>,
        answer: impl Future<Output = Response>,
    ) -> Response {
        let Some(uid) = uid else {
            return answer.await;
        };
        // The semaphore is never closed.
        let permit = self.of(uid).acquire_owned().await.ok();
        answer.await.map(|body| held_by(permit, body))
    }

    fn of(&self, uid: &Username) -> Arc<Semaphore> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = people.get(uid).and_then(Weak::upgrade) {
            return theirs;
        }
        if people.len() >= TIDY_FROM {
            people.retain(|_, theirs| theirs.strong_count() > 0);
        }
        let theirs = Arc::new(Semaphore::new(AT_ONCE));
        people.insert(uid.clone(), Arc::downgrade(&theirs));
        theirs
    }
}

/// A body that holds the permit until it is dropped.
fn held_by(permit: Option<OwnedSemaphorePermit>, body: Body) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _held = &permit;
        frame
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures::FutureExt as _;

    fn name(uid: &str) -> Username {
        Username::parse(uid).unwrap()
    }

    async fn page(pages: &PagesOfOne, uid: &str) -> Response {
        let answer = async { Response::new(Body::from("a page")) };
        pages.answer(Some(&name(uid)), answer).await
    }

    #[tokio::test]
    async fn an_answer_counts_until_it_has_been_read_or_dropped() {
        let pages = PagesOfOne::default();
        let mut answers = Vec::new();
        for _ in 0..AT_ONCE {
            answers.push(page(&pages, "ada").await);
        }
        assert!(page(&pages, "ada").now_or_never().is_none());
        assert!(page(&pages, "ben").now_or_never().is_some());
        let read = answers.pop().unwrap().into_body().collect().await;
        assert_eq!(read.unwrap().to_bytes(), "a page");
        let next = page(&pages, "ada").now_or_never();
        assert!(next.is_some() && page(&pages, "ada").now_or_never().is_none());
        drop(answers.pop());
        assert!(page(&pages, "ada").now_or_never().is_some());
    }

    #[tokio::test]
    async fn people_without_a_request_are_forgotten() {
        let pages = PagesOfOne::default();
        let held = page(&pages, "ada").await;
        for n in 0..3 * TIDY_FROM {
            drop(page(&pages, &format!("person-{n}")).await);
        }
        let people = pages.0.lock().unwrap();
        assert!(people.len() <= TIDY_FROM && people.contains_key(&name("ada")));
        drop(held);
    }
}
