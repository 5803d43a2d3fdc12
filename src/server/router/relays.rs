//! Tells natter's own messages on a person's subject from that person's. natter relays messages to
//! subjects that the receiver may publish to as well, and natter itself subscribes to them. No mark in a
//! message can say that it is natter's: the receiver could send a message with the same mark.
//!
//! So natter announces each relay, on a subject that nobody else may publish to, over the same
//! connection and just before it. NATS delivers the messages of one connection in order, so a natter
//! server knows of a relay when it arrives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Username;

/// A relay follows its announcement at once. Only one natter server hears it; the others drop the
/// announcement after this time.
const ANNOUNCED_FOR: Duration = Duration::from_secs(10);

/// The number of people in memory from which expired announcements are removed.
const TIDY_FROM: usize = 1_024;

/// Relays that were announced and have not arrived.
#[derive(Default)]
pub(super) struct Relays(Mutex<Announced>);

#[derive(Default)]
struct Announced {
    by_person: HashMap<Username, (u32, Instant)>,
    tidied: Option<Instant>,
}

impl Relays {
    /// Notes that a relay to `to` follows.
    pub fn announce(&self, to: Username, now: Instant) {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        announced.tidy(now);
        let (count, until) = announced.by_person.entry(to).or_insert((0, now));
        if *until < now {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *until = now + ANNOUNCED_FOR;
    }

    /// Is this message an announced relay to `to`? `is_it` checks its content.
    pub fn take(&self, to: &Username, now: Instant, is_it: impl FnOnce() -> bool) -> bool {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((count, until)) = announced.by_person.get_mut(to) else {
            return false;
        };
        if *until < now {
            announced.by_person.remove(to);
            return false;
        }
        if !is_it() {
            return false;
        }
        *count -= 1;
        if *count == 0 {
            announced.by_person.remove(to);
        }
        true
    }
}

impl Announced {
    fn tidy(&mut self, now: Instant) {
        let is_due = self.tidied.is_none_or(|last| last + ANNOUNCED_FOR < now);
        if is_due && self.by_person.len() >= TIDY_FROM {
            self.tidied = Some(now);
            self.by_person.retain(|_, (_, until)| *until >= now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn as_many_are_natters_own_as_were_announced() {
        let (relays, now) = (Relays::default(), Instant::now());
        let ada = name("ada");
        assert!(!relays.take(&ada, now, || true), "none was announced");
        relays.announce(ada.clone(), now);
        relays.announce(ada.clone(), now);
        assert!(!relays.take(&name("ben"), now, || true));
        assert!(!relays.take(&ada, now, || false), "a request of hers");
        let own = (0..10).filter(|_| relays.take(&ada, now, || true)).count();
        assert_eq!(own, 2);
    }

    #[test]
    fn what_does_not_come_is_forgotten() {
        let (relays, now) = (Relays::default(), Instant::now());
        let later = now + 2 * ANNOUNCED_FOR;
        for n in 0..=TIDY_FROM {
            relays.announce(name(&format!("person-{n}")), now);
        }
        assert!(!relays.take(&name("person-0"), later, || true));
        relays.announce(name("person-1"), later);
        assert_eq!(relays.0.lock().unwrap().by_person.len(), 1);
        let again = || relays.take(&name("person-1"), later, || true);
        assert_eq!((0..9).filter(|_| again()).count(), 1);
    }
}
