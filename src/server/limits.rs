//! How much one person or one address may do. nats-server limits nobody (Must hold, 8), so natter
//! does. Limits are per instance, so their sum is bounded by the number of instances.
//!
//! Who runs into a limit is told when to try again. Who goes on all the same is cut off for a
//! while: their connections are ended, and they are told so.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::Failure;
use super::source::Source;
use crate::domain::Username;

mod buckets;
mod by_others;
mod guesses;
mod requests;

pub use guesses::{BrowserId, Guess, Guesser};
pub use requests::{AccountMark, Wanted};

/// How long somebody is cut off who goes on past a limit.
pub const CUT_OFF: Duration = Duration::from_secs(60);

/// While somebody is cut off and messages of theirs still come, their connections are ended this often.
const CUT_AGAIN: Duration = Duration::from_secs(1);

/// How often those who have done nothing lately are forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// So many at once, and then one more after each pause.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    at_once: u32,
    pause: Duration,
}

impl Allowance {
    const fn new(at_once: u32, pause: Duration) -> Self {
        Self { at_once, pause }
    }
}

/// Signing in from one address: an office has one.
const SIGN_IN_ADDRESS: Allowance = Allowance::new(60, Duration::from_secs(1));
/// Sessions that one person begins.
const SESSION: Allowance = Allowance::new(30, Duration::from_secs(10));
/// Making accounts from one address.
const SIGN_UP_ADDRESS: Allowance = Allowance::new(100, Duration::from_secs(5));
/// Requests of any kind, over NATS.
const REQUEST: Allowance = Allowance::new(100, Duration::from_millis(50));
/// Bytes of payload that count as one request more. The longest message is three to five.
const UNIT: usize = 4_096;
/// Requests that were refused for being too many.
const REFUSED_REQUEST: Allowance = Allowance::new(1_000, Duration::from_millis(100));
/// Messages.
const POST: Allowance = Allowance::new(60, Duration::from_millis(100));
/// Making, joining and changing rooms and who is in them.
const CHANGE: Allowance = Allowance::new(30, Duration::from_millis(500));
/// Marking rooms as read: every client of somebody does so once a second at most.
const READ: Allowance = Allowance::new(60, Duration::from_millis(200));
/// Pictures of oneself.
const PICTURE: Allowance = Allowance::new(10, Duration::from_secs(60));
/// Connections to the broker.
const CONNECT: Allowance = Allowance::new(60, Duration::from_millis(500));

/// One limit, by who or what it is about.
struct Limit<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    at_once: NonZeroU32,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(allowance: Allowance) -> Self {
        let at_once = NonZeroU32::new(allowance.at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(allowance.pause)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(at_once);
        Self {
            limiter: RateLimiter::keyed(quota),
            at_once,
        }
    }

    /// Counts one. An error says when to try again.
    fn check(&self, key: &K) -> Result<(), Duration> {
        self.limiter
            .check_key(key)
            .map_err(|not_yet| not_yet.wait_time_from(DefaultClock::default().now()))
    }

    /// Counts several at once. More than the limit ever allows counts as all that it allows.
    fn check_n(&self, key: &K, count: NonZeroU32) -> Result<(), Duration> {
        match self.limiter.check_key_n(key, count.min(self.at_once)) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_yet)) => Err(not_yet.wait_time_from(DefaultClock::default().now())),
        }
    }
}

/// What a message over NATS counts for: a large one keeps the reader as busy as several small ones.
fn units(bytes: usize) -> NonZeroU32 {
    let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
    NonZeroU32::MIN.saturating_add(units)
}

/// All limits of one natter.
#[derive(Clone)]
pub struct Limits {
    all: Arc<All>,
}

