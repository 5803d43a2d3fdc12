//! Limits on wrong passwords.
//!
//! Other people's guesses must not keep a person from signing in, so tries are counted by guesser and
//! account. A second allowance, slower and larger, holds for an account over all guessers that are not
//! known there. It limits the guesses of many addresses together, and using it up takes many addresses.
//! `docs/decisions/0026` has the arithmetic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Allowance;
use super::buckets::Buckets;
use crate::domain::Username;
use crate::server::source::Source;
use crate::server::store::SessionId;

/// Wrong passwords of one guesser at one account.
const EACH: Allowance = Allowance::new(10, Duration::from_secs(20 * 60));
/// Wrong passwords at one account from all addresses together: ten times the rate of one of them.
const ACCOUNT: Allowance = Allowance::new(1_000, Duration::from_secs(2 * 60));

/// The most guessers and names without an account, about 10 MB. Accounts always have their allowance.
const MOST: usize = 100_000;

/// The identifier of a known browser (`http::known`).
pub type BrowserId = [u8; 8];

/// The client that tries a password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// A client of which only the address is known.
    Source(Source),
    /// A browser that was signed in to this account before.
    Browser(BrowserId),
    /// A session of the account.
    Session(SessionId),
}

/// All tries, by guesser and account.
pub(super) struct Guesses {
    each: Buckets<(Guesser, Username)>,
    accounts: Buckets<Username>,
    /// Names without an account. They are answered alike, so that nobody learns which names have none.
    made_up: Buckets<Username>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            each: Buckets::new(EACH, MOST),
            accounts: Buckets::new(ACCOUNT, usize::MAX),
            made_up: Buckets::new(ACCOUNT, MOST),
        }
    }
}

impl Guesses {
    pub(super) fn begin(
        self: &Arc<Self>,
        guesser: Guesser,
        uid: &Username,
        exists: bool,
    ) -> Result<Guess, Duration> {
        let now = Instant::now();
        let guess = Guess {
            guesses: Arc::clone(self),
            key: (guesser, uid.clone()),
            exists,
        };
        self.each.take(guess.key.clone(), now)?;
        if let Some(all) = guess.of_all() {
            let taken = all.take(uid.clone(), now);
            if let Err(wait) = taken {
                self.each.give_back(&guess.key);
                return Err(wait);
            }
        }
        Ok(guess)
    }

    pub(super) fn tidy(&self, now: Instant) {
        self.each.tidy(now);
        self.accounts.tidy(now);
        self.made_up.tidy(now);
    }
}

/// A try that is counted as a wrong password unless it is given back.
pub struct Guess {
    guesses: Arc<Guesses>,
    key: (Guesser, Username),
    exists: bool,
}

impl Guess {
    /// The password was right, or was not checked.
    pub fn give_back(self) {
        self.guesses.each.give_back(&self.key);
        if let Some(all) = self.of_all() {
            all.give_back(&self.key.1);
        }
    }

    /// The allowance over all strangers. Guessers known at the account do not count there.
    fn of_all(&self) -> Option<&Buckets<Username>> {
        match (&self.key.0, self.exists) {
            (Guesser::Source(_), true) => Some(&self.guesses.accounts),
            (Guesser::Source(_), false) => Some(&self.guesses.made_up),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Username {
        Username::parse("ada").unwrap()
    }

    fn from(n: u16) -> Guesser {
        let [high, low] = n.to_be_bytes();
        Guesser::Source(Source::from(std::net::IpAddr::from([192, 0, high, low])))
    }

    /// How many of this many wrong passwords are accepted for checking.
    fn wrong(guesses: &Arc<Guesses>, guesser: &Guesser, uid: &Username, tries: usize) -> usize {
        let tries = (0..tries).map(|_| guesses.begin(guesser.clone(), uid, true));
        tries.filter(Result::is_ok).count()
    }

    #[test]
    fn one_address_uses_up_its_own_allowance_and_nobody_elses() {
        let guesses = Arc::new(Guesses::default());
        assert_eq!(wrong(&guesses, &from(1), &ada(), 2_000), 10);
        assert_eq!(wrong(&guesses, &from(2), &ada(), 1), 1);
        let ben = Username::parse("ben").unwrap();
        assert_eq!(wrong(&guesses, &from(1), &ben, 1), 1);
    }

    #[test]
    fn all_addresses_together_are_bounded_and_whoever_is_known_passes() {
        let guesses = Arc::new(Guesses::default());
        let tried = (0..1_000).map(|n| wrong(&guesses, &from(n), &ada(), 10));
        assert_eq!(tried.sum::<usize>(), 1_000);
        assert_eq!(wrong(&guesses, &from(1_001), &ada(), 1), 0);
        let session = format!("ada.{}", "A".repeat(43));
        let session = SessionId::parse(&session).unwrap();
        for known in [
            Guesser::Browser([1; 8]),
            Guesser::Browser([2; 8]),
            Guesser::Session(session),
        ] {
            // A stolen mark has a limit too.
            assert_eq!(wrong(&guesses, &known, &ada(), 100), 10);
        }
    }

    #[test]
    fn a_right_password_costs_nothing() {
        let guesses = Arc::new(Guesses::default());
        for _ in 0..2_000 {
            guesses.begin(from(1), &ada(), true).unwrap().give_back();
        }
        assert_eq!(wrong(&guesses, &from(1), &ada(), 20), 10);
        // A try that is refused for its address does not count against the account.
        let tried = (2..1_000).map(|n| wrong(&guesses, &from(n), &ada(), 20));
        assert_eq!(tried.sum::<usize>(), 990);
    }

    #[test]
    fn names_that_nobody_has_are_answered_alike() {
        for exists in [true, false] {
            let guesses = Arc::new(Guesses::default());
            let tries = (0..200).flat_map(|n| std::iter::repeat_n(from(n), 20));
            let passed = tries.filter(|who| guesses.begin(who.clone(), &ada(), exists).is_ok());
            assert_eq!(passed.count(), 1_000, "{exists}");
        }
    }
}
