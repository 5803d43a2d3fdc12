//! The bodies that are in memory, counted by whoever sends them. Each takes up to 10 MB (a picture) or 128 kB
//! (a form), and may take most of an hour, or 42 s, at the minimum rate.
//!
//! A body of at most [`SMALL`] bytes is not counted: the number of connections bounds those.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Username;
use crate::server::source::{Asker, Source};

/// What a form of somebody who is not signed in takes at most, and what is read of every other body before
/// it is counted.
pub(super) const SMALL: usize = 8 * 1_024;

/// Large bodies of one person at once: a second tab's, and no more.
const UPLOADS: Bound = Bound { each: 2, all: 32 };

/// Larger forms of people who are signed in: up to 16 MB.
const OF_PEOPLE: Bound = Bound { each: 8, all: 128 };

/// Larger forms that come without a session: up to 8 MB. Natter gives the text back that somebody wrote
/// before their session ended.
const OF_SOURCES: Bound = Bound { each: 8, all: 64 };

/// All of them.
#[derive(Clone)]
pub struct Bodies {
    uploads: Counted<Username>,
    of_people: Counted<Username>,
    of_sources: Counted<Source>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            uploads: Counted::new(UPLOADS),
            of_people: Counted::new(OF_PEOPLE),
            of_sources: Counted::new(OF_SOURCES),
        }
    }
}

impl Bodies {
    /// Counts one more picture, until what is given back is dropped. `None`: this person has as many as one
    /// may have, or all have together.
    pub(super) fn begin_upload(&self, uid: &Username) -> Option<Held> {
        self.uploads.begin(uid.clone())
    }

    /// Counts one more form past [`SMALL`] in the same way.
    pub(super) fn begin_form(&self, asker: Asker) -> Option<Held> {
        match asker {
            Asker::Person(uid) => self.of_people.begin(uid),
            Asker::Source(source) => self.of_sources.begin(source),
        }
    }
}

/// So many are in memory at once.
#[derive(Debug, Clone, Copy)]
struct Bound {
    each: usize,
    all: usize,
}

/// How many there are of each.
struct Counted<K> {
    bound: Bound,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K> Clone for Counted<K> {
    fn clone(&self) -> Self {
        Self {
            bound: self.bound,
            counts: Arc::clone(&self.counts),
        }
    }
}

impl<K: Hash + Eq + Clone + Send + 'static> Counted<K> {
    fn new(bound: Bound) -> Self {
        Self {
            bound,
            counts: Arc::default(),
        }
    }

    fn begin(&self, key: K) -> Option<Held> {
        let mut counts = self.lock();
        if counts.values().sum::<usize>() >= self.bound.all {
            return None;
        }
        let count = counts.entry(key.clone()).or_default();
        if *count >= self.bound.each {
            return None;
        }
        *count += 1;
        let counted = self.clone();
        Some(Held(Some(Box::new(move || counted.end(&key)))))
    }

    fn end(&self, key: &K) {
        let mut counts = self.lock();
        match counts.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(key)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is counted.
pub(super) struct Held(Option<Box<dyn FnOnce() + Send>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_two_uploads_at_once_and_others_theirs() {
        let bodies = Bodies::default();
        let [ada, ben] = ["ada", "ben"].map(|uid| Username::parse(uid).unwrap());
        let first = bodies.begin_upload(&ada);
        let second = bodies.begin_upload(&ada);
        assert!(first.is_some() && second.is_some() && bodies.begin_upload(&ada).is_none());
        assert!(bodies.begin_upload(&ben).is_some());
        drop(first);
        assert!(bodies.begin_upload(&ada).is_some());
        drop(second);
        assert!(
            bodies.uploads.lock().is_empty(),
            "nothing is left of who is done"
        );
    }

    #[test]
    fn all_people_together_have_so_many() {
        let bodies = Bodies::default();
        let names = (0..UPLOADS.all).map(|n| Username::parse(&format!("person-{n}")).unwrap());
        let mut held: Vec<_> = names.map(|uid| bodies.begin_upload(&uid)).collect();
        assert!(held.iter().all(Option::is_some));
        let ada = Username::parse("ada").unwrap();
        assert!(bodies.begin_upload(&ada).is_none());
        held.pop();
        assert!(bodies.begin_upload(&ada).is_some());
    }

    #[test]
    fn strangers_take_nothing_from_who_is_signed_in() {
        let bodies = Bodies::default();
        let address = |n: usize| std::net::IpAddr::from([192, 0, 2, u8::try_from(n).unwrap()]);
        let stranger = |n: usize| bodies.begin_form(Asker::Source(address(n).into()));
        let held: Vec<_> = (0..OF_SOURCES.all)
            .map(|n| stranger(n / OF_SOURCES.each))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(stranger(200).is_none());
        let ada = Asker::Person(Username::parse("ada").unwrap());
        assert!(bodies.begin_form(ada).is_some());
    }
}