struct All {
    sign_in_address: Limit<Source>,
    guesses: Arc<guesses::Guesses>,
    session: Limit<Username>,
    sign_up_address: Limit<Source>,
    http: requests::Requests,
    request: Limit<Username>,
    refused_request: Limit<Username>,
    post: Limit<Username>,
    change: Limit<Username>,
    read: Limit<Username>,
    picture: Limit<Username>,
    connect: Limit<Username>,
    by_others: by_others::ByOthers,
    cut_off: Mutex<HashMap<Username, Cut>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            all: Arc::new(All {
                sign_in_address: Limit::new(SIGN_IN_ADDRESS),
                guesses: Arc::default(),
                session: Limit::new(SESSION),
                sign_up_address: Limit::new(SIGN_UP_ADDRESS),
                http: requests::Requests::default(),
                request: Limit::new(REQUEST),
                refused_request: Limit::new(REFUSED_REQUEST),
                post: Limit::new(POST),
                change: Limit::new(CHANGE),
                read: Limit::new(READ),
                picture: Limit::new(PICTURE),
                connect: Limit::new(CONNECT),
                by_others: by_others::ByOthers::default(),
                cut_off: Mutex::default(),
            }),
        }
    }
}

/// Somebody is cut off.
struct Cut {
    until: Instant,
    /// From when on a message of theirs shows that they have a connection again, or still.
    again: Instant,
}

/// What becomes of one request too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excess {
    /// It is refused.
    Refused(Failure),
    /// It is thrown away: who sends it has gone on past the limit all the same, and is cut off.
    CutOff {
        /// Their connections are to be ended now: they have just been cut off, or there are such
        /// all the same.
        cut_now: bool,
    },
}

impl Limits {
    /// Counts a password of somebody who is not known at the account.
    ///
    /// # Errors
    /// Too many from this address.
    pub fn sign_in(&self, source: Source) -> Result<(), Failure> {
        let from = self.all.sign_in_address.check(&source);
        from.map_err(Failure::too_many)
    }

    /// Counts a step of a sign-in at an identity provider. A browser that was signed in to an account
    /// before has an allowance of its own when that of the address is used up.
    ///
    /// # Errors
    /// Too many from this address.
    pub fn sign_in_elsewhere(
        &self,
        source: Source,
        known: Option<AccountMark>,
    ) -> Result<(), Failure> {
        let from = self.all.sign_in_address.check(&source);
        let from =
            from.or_else(|wait| known.map_or(Err(wait), |known| self.all.http.of_known(known)));
        from.map_err(Failure::too_many)
    }

    /// Counts a try at the password of a name, that of an account (`exists`) or of none.
    ///
    /// # Errors
    /// Too many wrong ones of this guesser, or of all addresses together.
    pub fn guess(&self, guesser: Guesser, uid: &Username, exists: bool) -> Result<Guess, Failure> {
        let guess = self.all.guesses.begin(guesser, uid, exists);
        guess.map_err(Failure::too_many_guesses)
    }

    /// Counts an HTTP request of somebody with a session.
    ///
    /// # Errors
    /// Too many. It says when to try again.
    pub fn http_of_person(&self, wanted: Wanted, uid: &Username) -> Result<(), Duration> {
        self.all.http.of_person(wanted, uid)
    }

    /// Counts an HTTP request of anybody else. A browser that was signed in to an account before has
    /// an allowance of its own when that of the address is used up.
    ///
    /// # Errors
    /// Too many. It says when to try again.
    pub fn http_of_source(
        &self,
        wanted: Wanted,
        source: Source,
        known: Option<AccountMark>,
    ) -> Result<(), Duration> {
        let http = &self.all.http;
        let by_source = http.of_source(wanted, source);
        by_source.or_else(|wait| known.map_or(Err(wait), |account| http.of_known(account)))
    }

    /// Counts a session that somebody begins who has shown who they are: each is kept for a month.
    ///
    /// # Errors
    /// Too many of this person.
    pub fn session(&self, uid: &Username) -> Result<(), Failure> {
        self.all.session.check(uid).map_err(Failure::too_many)
    }

