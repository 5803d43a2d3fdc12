//! The large bodies that are in memory, counted by person: each may take megabytes and, at the least
//! rate, most of an hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Username;

/// Large bodies of one person at once: a second tab's, and no more.
const AT_ONCE: usize = 2;

/// Large bodies of all people at once: up to 320 MB.
const IN_ALL: usize = 32;

/// All of them.
#[derive(Clone, Default)]
pub struct Uploads(Arc<Mutex<HashMap<Username, usize>>>);

impl Uploads {
    /// Counts one more, until what is given back is dropped. `None`: this person has as many as one
    /// may have, or all have together.
    pub(super) fn begin(&self, uid: &Username) -> Option<Upload> {
        let mut all = self.lock();
        if all.values().sum::<usize>() >= IN_ALL {
            return None;
        }
        let count = all.entry(uid.clone()).or_default();
        if *count >= AT_ONCE {
            return None;
        }
        *count += 1;
        Some(Upload {
            uploads: self.clone(),
            uid: uid.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Username, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is counted.
pub(super) struct Upload {
    uploads: Uploads,
    uid: Username,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut all = self.uploads.lock();
        match all.get_mut(&self.uid) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(all.remove(&self.uid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_two_at_once_and_others_theirs() {
        let uploads = Uploads::default();
        let [ada, ben] = ["ada", "ben"].map(|uid| Username::parse(uid).unwrap());
        let first = uploads.begin(&ada);
        let second = uploads.begin(&ada);
        assert!(first.is_some() && second.is_some() && uploads.begin(&ada).is_none());
        assert!(uploads.begin(&ben).is_some());
        drop(first);
        assert!(uploads.begin(&ada).is_some());
        drop(second);
        assert!(uploads.lock().is_empty(), "nothing is left of who is done");
    }

    #[test]
    fn all_people_together_have_so_many() {
        let uploads = Uploads::default();
        let names = (0..IN_ALL).map(|n| Username::parse(&format!("person-{n}")).unwrap());
        let mut held: Vec<_> = names.map(|uid| uploads.begin(&uid)).collect();
        assert!(held.iter().all(Option::is_some));
        let ada = Username::parse("ada").unwrap();
        assert!(uploads.begin(&ada).is_none());
        held.pop();
        assert!(uploads.begin(&ada).is_some());
    }
}
