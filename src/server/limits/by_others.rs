//! What others do to one person: how often they may bring the person into rooms and remove them, all
//! together, and that connecting again after it is not charged to the person.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Allowance, Limit, Limits, lock};
use crate::domain::{Username, limits};

/// Bringing one person into rooms, by all others together: a page of theirs connects anew each time.
const BROUGHT_IN: Allowance = Allowance::new(30, Duration::from_secs(10));
/// Removing one person from rooms, by all others together: it can end all their connections.
const REMOVED: Allowance = Allowance::new(10, Duration::from_secs(30));
/// What one person may do to another all the same, so that nobody can keep somebody in a room by
/// using up what all may do.
const BY_ONE: Allowance = Allowance::new(1, Duration::from_secs(600));

/// How long somebody has to connect again free of charge.
const FORGIVEN_FOR: Duration = Duration::from_secs(60);

/// As many connections as one person can have.
const MOST_FORGIVEN: usize = limits::CONNECTIONS_IN_ALL;

/// What others did to people lately.
pub(super) struct ByOthers {
    brought_in: DoneTo,
    removed: DoneTo,
    forgiven: Mutex<HashMap<Username, Forgiven>>,
}

/// How often one thing was done to people.
struct DoneTo {
    by_all: Limit<Username>,
    by_one: Limit<(Username, Username)>,
}

/// Connections that are not charged to somebody, since it was natter that ended those before.
#[derive(Debug, Clone, Copy)]
struct Forgiven {
    left: usize,
    until: Instant,
}

impl Default for ByOthers {
    fn default() -> Self {
        Self {
            brought_in: DoneTo::new(BROUGHT_IN),
            removed: DoneTo::new(REMOVED),
            forgiven: Mutex::default(),
        }
    }
}

impl DoneTo {
    fn new(by_all: Allowance) -> Self {
        Self {
            by_all: Limit::new(by_all),
            by_one: Limit::new(BY_ONE),
        }
    }

    /// Counts what one does to another: by what all may do together, or else by what this one may.
    fn check(&self, by: &Username, whom: &Username) -> Result<(), Duration> {
        let Err(wait) = self.by_all.check(whom) else {
            return Ok(());
        };
        let by_one = self.by_one.check(&(by.clone(), whom.clone()));
        by_one.map_err(|_| wait)
    }

    fn tidy(&self) {
        self.by_all.limiter.retain_recent();
        self.by_one.limiter.retain_recent();
    }
}

impl ByOthers {
    /// Is a connection of this person free of charge? Uses one up.
    pub fn is_forgiven(&self, uid: &Username) -> bool {
        let mut all = lock(&self.forgiven);
        match all.get_mut(uid) {
            Some(forgiven) if forgiven.left > 0 && forgiven.until > Instant::now() => {
                forgiven.left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Forgets those to whom nothing was done lately.
    pub fn tidy(&self, now: Instant) {
        self.brought_in.tidy();
        self.removed.tidy();
        lock(&self.forgiven).retain(|_, forgiven| forgiven.until > now);
    }
}

impl Limits {
    /// Counts that somebody brings another into a room, or invites them.
    ///
    /// # Errors
    /// All others together did so too often lately: when to try again.
    pub fn brought_in(&self, by: &Username, whom: &Username) -> Result<(), Duration> {
        self.all.by_others.brought_in.check(by, whom)
    }

    /// Counts that somebody removes another from a room.
    ///
    /// # Errors
    /// All others together did so too often lately: when to try again.
    pub fn removed(&self, by: &Username, whom: &Username) -> Result<(), Duration> {
        self.all.by_others.removed.check(by, whom)
    }

    /// Lets somebody connect once more free of charge within a minute: a connection of theirs is
    /// ended by what others did.
    pub fn forgive_connect(&self, uid: &Username) {
        let until = Instant::now() + FORGIVEN_FOR;
        let mut all = lock(&self.all.by_others.forgiven);
        let forgiven = all
            .entry(uid.clone())
            .or_insert(Forgiven { left: 0, until });
        if forgiven.until <= Instant::now() {
            forgiven.left = 0;
        }
        forgiven.left = (forgiven.left + 1).min(MOST_FORGIVEN);
        forgiven.until = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn what_is_done_to_one_person_is_limited_over_all_who_do_it() {
        let limits = Limits::default();
        let (ada, ben) = (name("ada"), name("ben"));
        let by = |n: u8| name(&format!("p-{}", n % 4));
        let removed = (0..100).filter(|n| limits.removed(&by(*n), &ben).is_ok());
        // Ten, and then one by each.
        assert_eq!(removed.count(), 14);
        let brought_in = (0..100).filter(|n| limits.brought_in(&by(*n), &ben).is_ok());
        assert_eq!(brought_in.count(), 34);
        // Whoever did nothing to them yet still can.
        assert_eq!(limits.removed(&ada, &ben), Ok(()));
        assert!(limits.removed(&ada, &ben).is_err());
        assert_eq!(limits.removed(&by(0), &ada), Ok(()));
    }

    #[test]
    fn connecting_again_after_a_cut_is_free_as_often_as_connections_were_cut() {
        let limits = Limits::default();
        let ada = name("ada");
        let connect = || (0..200).filter(|_| limits.may_connect(&ada)).count();
        assert!((60..70).contains(&connect()));
        assert!(!limits.may_connect(&ada));
        for _ in 0..3 {
            limits.forgive_connect(&ada);
        }
        let again = connect();
        assert!((3..6).contains(&again), "{again}");
        (0..1_000).for_each(|_| limits.forgive_connect(&ada));
        assert!(connect() < MOST_FORGIVEN + 5);
    }
}