    /// Would a session be worth looking up that a request has of `uid`, as it says? Not when it is
    /// refused either way: that of a person who has used their allowance up, or one that is made up at an
    /// address that has.
    ///
    /// # Errors
    /// It would not. It says when to try again.
    pub fn http_look_up(
        &self,
        wanted: Wanted,
        uid: &Username,
        source: Source,
        known: Option<AccountMark>,
    ) -> Result<(), Duration> {
        self.all.http.look_up(wanted, uid, source, known)
    }

    /// Counts an account.
    ///
    /// # Errors
    /// Too many from this address.
    pub fn sign_up(&self, source: Source) -> Result<(), Failure> {
        let from = self.all.sign_up_address.check(&source);
        from.map_err(Failure::too_many)
    }

    /// Counts anything that somebody sends over NATS, with so many bytes of payload.
    ///
    /// # Errors
    /// Too many.
    pub fn request(&self, uid: &Username, bytes: usize) -> Result<(), Excess> {
        if let Some(cut_now) = self.goes_on(uid, Instant::now) {
            return Err(Excess::CutOff { cut_now });
        }
        let units = units(bytes);
        let Err(wait) = self.all.request.check_n(uid, units) else {
            return Ok(());
        };
        if self.all.refused_request.check_n(uid, units).is_ok() {
            return Err(Excess::Refused(Failure::too_many(wait)));
        }
        self.cut_off(uid, Instant::now());
        Err(Excess::CutOff { cut_now: true })
    }

    /// Cuts somebody off for what natter itself does not count. False: they are cut off already.
    #[must_use]
    pub fn cut_off_now(&self, uid: &Username) -> bool {
        let is_new = !self.is_cut_off(uid);
        if is_new {
            self.cut_off(uid, Instant::now());
        }
        is_new
    }

    /// Counts a message.
    ///
    /// # Errors
    /// Too many.
    pub fn post(&self, uid: &Username) -> Result<(), Failure> {
        self.all.post.check(uid).map_err(Failure::too_many)
    }

    /// Counts a change of rooms or of who is in them.
    ///
    /// # Errors
    /// Too many.
    pub fn change(&self, uid: &Username) -> Result<(), Failure> {
        self.all.change.check(uid).map_err(Failure::too_many)
    }

    /// Counts one time that somebody marks rooms as read.
    ///
    /// # Errors
    /// Too many.
    pub fn read(&self, uid: &Username) -> Result<(), Failure> {
        self.all.read.check(uid).map_err(Failure::too_many)
    }

    /// Counts a picture that somebody uploads, or takes away.
    ///
    /// # Errors
    /// Too many.
    pub fn picture(&self, uid: &Username) -> Result<(), Failure> {
        self.all.picture.check(uid).map_err(Failure::too_many)
    }

    /// Counts a connection to the broker. False: not now.
    #[must_use]
    pub fn may_connect(&self, uid: &Username) -> bool {
        !self.is_cut_off(uid)
            && (self.all.by_others.is_forgiven(uid) || self.all.connect.check(uid).is_ok())
    }

    /// Is this person cut off now?
    #[must_use]
    pub fn is_cut_off(&self, uid: &Username) -> bool {
        self.cut_off_for(uid).is_some()
    }

    /// For how long this person is cut off yet, if they are.
    #[must_use]
    pub fn cut_off_for(&self, uid: &Username) -> Option<Duration> {
        let cut_off = lock(&self.all.cut_off);
        let left = cut_off.get(uid)?.until;
        let left = left.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Something of somebody who may be cut off has come. `None`: they are not; else whether their
    /// connections are to be ended once more.
    fn goes_on(&self, uid: &Username, now: impl FnOnce() -> Instant) -> Option<bool> {
        let mut cut_off = lock(&self.all.cut_off);
        let cut = cut_off.get_mut(uid)?;
        let now = now();
        if cut.until <= now {
            return None;
        }
        let is_due = cut.again <= now;
        if is_due {
            cut.again = now + CUT_AGAIN;
        }
        Some(is_due)
    }

    fn cut_off(&self, uid: &Username, now: Instant) {
        let mut all = lock(&self.all.cut_off);
        let cut = Cut {
            until: now + CUT_OFF,
            again: now + CUT_AGAIN,
        };
        all.insert(uid.clone(), cut);
    }

    /// Forgets those who have done nothing lately, now and then, for ever.
    pub async fn tidy(self) {
        loop {
            tokio::time::sleep(TIDY).await;
            let all = &self.all;
            all.sign_in_address.limiter.retain_recent();
            all.sign_up_address.limiter.retain_recent();
            all.guesses.tidy(Instant::now());
            all.http.tidy(Instant::now());
            for by_person in [
                &all.session,
                &all.request,
                &all.refused_request,
                &all.post,
                &all.change,
                &all.read,
                &all.picture,
                &all.connect,
            ] {
                by_person.limiter.retain_recent();
            }
            let now = Instant::now();
            all.by_others.tidy(now);
            lock(&all.cut_off).retain(|_, cut| cut.until > now);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn one_person_is_limited_and_no_other() {
        let limits = Limits::default();
        let ada = name("ada");
        let refused = (0..200)
            .filter(|_| limits.request(&ada, 0).is_err())
            .count();
        assert!((50..=100).contains(&refused), "{refused} of 200 at once");
        assert_eq!(limits.request(&name("ben"), 0), Ok(()));
    }

    #[test]
    fn who_goes_on_is_cut_off_and_cannot_connect() {
        let limits = Limits::default();
        let ada = name("ada");
        let is_cut = |excess: &Result<(), Excess>| matches!(excess, Err(Excess::CutOff { .. }));
        let before = (0..5_000).take_while(|_| !is_cut(&limits.request(&ada, 0)));
        assert!((1_000..1_500).contains(&before.count()));
        assert!(limits.is_cut_off(&ada) && !limits.may_connect(&ada));
        assert!(is_cut(&limits.request(&ada, 0)), "and stays so");
        assert!(limits.may_connect(&name("ben")));
    }

    #[test]
    fn large_messages_end_sooner_than_small_ones() {
        let ada = name("ada");
        let until_cut = |bytes| {
            let limits = Limits::default();
            let is_cut =
                |_: &u32| matches!(limits.request(&ada, bytes), Err(Excess::CutOff { .. }));
            (0..5_000).find(is_cut).unwrap_or(5_000)
        };
        // What is read until then is less than the broker lets wait for natter (8 MB).
        assert!(until_cut(65_536) < 80);
        assert!(until_cut(100) >= 1_000);
    }

    #[test]
    fn who_sends_while_cut_off_is_cut_again_once_a_second() {
        let (limits, now) = (Limits::default(), Instant::now());
        let ada = name("ada");
        let goes_on = |after: u64| {
            let at = now + Duration::from_millis(after);
            limits.goes_on(&ada, || at)
        };
        assert_eq!(goes_on(0), None);
        limits.cut_off(&ada, now);
        assert_eq!(goes_on(999), Some(false));
        assert_eq!(goes_on(1_000), Some(true));
        assert_eq!(goes_on(1_500), Some(false));
        assert_eq!(goes_on(2_000), Some(true));
        assert_eq!(goes_on(60_000), None);
    }

    #[test]
    fn one_address_tries_only_so_many_names() {
        let limits = Limits::default();
        let from = |n: u8| Source::from(std::net::IpAddr::from([192, 0, 2, n]));
        let tries = (0..200).filter(|_| limits.sign_in(from(200)).is_ok());
        assert!((50..=70).contains(&tries.count()));
        assert_eq!(limits.sign_in(from(1)), Ok(()));
    }
}
